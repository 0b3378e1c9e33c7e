"""`benchmark` times files, alternately where there are two."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from kerasprune.core.errors import ModelFileError
from kerasprune.tflite import (
    BenchmarkResult,
    Processor,
    benchmark,
    export,
    interleaved,
    latency,
    profile,
    this_processor,
)
from kerasprune.tflite.file_widths import Widths
from kerasprune.tflite.flatbuffer import count_operators, parse
from tests.tflite.small_models import cnn, normal


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("latency")
    return [export(cnn(), folder / f"{r}.tflite", r, normal(8, 16, 16, 3)).path for r in ("int8", "float32")]


def test_one_file(files):
    result = benchmark(files[0], warmup=1, runs=5)
    assert 0 < result.model.median_ms <= result.model.p90_ms
    assert (result.threads, result.warmup, result.runs) == (1, 1, 5)
    assert result.baseline is None and result.speedup is None
    assert result.processor == this_processor()


def test_with_a_baseline_the_ratio_is_of_the_medians(files):
    result = benchmark(files[0], files[1], warmup=0, runs=9)
    assert [result.model.path, result.baseline.path] == files
    assert result.speedup == result.baseline.median_ms / result.model.median_ms


def test_all_are_timed_in_turns_in_an_order_that_changes(files, monkeypatch):
    order = []
    monkeypatch.setattr(interleaved, "milliseconds_of", lambda runner: order.append(id(runner)) or 1.0)
    benchmark(files[0], *files, warmup=1, runs=9)
    turns = [tuple(order[at : at + 3]) for at in range(0, 30, 3)]
    assert len(order) == 30 and all(set(turn) == set(turns[0]) and len(set(turn)) == 3 for turn in turns)
    assert len(set(turns)) > 1


def a_latency(name, milliseconds, size=100, int8=False, channels=(8, 16), p90=None):
    return latency.Latency(Path(name), milliseconds, p90 or milliseconds, milliseconds, size, 1, Widths(channels, int8))


AVX2 = Processor("a processor", "x86_64", 2, ("AVX2",))


@pytest.mark.parametrize(
    ("small", "processor", "words"),
    [
        ({"int8": True}, AVX2, "no instructions for int8"),
        ({"int8": True}, replace(AVX2, instructions=("AVX512_VNNI",)), "although the processor has AVX512_VNNI"),
        ({"channels": (33, 16)}, AVX2, "1 of 2 layers have a width such as 33"),
        ({}, AVX2, "--profile"),
        ({"p90": 5.0}, AVX2, "did other things"),
    ],
)
def test_why_a_smaller_file_is_not_faster(small, processor, words):
    dense = a_latency("dense.tflite", 2.0, size=200)
    small = a_latency("small.tflite", 2.0, **small)
    assert words in " ".join(BenchmarkResult(small, dense, 1.0, 1, 1, 1, processor).notes)
    fast = replace(small, median_ms=1.0, p90_ms=1.0, widths=dense.widths)
    assert BenchmarkResult(fast, dense, 2.0, 1, 1, 1, processor).notes == ()


def test_size_memory_and_widths_are_those_of_the_file(files):
    (int8, float32) = (benchmark(file, warmup=0, runs=1).model for file in files)
    assert int8.size == files[0].stat().st_size
    assert int8.memory is None or 0 < int8.memory < 2**28
    assert int8.widths == Widths((8, 8), True) and float32.widths == Widths((8, 8), False)


def test_every_op_is_timed_by_itself(files):
    for file in files:
        times = profile(file)
        ops = count_operators(parse(file.read_bytes()))
        assert Counter(time.op for time in times) == ops
        assert all(time.ms > 0 for time in times if "CONV" in time.op or time.op == "FULLY_CONNECTED")


def test_numbers_are_checked(files):
    with pytest.raises(ValueError, match="runs=0"):
        benchmark(files[0], runs=0)
    with pytest.raises(ValueError, match="threads=0"):
        benchmark(files[0], threads=0)


def test_a_bad_baseline(files, tmp_path):
    (tmp_path / "b.tflite").write_text("no")
    with pytest.raises(ModelFileError, match="b.tflite"):
        benchmark(files[0], tmp_path / "b.tflite")

"""`benchmark` times files, alternately where there are two."""

import pytest

from kerasprune.core.errors import ModelFileError
from kerasprune.tflite import benchmark, export, latency, this_processor
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


def test_both_are_timed_alternately(files, monkeypatch):
    order = []
    monkeypatch.setattr(latency, "_timed", lambda runner: order.append(id(runner)) or 1.0)
    benchmark(files[0], files[1], warmup=1, runs=3)
    assert order == order[:2] * 4 and order[0] != order[1]


def test_numbers_are_checked(files):
    with pytest.raises(ValueError, match="runs=0"):
        benchmark(files[0], runs=0)
    with pytest.raises(ValueError, match="threads=0"):
        benchmark(files[0], threads=0)


def test_a_bad_baseline(files, tmp_path):
    (tmp_path / "b.tflite").write_text("no")
    with pytest.raises(ModelFileError, match="b.tflite"):
        benchmark(files[0], tmp_path / "b.tflite")

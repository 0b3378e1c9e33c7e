"""`Timing` takes the milliseconds of files from this machine, a function or a command, and refuses what is none."""

import time

import numpy as np
import pytest

from kerasprune.core import OptionError
from kerasprune.tflite import Timing, adb, resolve_timing


def test_a_function_gets_every_file_in_turn(tmp_path):
    seen = []
    found = Timing(measure=lambda path: seen.append(path.name) or 2.5, runs=2).times([tmp_path / "a", tmp_path / "b"])
    assert seen == ["a", "b", "a", "b"]
    np.testing.assert_array_equal(found, np.full((2, 2), 2.5))


@pytest.mark.parametrize(
    ("printed", "milliseconds"),
    [
        ("loading\n12.5", 12.5),
        ("3e-2 ms", 0.03),
        ("Inference timings in us: Init: 99, First inference: 87, Warmup (avg): 5, Inference (avg): 1500.0\n", 1.5),
    ],
)
def test_what_a_command_prints(printed, milliseconds, tmp_path):
    (tmp_path / "a b.txt").write_text(printed)
    assert Timing(measure="cat {model}", runs=1).times([tmp_path / "a b.txt"]) == [[milliseconds]]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo broken {model} && exit 3", "exit status 3.*broken"),
        ("echo fast # {model}", "prints milliseconds.*'fast'"),
        ("true {model}", "prints milliseconds.*''"),
        ("echo 0 # {model}", "above 0"),
        ("echo -4 # {model}", "above 0"),
        ("no-such-tool {model}", "exit status 127"),
    ],
)
def test_a_command_that_gives_nothing(command, words, tmp_path):
    with pytest.raises(OptionError, match=words):
        Timing(measure=command).times([tmp_path / "a"])


def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path):
    start = time.perf_counter()
    with pytest.raises(OptionError, match="longer than 0.2 seconds"):
        Timing(measure="sleep 30 | cat {model} - ", timeout=0.2).times([tmp_path / "a"])
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), "3", None])
def test_a_function_that_returns_no_time(value, tmp_path):
    with pytest.raises(OptionError, match="returns milliseconds above 0"):
        Timing(measure=lambda path: value).times([tmp_path / "a"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"measure": "adb shell run"}, "holds {model}"),
        ({"threads": 0}, "threads=0"),
        ({"runs": 0}, "runs=0"),
        ({"timeout": 0}, "timeout=0"),
        ({"recipe": "int3"}, "int3"),
    ],
)
def test_options_are_checked(options, words):
    with pytest.raises(OptionError, match=words):
        Timing(**options)


def test_what_stands_for_a_timing():
    assert resolve_timing(None) == Timing()
    assert resolve_timing(adb()).measure.count("{model}") == 1
    assert resolve_timing(len) == Timing(measure=len)
    with pytest.raises(OptionError, match=r"Budget\(latency=0.5\)"):
        resolve_timing(0.5)

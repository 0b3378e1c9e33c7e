"""Runs that were interrupted end like those that were not, and nothing half-written is read."""

import signal
import subprocess
import sys

import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import DataError
from kerasprune.strategies import LotteryTicket
from kerasprune.strategies.journal import Journal
from tests.strategies.interrupted import STRATEGIES, search
from tests.strategies.tasks import network, points, same_weights


class Stopped(Exception):
    """The end of a run in the middle of a training."""


def stop():
    raise Stopped


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_run_that_stops_in_any_training_ends_like_one_that_does_not(name, tmp_path):
    whole, trainings = search(name, tmp_path / "whole.npz")
    for number in range(1, trainings + 1):
        path = tmp_path / f"{number}.npz"
        with pytest.raises(Stopped):
            search(name, path, number, stop)
        assert path.exists() == (number > 1)
        rest, left = search(name, path)
        assert left == trainings - number + 1
        assert same_weights(whole.model, rest.model)
        np.testing.assert_array_equal(whole.keep, rest.keep)
        assert whole.report.to_json() == rest.report.to_json().replace(path.name, "whole.npz")
    assert search(name, path)[1] == 0  # it is over, so nothing is trained again


@pytest.mark.slow
def test_a_killed_process_leaves_a_run_that_goes_on(tmp_path):
    def process(path, result, *killed_in):
        command = [sys.executable, "-m", "tests.strategies.interrupted", "weights", path, result, *killed_in]
        return subprocess.run([*map(str, command)], capture_output=True, check=False).returncode

    assert process(tmp_path / "run.npz", tmp_path / "none.npz", 3) == -signal.SIGKILL
    assert process(tmp_path / "run.npz", tmp_path / "rest.npz") == 0
    assert process(tmp_path / "other.npz", tmp_path / "whole.npz") == 0
    with np.load(tmp_path / "rest.npz") as rest, np.load(tmp_path / "whole.npz") as whole:
        assert rest["arr_0"] == 2 and whole["arr_0"] == 4
        for name in whole.files[1:]:
            np.testing.assert_array_equal(rest[name], whole[name])


def test_a_journal_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "run.npz", {"seed": 0})
    assert journal.read() is None
    journal.write({"done": 1}, {"a": np.arange(3)})
    with monkeypatch.context() as broken:
        broken.setattr(np, "savez", lambda file, **arrays: file.write(b"half") and stop())
        with pytest.raises(Stopped):
            journal.write({"done": 2}, {"a": np.arange(4)})
    content, arrays = journal.read()
    assert content == {"done": 1} and arrays["a"].tolist() == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


def test_a_file_of_another_run_or_of_none_is_refused(tmp_path):
    path = tmp_path / "run.npz"

    def run(seed, **options):
        strategy = LotteryTicket(steps=1, path=path, **options)
        return kp.compress(network(seed=seed), kp.Budget(params=0.5), strategy=strategy, data=points())

    run(1)
    for arguments in ({"seed": 2}, {"seed": 1, "rewind": "learning_rate"}, {"seed": 1, "of": "weights"}):
        with pytest.raises(DataError, match="another model, criterion or strategy"):
            run(**arguments)
    for text in (b"nothing", b""):
        path.write_bytes(text)
        with pytest.raises(DataError, match="is not the record of a run"):
            run(1)
    with path.open("wb") as file:
        np.savez(file, a=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="is not the record of a run"):
        run(1)

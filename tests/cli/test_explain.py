"""`kerasprune explain`."""

import json

import keras
import numpy as np
import pytest


@pytest.fixture
def sparse_file(tmp_path):
    """A network with zeros, in a file: input 1 of 3 is not used."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="a"), keras.layers.Dense(1, name="b")])
    model.set_weights([np.array([[1.0, 0], [0, 0], [0, 2]]), np.zeros(2), np.ones((2, 1)), np.zeros(1)])
    model.save(tmp_path / "sparse.keras")
    return tmp_path / "sparse.keras"


def test_explain_prints_for_people_and_as_json(run, sparse_file):
    shown = run("explain", sparse_file)
    assert shown.exit_code == 0
    assert "2 of 3 input features are used" in shown.stdout
    told = json.loads(run("explain", sparse_file, "--json").stdout)
    assert told["importance"] == [1.0, 0.0, 2.0]
    assert told["unused_inputs"] == [1]


def test_explain_writes_findings_and_pictures(run, sparse_file, tmp_path):
    assert run("explain", sparse_file, "-o", tmp_path / "out").exit_code == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"sparse.{end}" for end in ("explain.json", "importance.png", "pathways.png", "weights.png")}


def test_explain_refuses_other_networks_in_one_sentence(run, files, tmp_path):
    answer = run("explain", files / "model.keras", "-o", tmp_path / "out")
    assert answer.exit_code == 2
    assert "is a Conv2D" in answer.stderr
    assert not (tmp_path / "out").exists()

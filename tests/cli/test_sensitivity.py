"""`kerasprune sensitivity`."""

import json

import pytest

import kerasprune as kp


def test_a_scan_is_printed_written_and_drawn(run, files, tmp_path):
    words = ("sensitivity", files / "model.keras", "--data", files / "data.npz", "--samples", 40)
    shown = run(*words, "--plot", tmp_path / "curves.png", "-o", tmp_path / "curves.json")
    assert shown.exit_code == 0, shown.stderr
    rows = [line.split() for line in shown.stdout.splitlines()]
    assert ["first", "8"] in [row[:2] for row in rows] and "on 40 samples" in shown.stdout
    assert (tmp_path / "curves.png").stat().st_size > 1000
    told = json.loads(run(*words, "--json").stdout)
    assert told == json.loads((tmp_path / "curves.json").read_text())
    assert [curve.name for curve in kp.Sensitivity.load(tmp_path / "curves.json").curves] == ["first", "second"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "name it with --data"),
        (("--data", "{data}", "--loss", "msee"), "Keras has no loss 'msee'"),
        (("--data", "{data}", "--of", "weights", "--metric", "acuracy"), "no metric 'acuracy'"),
        (("--data", "{data}", "--criterion", "tailor"), "Did you mean 'taylor'"),
        (("--data", "{data}", "--plot", "curves.txt"), "must end in .png"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(run, files, words, message):
    answer = run("sensitivity", files / "model.keras", *(word.format(data=files / "data.npz") for word in words))
    assert answer.exit_code == 2 and message in answer.stderr and answer.stderr.count("\n") == 1

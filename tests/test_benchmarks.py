"""What the benchmark scripts share."""

import re
import time
from pathlib import Path

import pytest

from benchmarks import datasets, harness
from kerasprune.tflite import this_processor

SCRIPTS = [path for path in Path(harness.__file__).parent.glob("*.py") if "__main__" in path.read_text()]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_arguments_results_and_machines_are_the_harness_s(script):
    text = script.read_text()
    assert len(SCRIPTS) > 15 and "from benchmarks.harness import" in text
    assert re.findall(r"ArgumentParser\(|write_text|json\.loads|platform\.|subprocess\.run\(command", text) == []


def test_arguments():
    parser = harness.arguments("doc", needs=("a/b.npz",), seed=True, only=("one", "two"))
    options = parser.parse_args(["--data", "DIR", "--only", "two"])
    expected = {"data": Path("DIR"), "only": ["two"], "seed": 0, "output": harness.RESULTS}
    assert vars(options) == expected
    assert parser.parse_args(["--data", "DIR"]).only == ["one", "two"]
    assert "a/b.npz" in parser.format_help()
    assert vars(harness.arguments("doc", writes=False).parse_args([])) == {}


def test_a_missing_file_ends_the_script_with_one_sentence(tmp_path, capsys):
    (tmp_path / "there").touch()
    with pytest.raises(SystemExit) as end:
        datasets.find(tmp_path, "there", datasets.MNIST)
    assert end.value.code == 2
    said = capsys.readouterr().err
    path = tmp_path / "mnist" / "mnist.npz"
    assert said == f"There is no {path}. Pass the folder that holds mnist/mnist.npz as --data.\n"


def test_what_was_written_is_read_again(tmp_path, capsys):
    results = harness.Results(tmp_path / "new", "name")
    assert results.read() == {} and results.rows() == []
    results.write({"rows": [{"a": 1}]}, ["# Title", *harness.table(("a", "b"), [(1, "x")])])
    assert harness.Results(tmp_path / "new", "name").rows() == [{"a": 1}]
    results.show()
    assert capsys.readouterr().out == "# Title\n| a | b |\n|---|---|\n| 1 | x |\n\n"
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"name.json", "name.md"}


def test_figures_name_the_processor_and_the_versions():
    here = harness.about()
    assert here["machine"] == str(this_processor())
    backend = r"tensorflow \d\S+ with oneDNN (on|off)|jax \d\S+|torch \d\S+"
    assert re.fullmatch(rf"keras \d\S+ on ({backend}), numpy \d\S+", here["versions"])
    assert harness.measured_on([here, here]) == f"Measured on {here['machine']}; {here['versions']}."
    other = {"machine": "Another", "versions": "keras 1"}
    said = harness.measured_on([here, other, here])
    assert f"{here['machine']}: 2 rows, {here['versions']}" in said and "Another: 1 row, keras 1" in said


def test_a_child_answers_in_json_or_its_complaint_comes_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = "import json, os, sys; print('noise'); print(json.dumps([os.environ['WORD'], *sys.argv[1:]]))"
    (tmp_path / "answer.py").write_text(code)
    assert harness.in_child("answer", "--n", 3, WORD="w") == ["w", "--n", "3"]
    with pytest.raises(RuntimeError, match="KeyError: 'WORD'"):
        harness.in_child("answer")


def test_the_seconds_are_those_of_the_processor():
    assert harness.processor_seconds(lambda: sum(range(10**7))) > 0.02
    assert harness.processor_seconds(lambda: time.sleep(0.1)) < 0.05

"""A file as C++ source: the same bytes, the ops, and an arena in which the interpreter runs."""

import re
import shutil
import subprocess

import pytest

from kerasprune.core.errors import ExportError, FolderError, ModelFileError, OptionError
from kerasprune.recipes import Int8
from kerasprune.tflite import arena, c_source, export, file_metadata
from tests.tflite.small_models import cnn, normal

pytestmark = pytest.mark.processor


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return export(cnn(), tmp_path_factory.mktemp("f") / "m.tflite", Int8(io="int8"), normal(32, 16, 16, 3)).path


def test_the_bytes_and_the_ops(file, tmp_path):
    source = c_source(file, tmp_path / "my model.cc")
    text = source.path.read_text()
    assert bytes(int(byte, 16) for byte in re.findall(r"0x(\w\w)", text)) == file.read_bytes()
    assert "alignas(16) const unsigned char my_model[]" in text and '#include "my model.h"' in text
    assert source.ops == ("AddConv2D", "AddDepthwiseConv2D", "AddFullyConnected", "AddMean", "AddSoftmax")
    header = source.header.read_text()
    assert f"my_model_arena_size = {source.arena.size};" in header and "resolver.AddConv2D();" in header


@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler")
def test_it_compiles_and_is_aligned(file, tmp_path):
    c_source(file, tmp_path / "m.cc")
    (tmp_path / "main.cc").write_text(
        '#include "m.h"\nstruct R { int n = 0; void AddConv2D() { n++; } void AddDepthwiseConv2D() { n++; }\n'
        "void AddFullyConnected() { n++; } void AddMean() { n++; } void AddSoftmax() { n++; } };\n"
        "int main() { R r; add_m_ops(r); return r.n != m_ops || (unsigned long)m % 16 || m[4] != 'T'; }\n"
    )
    command = ["g++", "-std=c++17", "-Wall", "-Werror", tmp_path / "main.cc", tmp_path / "m.cc", "-o", tmp_path / "run"]
    subprocess.run(command, check=True)
    assert subprocess.run([tmp_path / "run"], check=False).returncode == 0


def test_the_arena_is_the_least_that_the_interpreter_runs_in(file):
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    found = arena.arena_of(file.read_bytes())
    assert found.is_measured and found.size % 16 == 0
    runtime.Interpreter.from_bytes(file.read_bytes(), arena_size=found.size)
    with pytest.raises(RuntimeError):
        runtime.Interpreter.from_bytes(file.read_bytes(), arena_size=found.size - 64)


def test_an_estimate_is_near_and_called_one(file, tmp_path, monkeypatch):
    measured = arena.arena_of(file.read_bytes())
    monkeypatch.setattr(arena.importlib.util, "find_spec", lambda name: None)
    found = arena.arena_of(file.read_bytes())
    assert not found.is_measured
    if measured.is_measured:
        assert 0.7 * measured.size < found.size < 2 * measured.size


@pytest.mark.parametrize("answer", ["print(0)", "import os; os.abort()"])
def test_an_interpreter_that_cannot_take_the_file_leaves_an_estimate(answer, file, tmp_path, monkeypatch):
    (tmp_path / "child.py").write_text(answer)
    monkeypatch.setattr(arena.importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr(arena.arena_child, "__file__", str(tmp_path / "child.py"))
    assert not arena.arena_of(file.read_bytes()).is_measured


@pytest.mark.parametrize(
    ("name", "target", "array", "error"),
    [
        ("gone.tflite", "m.cc", "", ModelFileError),
        ("m.tflite", "m.c", "", ExportError),
        ("m.tflite", "m.cc", "1st", OptionError),
        ("m.tflite", "nowhere/m.cc", "", FolderError),
    ],
)
def test_bad_input(name, target, array, error, file, tmp_path):
    with pytest.raises(error):
        c_source(file.with_name(name), tmp_path / target, array)
    assert not list(tmp_path.iterdir())


def test_a_file_says_what_it_was_told(file, tmp_path):
    about = {"labels": ["a", "b"], "normalisation": {"mean": 0.5}}
    path = export(cnn(), tmp_path / "m.tflite", "float16", metadata=about).path
    assert file_metadata(path) == {"recipe": "float16", **about}
    assert file_metadata(file) == {}


def test_what_no_file_can_say(tmp_path):
    with pytest.raises(OptionError, match="`metadata` must be text"):
        export(cnn(), tmp_path / "m.tflite", metadata={"labels": {1, 2}})

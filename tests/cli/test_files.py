"""Paths are checked before the work begins."""

import os

import click
import pytest

from kerasprune_cli.errors import BadInput
from kerasprune_cli.files import InputFile, OutputFile, OutputFolder, require_other


def assert_refused(kind: click.ParamType, value, *words):
    with pytest.raises(BadInput) as caught:
        kind.convert(str(value), None, None)
    for word in words:
        assert word in caught.value.message


def test_an_input_must_be_a_file_that_exists(tmp_path):
    (tmp_path / "m.keras").write_text("")
    assert InputFile().convert(str(tmp_path / "m.keras"), None, None) == tmp_path / "m.keras"
    assert_refused(InputFile(), tmp_path / "nowhere.keras", "no file", "nowhere.keras")
    assert_refused(InputFile(), tmp_path, "folder")


def test_an_output_needs_the_right_suffix_and_a_folder(tmp_path):
    kind = OutputFile(".tflite")
    assert kind.convert(str(tmp_path / "m.tflite"), None, None) == tmp_path / "m.tflite"
    assert_refused(kind, tmp_path / "m.keras", "must end in .tflite", "m.tflite")
    assert_refused(kind, tmp_path / "nowhere" / "m.tflite", "nowhere", "does not exist")
    (tmp_path / "file").write_text("")
    assert_refused(kind, tmp_path / "file" / "m.tflite", "not a folder")
    (tmp_path / "d.tflite").mkdir()
    assert_refused(kind, tmp_path / "d.tflite", "is a folder")
    assert_refused(kind, "", "must end in .tflite", "small.tflite")
    assert_refused(kind, "/", "must end in .tflite")
    assert_refused(kind, tmp_path / f"{'n' * 249}.tflite", "too long")


def test_the_file_beside_an_output_must_be_writable_too(tmp_path):
    kind = OutputFile(".keras", beside=(".report.json",))
    assert kind.convert(str(tmp_path / f"{'n' * 243}.keras"), None, None)
    assert_refused(kind, tmp_path / f"{'n' * 244}.keras", "too long")
    (tmp_path / "m.report.json").mkdir()
    assert_refused(kind, tmp_path / "m.keras", "m.report.json", "is a folder")


def test_the_model_is_replaced_only_if_that_is_said(tmp_path):
    model = tmp_path / "m.keras"
    model.touch()
    (tmp_path / "link.keras").symlink_to(model)
    for output in (model, tmp_path / "." / "m.keras", tmp_path / "link.keras"):
        with pytest.raises(BadInput, match="--overwrite"):
            require_other(output, model, overwrite=False)
        require_other(output, model, overwrite=True)
    require_other(tmp_path / "other.keras", model, overwrite=False)


def test_an_output_folder_may_be_missing_but_not_its_parent(tmp_path):
    assert OutputFolder().convert(str(tmp_path / "new"), None, None) == tmp_path / "new"
    assert not (tmp_path / "new").exists()
    assert_refused(OutputFolder(), tmp_path / "no" / "new", "does not exist")


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK | os.X_OK)
    assert_refused(OutputFile(".keras"), tmp_path / "m.keras", "not writable")

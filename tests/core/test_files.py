"""A reader sees the old file or the new one."""

import os

import pytest

from kerasprune.core import FolderError, atomic_path, write_text


def test_the_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "a.json"
    with atomic_path(target) as path:
        path.write_text("new")
        assert not target.exists()
        assert path.suffix == ".json"
    assert target.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as path:
        path.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FolderError, match="Create it"), atomic_path(tmp_path / "no" / "a.txt"):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="not a folder"), atomic_path(tmp_path / "file" / "a.txt"):
        pass


def test_permissions_are_those_of_an_ordinary_new_file(tmp_path):
    (tmp_path / "plain").touch()
    write_text(tmp_path / "atomic", "")
    assert os.stat(tmp_path / "plain").st_mode == os.stat(tmp_path / "atomic").st_mode

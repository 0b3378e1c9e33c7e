"""A reader sees the old file or the new one."""

import errno
import os

import pytest

from kerasprune.core import FolderError, atomic_path, atomic_paths, require_writable, write_text
from kerasprune.core import files as files_module


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


def test_several_files_appear_together(tmp_path):
    with atomic_paths(tmp_path / "a.txt", tmp_path / "b.txt") as paths:
        for path in paths:
            path.write_text("new")
        assert not list(tmp_path.glob("?.txt"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.txt", "b.txt"]


@pytest.mark.parametrize("links", [True, False])
def test_if_one_cannot_be_replaced_none_is(tmp_path, monkeypatch, links):
    write_text(tmp_path / "a.txt", "old")
    replace = os.replace

    def fails_for_the_last(source, target):
        if os.path.basename(target) == "c.txt":
            raise PermissionError(errno.EPERM, "no")
        replace(source, target)

    def no_links(source, target):
        raise OSError(errno.EOPNOTSUPP, "no")

    monkeypatch.setattr(files_module.os, "replace", fails_for_the_last)
    if not links:
        monkeypatch.setattr(files_module.os, "link", no_links)
    targets = [tmp_path / f"{name}.txt" for name in "abc"]
    with pytest.raises(FolderError, match="unchanged"), atomic_paths(*targets) as paths:
        for path in paths:
            path.write_text("new")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_full_disk_is_one_sentence(tmp_path):
    with pytest.raises(FolderError) as caught, atomic_path(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, "No space left on device\n at 0x7f00")
    assert str(caught.value) == (
        f"{str(tmp_path / 'a.txt')!r} cannot be written: No space left on device. What stood there is unchanged; make "
        "room, or name another output."
    )
    assert not list(tmp_path.iterdir())


def test_a_file_written_atomically_twice_is_called_by_its_own_name(tmp_path):
    with (
        pytest.raises(FolderError, match=r"b\.txt' cannot") as caught,
        atomic_path(tmp_path / "b.txt") as outer,
        atomic_path(outer),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert ".kerasprune" not in str(caught.value)


def test_names_that_no_file_can_have(tmp_path):
    require_writable(tmp_path / ("n" * 255))
    for target in (tmp_path / ("n" * 256), tmp_path / ("ü" * 128), tmp_path / ("n" * 300) / "a.txt"):
        with pytest.raises(FolderError, match="too long"):
            require_writable(target)
    with pytest.raises(FolderError, match="is a folder"):
        require_writable(tmp_path)
    write_text(tmp_path / ("n" * 251 + ".txt"), "a name as long as can be")

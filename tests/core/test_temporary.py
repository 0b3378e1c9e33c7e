"""Temporary folders go with the process that made them, or with the next one."""

import os
import signal
import subprocess
import sys

import pytest

from kerasprune.core import temporary_folder


def test_the_folder_is_gone_when_the_block_ends(tmp_path):
    with temporary_folder(tmp_path) as folder:
        (folder / "file").touch()
        assert folder.parent == tmp_path
    with pytest.raises(RuntimeError), temporary_folder(tmp_path):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_one_in_use_stays_and_one_of_a_killed_process_goes(tmp_path):
    code = (
        "import sys, time\n"
        "from kerasprune.core.temporary import temporary_folder\n"
        "with temporary_folder(sys.argv[1]) as folder:\n"
        "    (folder / 'half').write_text('half')\n"
        "    print(flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        (used,) = tmp_path.iterdir()
        with temporary_folder(tmp_path):
            assert (used / "half").exists()
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    assert (used / "half").exists()
    with temporary_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_what_only_looks_like_one_stays(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").touch()
    (tmp_path / ".kerasprune-link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".kerasprune-file").touch()
    with temporary_folder(tmp_path):
        pass
    assert (tmp_path / "elsewhere" / "precious").exists()
    assert (tmp_path / ".kerasprune-link").exists() and (tmp_path / ".kerasprune-file").exists()

"""The entry point: what it imports, and how errors become exit codes."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from kerasprune_cli import main as entry
from kerasprune_cli.main import COMMANDS, cli

HEAVY = ("keras", "numpy", "tensorflow", "jax", "kerasprune")


def run(*arguments):
    return CliRunner().invoke(cli, list(arguments))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["nonsense"]])
def test_the_entry_point_imports_nothing_heavy(arguments):
    code = (
        "import sys, kerasprune_cli.main as entry\n"
        f"try: entry.cli({arguments!r})\n"
        "except SystemExit: pass\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.endswith("heavy: []\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_needs_no_keras(name):
    code = (
        "import sys, kerasprune_cli.main as entry\n"
        f"try: entry.cli([{name!r}, '--help'])\n"
        "except SystemExit: pass\n"
        "print('heavy:', [name for name in ('keras', 'tensorflow', 'jax') if name in sys.modules])\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage:" in answer.stdout and answer.stdout.endswith("heavy: []\n")


def test_every_command_is_listed_with_its_own_first_sentence():
    listing = " ".join(run("--help").stdout.split())
    for name, sentence in COMMANDS.items():
        assert f"{name} {sentence}" in listing


@pytest.fixture
def failing(monkeypatch):
    """Make `inspect` raise the given error instead of doing its work."""

    def install(error):
        @click.command()
        def command():
            raise error

        monkeypatch.setattr(entry.LazyGroup, "get_command", lambda *_: command)

    return install


def test_an_error_of_the_library_is_one_sentence_and_exit_code_2(failing):
    from kerasprune.core import BudgetError

    failing(BudgetError("The budget cannot be reached:\n the smallest is 7."))
    answer = run("inspect")
    assert answer.exit_code == 2
    assert answer.stderr == "Error: The budget cannot be reached: the smallest is 7.\n"


def test_a_missing_backend_is_one_sentence_that_says_what_to_install(failing):
    failing(ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow"))
    answer = run("inspect")
    assert answer.exit_code == 2
    assert "Keras needs tensorflow, which is missing. Run: pip install 'kerasprune[tflite]'" in answer.stderr
    failing(ModuleNotFoundError("No module named 'nonsense'", name="nonsense"))
    assert run("inspect").exit_code == 1


def test_an_unexpected_error_is_exit_code_1(failing):
    failing(RuntimeError("boom"))
    answer = run("inspect")
    assert answer.exit_code == 1 and isinstance(answer.exception, RuntimeError)


def test_native_logs_are_dropped_and_errors_of_python_are_not():
    code = (
        "import os, sys, kerasprune_cli.main as entry\n"
        "entry.silence_native_logs()\n"
        "os.write(2, b'native chatter')\n"
        "print('a real message', file=sys.stderr)\n"
    )
    environment = {"PATH": ""}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert answer.stderr == "a real message\n"
    environment["TF_CPP_MIN_LOG_LEVEL"] = "0"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert "native chatter" in answer.stderr


SWALLOWED = """
import os, signal, time, kerasprune_cli.main as entry
entry._SECONDS_TO_END = 0.2
entry.end_when_interrupted()
try: os.kill(os.getpid(), signal.SIGINT); time.sleep(60)
except KeyboardInterrupt: time.sleep(60)
"""
TIDY = """
import os, signal, click, kerasprune_cli.main as entry
def work():
    try: os.kill(os.getpid(), signal.SIGINT)
    finally: print("tidied", flush=True)
entry.LazyGroup.get_command = lambda *_: click.Command("inspect", callback=work)
import sys
sys.argv = ["kerasprune", "inspect"]
entry.main()
"""


OTHERWISE = TIDY.replace("finally: print", "except KeyboardInterrupt: raise AttributeError('half imported')\n    print")


@pytest.mark.parametrize(
    ("code", "printed"),
    [(SWALLOWED, ""), (TIDY, "tidied\n"), (OTHERWISE, "")],
    ids=["swallowed", "tidy", "fails of something else"],
)
def test_an_interrupt_ends_the_process_even_where_a_library_swallows_it(code, printed):
    code = f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{code}"  # in the background, too
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 130
    assert answer.stdout == printed
    assert answer.stderr == "Interrupted. Nothing was lost: every file is as it was, or complete.\n"

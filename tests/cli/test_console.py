"""The command line is alive and quiet: signs of life, warnings of this project, nothing of what others log."""

import logging
import threading
import warnings

import click
import pytest

from kerasprune_cli import console
from kerasprune_cli.console import alive
from kerasprune_cli.main import LazyGroup
from kerasprune_cli.words import in_options


def test_what_takes_long_gives_signs_of_life(monkeypatch, capsys):
    monkeypatch.setattr(console, "_FIRST_SIGN", 0.05)
    with alive("Working"):
        threading.Event().wait(0.5)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("Working ... 0.05 s\nWorking ... 0.1 s\n") and 2 < told.err.count("\n") < 6
    with alive("Working"):
        pass
    assert capsys.readouterr().err == "" and threading.active_count() < 20


@pytest.fixture
def doing(monkeypatch, run):
    """Let `inspect` do something else."""

    def install(function):
        monkeypatch.setattr(LazyGroup, "get_command", lambda *_: click.Command("inspect", callback=function))
        return run("inspect")

    return install


def test_nothing_that_others_log_or_warn_of_is_shown(doing, monkeypatch):
    def chatter():
        for name in ("tensorflow", "absl", "jax"):
            logging.getLogger(name).warning("5 out of the last 5 calls triggered retracing")
            logging.getLogger(name).error("something")
        warnings.warn_explicit("Statistics were expected", UserWarning, click.__file__, 1)
        warnings.warn_explicit("for developers", DeprecationWarning, __file__, 1)
        warnings.warn("The layer `first`\nis left whole.")

    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    answer = doing(chatter)
    assert answer.exit_code == 0 and answer.stderr == "Warning: The layer `first` is left whole.\n"


def test_who_asks_for_the_log_gets_it(doing, monkeypatch, caplog):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    doing(lambda: logging.getLogger("tensorflow").warning("retracing"))
    assert "retracing" in caplog.text


def test_an_interruption_says_that_nothing_was_lost(doing):
    def interrupted():
        raise KeyboardInterrupt

    answer = doing(interrupted)
    assert answer.exit_code == 130
    assert answer.stderr == "Interrupted. Nothing was lost: every file is as it was, or complete.\n"


def test_errors_of_the_file_system_are_one_sentence(doing):
    def unreadable():
        raise PermissionError(13, "Permission denied", "data.npz")

    answer = doing(unreadable)
    assert answer.exit_code == 2
    assert answer.stderr == (
        "Error: 'data.npz': Permission denied. Check that the path is right and that you may use it.\n"
    )


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("`flops` must be above 0. Received: flops=nan.", "--flops must be above 0. Received: --flops nan."),
        ("Pass one: loss='mse'.", "Pass one: --loss 'mse'."),
        ("Pass data=(x, y).", "Pass --data with labels."),
        ("`recover=('bias',)` needs data.", "--recover ('bias',) needs data."),
        ("Pass `trust=True`.", "Pass --trust."),
        ("Write Budget(flops=0.5) here.", "Write --flops 0.5 here."),
        ("Received: max_drop=-1.", "Received: max_drop=-1."),
        ("`min_width`\n is `odd`: round_to=8, and so on.", "--min-width is `odd`: --round-to 8, and so on."),
    ],
)
def test_sentences_of_the_library_name_options(said, told):
    from kerasprune_cli.compress import command

    assert in_options(said, command) == told
    assert in_options(said, None) == " ".join(said.split())


def test_options_of_a_recipe_are_given_as_such():
    from kerasprune_cli.export import command

    assert in_options("Pass Int8(allow_float=True) to go on.", command) == (
        "Pass --recipe-option allow_float=True to go on."
    )

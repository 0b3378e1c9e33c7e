"""What takes long says so: a bar on a terminal, a line now and then elsewhere."""

import sys
import time

import pytest

from kerasprune.evidence.progress import countdown, tracked


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by what `clock.append` is given."""
    passed = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: sum(passed))
    return passed


def test_off_a_terminal_a_line_comes_when_the_time_has_doubled(capsys, clock):
    for _ in tracked(range(100), "channels", 100, True):
        clock.append(1)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [f"channels: {n} of 100, after {n} s" for n in (5, 10, 20, 40, 80)]


def test_a_countdown_tells_its_share_and_the_last_words(capsys, clock):
    with countdown("removing", True) as advance:
        for count in range(8):
            clock.append(1)
            advance(count / 8, f"number {count}")
    assert capsys.readouterr().err == "removing: 50%, number 4, after 5 s\n"


def test_nothing_is_told_unasked_or_of_what_is_quick(capsys, clock):
    assert list(tracked(range(3), "channels", None, True)) == [0, 1, 2]
    for _ in tracked(range(100), "channels", 100, False):
        clock.append(1)
    with countdown("removing", False) as advance:
        advance(0.5, "half")
    assert capsys.readouterr().err == ""


def test_on_a_terminal_there_are_bars(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(tracked(range(3), "channels", 3, True)) == [0, 1, 2]
    with countdown("removing", True) as advance:
        advance(0.5, "half")
    assert "after" not in capsys.readouterr().err

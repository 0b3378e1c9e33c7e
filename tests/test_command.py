"""The command `python -m tests`."""

import subprocess
import sys

from tests import __main__ as command


def say(words: str, code: int = 0) -> command.Step:
    """A step that prints a line and ends with this exit code."""
    return command.Step(f"says {words}", (sys.executable, "-c", f"print('{words}'); print(); raise SystemExit({code})"))


def test_every_step_runs_and_one_that_fails_is_told_in_the_end(monkeypatch, capsys):
    monkeypatch.setattr(command, "steps", lambda onednn: [say("1 failed", 3), say("2 passed")])
    assert command.main() == 1
    said = capsys.readouterr().out
    assert said.index("1 failed") < said.index("== says 2 passed") < said.index("== What ran, on ")
    first, second = said.strip().splitlines()[-2:]
    assert first.startswith("says 1 failed: FAILED with exit code 3 after ") and first.endswith(" s: 1 failed")
    assert second.startswith("says 2 passed: passed after ") and second.endswith(" s: 2 passed")
    monkeypatch.setattr(command, "steps", lambda onednn: [say("2 passed")])
    assert command.main() == 0


def test_every_step_runs_even_if_the_library_cannot_be_imported(monkeypatch, capsys):
    monkeypatch.setattr(command, "ABOUT", "import kerasprune.nowhere")
    monkeypatch.setattr(command, "steps", lambda onednn: [say("2 passed")])
    assert command.main() == 0
    assert "== What ran, on a machine that could not be described" in capsys.readouterr().out


def test_what_differs_by_backend_runs_on_each_that_is_installed(monkeypatch):
    for backend in command.BACKENDS:
        monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: object())
        step = command.on_backend(backend, "title")
        assert step.settings == {"KERAS_BACKEND": backend} and step.command[-1] == "backend and not slow"
        monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None)
        outcome = command.run(command.on_backend(backend, "title"))
        assert outcome.code == 0 and outcome.closing.startswith(f"{backend} is not installed: nothing ran")
    titles = [step.title for step in command.steps(True)]
    assert [name for name in ("TensorFlow", "JAX", "torch") if any(name in title for title in titles)] == [
        "TensorFlow", "JAX", "torch"
    ]  # fmt: skip


def test_what_depends_on_the_processor_runs_the_other_way_round_too():
    for onednn, other in ((True, "0"), (False, "1")):
        again = [step for step in command.steps(onednn) if command.ONEDNN in step.settings]
        assert [step.settings[command.ONEDNN] for step in again] == [other]
        assert again[0].command[-2:] == ("-m", "processor")
    found = [sys.executable, "-m", "pytest", "--collect-only", "-m", "processor", "tests/laws/test_older_ways.py"]
    collected = subprocess.run(found, cwd=command.PROJECT, capture_output=True, text=True, check=True).stdout
    assert "test_channels_first[plain]" in collected

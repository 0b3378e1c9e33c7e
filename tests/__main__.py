"""Everything that must pass, in one command: `python -m tests` runs lint, floors, types and tests on three backends.

The tests on TensorFlow run as the machine has it, or as TF_ENABLE_ONEDNN_OPTS says. Those marked `processor` run again
with oneDNN the other way round, which is how TensorFlow computes on another kind of processor. Those marked `backend`
run again on JAX, and on torch where it is installed.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).parents[1]
SCRIPTS = Path(sys.executable).parent
WORKERS = min(4, os.cpu_count() or 1)  # two of them hold up to 13 GiB in the end
PYTEST = (sys.executable, "-m", "pytest", "-n", str(WORKERS), "--dist", "worksteal")
BACKENDS = {"jax": "JAX", "torch": "torch"}  # beside TensorFlow, by the name that Keras knows
BY_BACKEND = ("-m", "backend and not slow")
ABOUT = "import json; from benchmarks.harness import about; print(json.dumps(about()))"
UNKNOWN = {"machine": "a machine that could not be described", "versions": "because the library cannot be imported"}
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        title: What it does.
        command: Its words.
        settings: Variables of the environment.
    """

    title: str
    command: tuple[str | Path, ...]
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of a step; `closing` is the last line that it printed, where pytest counts its tests."""

    step: Step
    code: int
    closing: str
    seconds: float

    def __str__(self) -> str:
        verdict = f"FAILED with exit code {self.code}" if self.code else "passed"
        return f"{self.step.title}: {verdict} after {self.seconds:.0f} s: {self.closing}"


def main() -> int:
    """Run every step, whatever becomes of the others; the exit code is 1 if any has failed, else 0."""
    about = described()
    outcomes = [run(step) for step in steps("oneDNN on" in about["versions"])]
    print(f"== What ran, on {about['machine']}, {about['versions']}")
    print("\n".join(map(str, outcomes)))
    return int(any(outcome.code for outcome in outcomes))


def described() -> dict[str, str]:
    """Machine and versions, as another process tells them: this one imports neither the library nor TensorFlow."""
    command = [sys.executable, "-c", ABOUT]
    told = subprocess.run(command, cwd=PROJECT, env=environment(), stdout=subprocess.PIPE, text=True, check=False)
    return UNKNOWN if told.returncode else json.loads(told.stdout)


def steps(onednn: bool) -> Iterator[Step]:
    """All steps, in order.

    Args:
        onednn: Whether TensorFlow computes with oneDNN here when it is left alone.
    """
    words = {True: "with oneDNN", False: "without oneDNN"}
    yield Step("lint", (SCRIPTS / "ruff", "check", "."))
    yield Step("import floors", (SCRIPTS / "lint-imports",))
    yield Step("types of what users call", (SCRIPTS / "mypy",))
    yield Step(f"tests on TensorFlow {words[onednn]}", PYTEST, {"KERAS_BACKEND": "tensorflow"})
    yield Step(
        f"tests that depend on the processor, on TensorFlow {words[not onednn]}",
        (*PYTEST, "-m", "processor"),
        {"KERAS_BACKEND": "tensorflow", ONEDNN: str(int(not onednn))},
    )
    for backend, name in BACKENDS.items():
        yield on_backend(backend, f"tests of what differs by backend, on {name}")


def on_backend(backend: str, title: str) -> Step:
    """The tests that may come out differently on another backend, or a step that says that it is not installed."""
    if importlib.util.find_spec(backend) is not None:
        return Step(title, (*PYTEST, *BY_BACKEND), {"KERAS_BACKEND": backend})
    missing = f"{backend} is not installed: nothing ran. Install it with `pip install {backend}`."
    return Step(title, (sys.executable, "-c", f"print({missing!r})"))


def run(step: Step) -> Outcome:
    """Run one step; what it prints is shown while it runs."""
    print(f"== {step.title}", flush=True)
    start, closing = time.monotonic(), ""
    process = subprocess.Popen(
        step.command,
        cwd=PROJECT,
        env=environment(**step.settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    for line in process.stdout:
        print(line, end="", flush=True)
        closing = line.strip() or closing
    return Outcome(step, process.wait(), closing, time.monotonic() - start)


def environment(**settings: str) -> dict[str, str]:
    """The variables of this process, with those of a step."""
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **settings}


if __name__ == "__main__":
    sys.exit(main())

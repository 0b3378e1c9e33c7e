"""How the latency of a model is measured: what file is made of it, and what times the file."""

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasprune.core import OptionError
from kerasprune.recipes import RECIPES, Recipe
from kerasprune.tflite.exporter import export
from kerasprune.tflite.interleaved import interleaved
from kerasprune.tflite.processor import this_processor
from kerasprune.tflite.samples import random_samples
from kerasprune.tflite.signature import input_names, input_specs

MODEL = "{model}"  # in a command: the path of the file
_RUNS_ELSEWHERE = 5  # of a command or a function, which take their own medians
_LAST_WORDS = 200  # letters of what a command said
_SAMPLES = 8  # on which a file is quantized that is only timed


@dataclass(frozen=True)
class Timing:
    """How long a model takes once it is exported, and where.

    Args:
        recipe: Of the export, as in `export`.
        threads: Threads of the interpreter; a command or a function has its own.
        measure: None times files on this machine with the LiteRT interpreter. A function gets the path of a file and
            returns milliseconds. A command line holds `{model}` in the place of the path, runs in the shell, and prints
            milliseconds last, or what LiteRT's `benchmark_model` prints; see `adb`.
        runs: How often each of two files is timed, in turns; 25 on this machine and 5 elsewhere, where None.
        timeout: Seconds that a command may take.

    Raises:
        OptionError: A number is out of its range, or the command has no `{model}`.

    Example:

    >>> Timing(recipe="int8", threads=2).times(["dense.tflite", "small.tflite"]).shape
    (25, 2)
    """

    recipe: str | Recipe = "float32"
    threads: int = 1
    measure: Callable[[Path], float] | str | None = None
    runs: int | None = None
    timeout: float = 120.0

    def __post_init__(self):
        if isinstance(self.recipe, str):
            RECIPES[self.recipe]
        for name, least in (("threads", 1), ("runs", 1)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < least):
                raise OptionError(f"`{name}` must be a whole number of at least {least}. Received: {name}={value!r}.")
        if not self.timeout > 0:
            raise OptionError(f"`timeout` must be a number of seconds above 0. Received: timeout={self.timeout!r}.")
        if isinstance(self.measure, str) and MODEL not in self.measure:
            raise OptionError(
                f"A latency command holds {MODEL} where the path of the file shall stand. Received: {self.measure!r}. "
                f"For example: adb push {MODEL} /data/local/tmp/model.tflite && adb shell ..."
            )

    def times(self, paths: Sequence[str | os.PathLike]) -> np.ndarray:
        """Time files in turns, so that a busy moment meets all alike.

        Args:
            paths: The files.

        Returns:
            float (runs, files), milliseconds.

        Raises:
            OptionError: The command or the function fails, takes too long, or gives no milliseconds.
        """
        files = [Path(path) for path in paths]
        if self.measure is None:
            return interleaved(files, threads=self.threads, runs=self.runs or 25)
        run = self._command if isinstance(self.measure, str) else self._called
        return np.array([[run(file) for file in files] for _ in range(self.runs or _RUNS_ELSEWHERE)])

    def export(self, model: keras.Model, path: str | os.PathLike, seed: int = 0) -> Path:
        """Write the file that is timed: what it computes is not checked, and what is quantized saw random samples.

        Args:
            model: A functional or built Sequential model.
            path: The file.
            seed: Makes the samples.
        """
        data = None
        if self.chosen_recipe.needs_data:
            samples = random_samples(model, input_specs(model, 1, None, None), _SAMPLES, seed)
            data = dict(zip(input_names(model), samples, strict=True)) if len(samples) > 1 else samples[0]
        return export(model, path, self.recipe, data, verify=False, seed=seed).path

    @property
    def chosen_recipe(self) -> Recipe:
        """The recipe with its options."""
        return RECIPES[self.recipe]() if isinstance(self.recipe, str) else self.recipe

    def __str__(self) -> str:
        if self.measure is None:
            threads = f"{self.threads} thread{'' if self.threads == 1 else 's'}"
            return f"{self.chosen_recipe.name} file, {threads} of {this_processor()}"
        by = self.measure if isinstance(self.measure, str) else getattr(self.measure, "__name__", repr(self.measure))
        return f"{self.chosen_recipe.name} file, timed by {by}"

    def _called(self, path: Path) -> float:
        found = self.measure(path)  # type: ignore[misc, operator]
        if not isinstance(found, (int, float, np.number)) or not np.isfinite(found) or found <= 0:
            raise OptionError(
                f"`latency` must be a function that returns milliseconds above 0 for a file. It returned: {found!r}."
            )
        return float(found)

    def _command(self, path: Path) -> float:
        command = str(self.measure).replace(MODEL, shlex.quote(str(path)))
        code, output = run_command(command, self.timeout)
        if code is None:
            raise OptionError(
                f"The latency command took longer than {self.timeout:g} seconds and was stopped: {self.measure!r}. "
                "Raise `timeout`, or see why it waits."
            )
        if code:
            raise OptionError(
                f"The latency command failed with exit status {code}: {self.measure!r}. It said: "
                f"{_last_words(output)!r}."
            )
        return printed_milliseconds(output, str(self.measure))


def resolve_timing(latency: Any) -> Timing:
    """The `Timing` that the argument `latency` of `compress` stands for: itself, a function, a command, or None."""
    if isinstance(latency, Timing):
        return latency
    if latency is None or isinstance(latency, str) or callable(latency):
        return Timing(measure=latency)
    raise OptionError(
        "`latency` says how files are timed: a `Timing`, a function of a path that returns milliseconds, or a command "
        f"line with {MODEL}. Received: {latency!r}. How much is allowed stands in the budget: Budget(latency=0.5)."
    )


def adb(threads: int = 1, folder: str = "/data/local/tmp") -> str:
    """A command line that times a file on an Android device with LiteRT's `benchmark_model`.

    `adb` must find the device, and the tool `benchmark_model` must lie in the folder and be executable:
    `adb push benchmark_model /data/local/tmp && adb shell chmod +x /data/local/tmp/benchmark_model`.

    Args:
        threads: Threads of the runtime.
        folder: On the device.

    Returns:
        What `compress(..., latency=adb())` and `--latency-command` take.

    Example:

    >>> "benchmark_model" in Timing(measure=adb(threads=4)).measure
    True
    """
    model = f"{folder}/kerasprune.tflite"
    tool = f"{folder}/benchmark_model --graph={model} --num_threads={threads} --use_xnnpack=true"
    return f"adb push {MODEL} {model} > /dev/null && adb shell {shlex.quote(tool)}"


def run_command(command: str, timeout: float) -> tuple[int | None, str]:
    """Run a command line in the shell, and end it with all that it started when it takes too long.

    Returns:
        Its exit status, None if it took too long, and what it printed.
    """
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace") as output:
        # A session of its own, so that what the shell started ends with it.
        child = subprocess.Popen(command, shell=True, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code: int | None = child.wait(timeout)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if child.poll() is None:
                _end(child)
        output.seek(0)
        return code, output.read()


def _end(child: subprocess.Popen) -> None:
    if hasattr(os, "killpg"):
        os.killpg(child.pid, 9)
    else:
        child.kill()
    child.wait()


def printed_milliseconds(output: str, command: str) -> float:
    """The milliseconds in what a command printed: of `benchmark_model` the mean inference, else the last number.

    Raises:
        OptionError: There are none.
    """
    tool = re.search(r"Inference \(avg\): ([0-9.e+]+)", output)
    if tool:
        return float(tool[1]) / 1e3  # it prints microseconds
    last = output.strip().splitlines()[-1:] or [""]
    number = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:e[-+]?[0-9]+)?)\s*(?:ms)?\s*", last[0], re.IGNORECASE)
    if number is None or not 0 < float(number[1]) < np.inf:
        raise OptionError(
            "A latency command prints milliseconds above 0 in its last line, or what LiteRT's benchmark_model prints. "
            f"{command!r} printed: {_last_words(output)!r}."
        )
    return float(number[1])


def _last_words(output: str) -> str:
    return output.strip()[-_LAST_WORDS:]

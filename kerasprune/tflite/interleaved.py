"""Timing several `.tflite` files of this machine in turns."""

import os
import time
from collections.abc import Sequence

import numpy as np

from kerasprune.tflite.runner import Runner
from kerasprune.tflite.samples import random_array

_SECONDS = 1e-3  # that a file is timed for in a turn, at least: shorter than this is the noise of the clock


def interleaved(
    paths: Sequence[str | os.PathLike], *, threads: int = 1, runs: int = 25, warmup: int = 3, seed: int = 0
) -> np.ndarray:
    """Milliseconds of a call of each file, timed in turns whose order is drawn anew every time.

    A turn is one call, or of a short one as many as take a millisecond. Inputs are random; copying them in is not
    timed.

    Args:
        paths: The files.
        threads: CPU threads of the interpreter.
        runs: Timed turns.
        warmup: Turns before that.
        seed: Makes the random inputs and the order.

    Returns:
        float (runs, files).
    """
    runners = [prepare(Runner(path, threads), seed) for path in paths]
    rng = np.random.default_rng(seed)
    times = np.zeros((warmup + runs, len(runners)))
    for row in times:
        for place in rng.permutation(len(runners)):
            row[place] = milliseconds_of(runners[place])
    return times[warmup:]


def prepare(runner: Runner, seed: int) -> Runner:
    """Put one batch of random inputs in place, and run it once; returns the runner."""
    rng = np.random.default_rng(seed)
    runner.set_inputs(
        {name: random_array(rng, tuple(d["shape"]), np.dtype(d["dtype"]).name) for name, d in runner.inputs.items()}
    )
    runner.invoke()
    return runner


def milliseconds_of(runner: Runner) -> float:
    """The mean time of one call, over as many as it takes to tell."""
    calls, start = 0, time.perf_counter()
    while True:
        runner.invoke()
        calls += 1
        passed = time.perf_counter() - start
        if passed >= _SECONDS:
            return 1e3 * passed / calls

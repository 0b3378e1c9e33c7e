"""How long a `.tflite` file takes on this host."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasprune.core import OptionError
from kerasprune.tflite.processor import Processor, this_processor
from kerasprune.tflite.runner import Runner
from kerasprune.tflite.samples import random_array


@dataclass(frozen=True)
class Latency:
    """The time of one call of one file.

    Args:
        path: The file.
        median_ms: Median over all timed runs, in milliseconds.
        p90_ms: Nine of ten runs took at most this long, in milliseconds.
    """

    path: Path
    median_ms: float
    p90_ms: float


@dataclass(frozen=True)
class BenchmarkResult:
    """Latencies of one file, or of two timed alternately, and how they were measured.

    Args:
        model: The file's latency.
        baseline: The latency of the file it is compared with, if any.
        speedup: Median of the baseline over median of the model; above 1 the model is faster.
        threads: CPU threads of the interpreter.
        warmup: Untimed runs of each file before.
        runs: Timed runs of each file.
        processor: What they ran on: figures hold for it alone, ratios of int8 to float32 too.
    """

    model: Latency
    baseline: Latency | None
    speedup: float | None
    threads: int
    warmup: int
    runs: int
    processor: Processor


def benchmark(
    path: str | os.PathLike,
    baseline: str | os.PathLike | None = None,
    *,
    threads: int = 1,
    warmup: int = 10,
    runs: int = 100,
    seed: int = 0,
) -> BenchmarkResult:
    """Time a `.tflite` file on this host's CPU with the LiteRT interpreter and its XNNPACK kernels.

    With a baseline both files are run in turn, so that a busy moment of the host meets both alike; compare the files by
    `speedup`, not by medians of different calls. Inputs are random; copying them in is not timed.

    Args:
        path: The file.
        baseline: A file to compare with.
        threads: CPU threads.
        warmup: Untimed runs of each file.
        runs: Timed runs of each file.
        seed: Makes the random inputs.

    Raises:
        ModelFileError: A file is missing, damaged or no TFLite model.
        OptionError: `threads` or `runs` is below 1, or `warmup` below 0.

    Example:

    >>> result = benchmark("small.tflite", baseline="dense.tflite", runs=20)
    >>> result.speedup > 0  # above 1 the small model is faster
    True
    """
    if runs < 1 or warmup < 0:
        raise OptionError(
            f"`runs` must be at least 1 and `warmup` at least 0. Received: runs={runs}, warmup={warmup}. "
            "The defaults, runs=100 and warmup=10, suit most files."
        )
    paths = [Path(path)] if baseline is None else [Path(path), Path(baseline)]
    runners = [_prepared(each, threads, seed) for each in paths]
    seconds = np.array([[_timed(runner) for runner in runners] for _ in range(warmup + runs)])[warmup:]
    latencies = [
        Latency(each, float(np.median(column)) * 1e3, float(np.percentile(column, 90)) * 1e3)
        for each, column in zip(paths, seconds.T, strict=True)
    ]
    other = latencies[1] if baseline is not None else None
    speedup = other.median_ms / latencies[0].median_ms if other else None
    return BenchmarkResult(latencies[0], other, speedup, threads, warmup, runs, this_processor())


def _prepared(path: Path, threads: int, seed: int) -> Runner:
    """A runner with one batch of random inputs in place."""
    runner = Runner(path, threads)
    rng = np.random.default_rng(seed)
    runner.set_inputs(
        {name: random_array(rng, tuple(d["shape"]), np.dtype(d["dtype"]).name) for name, d in runner.inputs.items()}
    )
    return runner


def _timed(runner: Runner) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    runner.invoke()
    return time.perf_counter() - start

"""How long `.tflite` files take on this host, what memory they need, and why a smaller one may be no faster."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasprune.core import OptionError
from kerasprune.tflite.file_widths import Widths, widths_of
from kerasprune.tflite.flatbuffer import parse
from kerasprune.tflite.footprint import peak_memory
from kerasprune.tflite.interleaved import interleaved
from kerasprune.tflite.processor import Processor, this_processor

_BUSY = 1.3  # p90 over median: above this, the machine did other things, too
_SMALLER, _FASTER = 1.1, 1.05  # times: a file that is no more than this is neither
_IN_STEP = 0.8  # of how much smaller a file is, it should be faster
_SHORT = 0.02  # milliseconds: below this the runtime itself counts


@dataclass(frozen=True)
class Latency:
    """The time of one call of one file.

    Args:
        path: The file.
        median_ms: Median over all timed runs, in milliseconds.
        p90_ms: Nine of ten runs took at most this long, in milliseconds.
        min_ms: The fastest run, in milliseconds.
        size: Bytes of the file.
        memory: Bytes by which a process grows that loads and runs it, at its peak; None where the system does not tell.
        widths: What its layers compute with.
    """

    path: Path
    median_ms: float
    p90_ms: float
    min_ms: float
    size: int
    memory: int | None
    widths: Widths

    @property
    def spread(self) -> float:
        """How much longer than the median nine of ten runs took at most: 0.1 is a tenth."""
        return self.p90_ms / self.median_ms - 1

    @classmethod
    def of(cls, path: Path, times: np.ndarray) -> "Latency":
        """That of a file.

        Args:
            path: The file.
            times: float (runs,), milliseconds.
        """
        median, p90 = np.percentile(times, [50, 90]).tolist()
        content = path.read_bytes()
        widths = widths_of(parse(content, repr(str(path))))
        return cls(path, median, p90, float(times.min()), len(content), peak_memory(path), widths)


@dataclass(frozen=True)
class BenchmarkResult:
    """Latencies of one file, or of several timed in turns, and how they were measured.

    Args:
        model: The file's latency.
        baseline: The latency of the file that all are compared with, if any.
        speedup: Median of the baseline over median of the model; above 1 the model is faster.
        threads: CPU threads of the interpreter.
        warmup: Untimed runs of each file before.
        runs: Timed runs of each file.
        processor: What they ran on: figures hold for it alone, ratios of int8 to float32 too.
        others: Further files.
    """

    model: Latency
    baseline: Latency | None
    speedup: float | None
    threads: int
    warmup: int
    runs: int
    processor: Processor
    others: tuple[Latency, ...] = ()

    @property
    def files(self) -> tuple[Latency, ...]:
        """All files, the baseline first."""
        first = () if self.baseline is None else (self.baseline,)
        return (*first, self.model, *self.others)

    def speedup_of(self, latency: Latency) -> float:
        """Median of the first of the files over that of another one."""
        return self.files[0].median_ms / latency.median_ms

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences: whether the machine was busy, and why files that are smaller are not faster."""
        found = [
            f"{each.path}: nine of ten runs took up to {each.p90_ms / each.median_ms:.1f} times the median, so the "
            "machine did other things, too; trust ratios and the fastest runs, or measure again"
            for each in self.files
            if each.p90_ms > _BUSY * each.median_ms
        ]
        first, *rest = self.files
        return (*found, *(note for each in rest for note in self._why_not_faster(each, first)))

    def _why_not_faster(self, latency: Latency, first: Latency) -> list[str]:
        """What is to be said about a file that is not faster than the first one, and should be."""
        speed, shrunk = self.speedup_of(latency), first.size / latency.size
        if shrunk < _SMALLER:
            return []
        reasons = latency.widths.odd()
        if speed >= _FASTER:
            return [
                f"{latency.path} is {shrunk:.2f} times smaller than {first.path} and {speed:.2f} times as fast: {why}"
                for why in reasons
                if speed < _IN_STEP * shrunk
            ]
        reasons = [*_int8_is_slow(latency, first, self.processor), *reasons]
        reasons += [f"a call of {latency.median_ms:.3g} ms is mostly the runtime itself"] * (latency.median_ms < _SHORT)
        why = "; ".join(reasons) or "its time goes to layers that did not get narrower, which --profile shows"
        return [f"{latency.path} is smaller than {first.path} but not faster: {why}"]


def benchmark(
    path: str | os.PathLike,
    baseline: str | os.PathLike | None = None,
    *others: str | os.PathLike,
    threads: int = 1,
    warmup: int = 10,
    runs: int = 100,
    seed: int = 0,
) -> BenchmarkResult:
    """Time `.tflite` files on this host's CPU with the LiteRT interpreter and its XNNPACK kernels.

    Several files are run in turns whose order is drawn anew every time, so that a busy moment of the host meets all
    alike; compare files by `speedup`, not by medians of different calls. Inputs are random; copying them in is not
    timed. A run is one call, or of a short one the mean of as many as take a millisecond.

    Args:
        path: The file.
        baseline: A file to compare with.
        *others: Further files.
        threads: CPU threads.
        warmup: Untimed runs of each file.
        runs: Timed runs of each file.
        seed: Makes the random inputs and the order.

    Raises:
        ModelFileError: A file is missing, damaged or no TFLite model.
        OptionError: `threads` or `runs` is below 1, or `warmup` below 0.

    Example:

    >>> result = benchmark("small.tflite", baseline="dense.tflite", runs=20)
    >>> result.speedup > 0  # above 1 the small model is faster
    True
    >>> [latency.path.name for latency in result.files]
    ['dense.tflite', 'small.tflite']
    """
    if runs < 1 or warmup < 0:
        raise OptionError(
            f"`runs` must be at least 1 and `warmup` at least 0. Received: runs={runs}, warmup={warmup}. "
            "The defaults, runs=100 and warmup=10, suit most files."
        )
    paths = [Path(each) for each in (path, baseline, *others) if each is not None]
    times = interleaved(paths, threads=threads, runs=runs, warmup=warmup, seed=seed)
    found = [Latency.of(each, column) for each, column in zip(paths, times.T, strict=True)]
    other = found[1] if baseline is not None else None
    speedup = other.median_ms / found[0].median_ms if other else None
    rest = tuple(found[1 if other is None else 2 :])
    return BenchmarkResult(found[0], other, speedup, threads, warmup, runs, this_processor(), rest)


def _int8_is_slow(latency: Latency, first: Latency, processor: Processor) -> list[str]:
    """Why a file in int8 may take longer than one in float32."""
    if not latency.widths.int8 or first.widths.int8:
        return []
    if processor.int8:
        return [f"int8 is no faster than float32 here, although the processor has {', '.join(processor.int8)}"]
    return ["this processor has no instructions for int8, so int8 is slower than float32 on it"]

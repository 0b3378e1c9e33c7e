"""How long a layer of some shape takes at every width, measured once on this machine and kept."""

import hashlib
import importlib.metadata
import json
import math
import time
from dataclasses import asdict

import numpy as np

from kerasprune.core.user_cache import read_cached, write_cached
from kerasprune.tflite.layer_file import LayerShape, layer_file
from kerasprune.tflite.processor import this_processor
from kerasprune.tflite.runner import Runner

_FORMAT = 2
_NODES = 32  # widths at which a layer is measured, at most
_FINEST = 4  # channels between two of them, at least
_NARROWEST = (1, 2)  # where kernels may well be slower than at 4
_READS = (1.0, 0.5, 0.25)  # of what a layer reads: between these its time is a straight line
_ROUNDS = 3
_SECONDS = 2e-3  # that a round measures a layer for, at least
_CALLS = 20  # that it takes for this, at most


class LatencyTable:
    """The milliseconds of layers of this machine's TFLite runtime.

    What is asked for is measured when it is first needed: a layer at widths from one tile of its kernel to the next,
    because between these it takes the same time or longer.

    Args:
        int8: Whether layers compute in int8; else in float32.
        threads: Threads of the runtime.
    """

    def __init__(self, int8: bool = False, threads: int = 1):
        self.int8, self.threads = int8, threads
        place = {
            "format": _FORMAT,
            "runtime": importlib.metadata.version("ai_edge_litert"),
            "processor": asdict(this_processor()),
            "threads": threads,
            "int8": int8,
        }
        text = json.dumps(place, sort_keys=True)
        self._name = f"latency-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
        self._place = json.loads(text)
        self._rows: dict[str, list[float]] = self._read()
        self._new = False

    @staticmethod
    def widths(full: int) -> np.ndarray:
        """Where the table of a layer has entries: int (n,), increasing, `full` last."""
        if full <= _FINEST:
            return np.arange(1, full + 1)
        step = max(_FINEST, 2 ** math.ceil(math.log2(full / _NODES)))
        return np.unique([*_NARROWEST, *range(step, full, step), full])

    def ms(self, shape: LayerShape, full: tuple[int, int], reads: np.ndarray, makes: np.ndarray) -> np.ndarray:
        """The milliseconds of a layer at some widths.

        Args:
            shape: The layer.
            full: What a block of it reads, and what it makes, in the model that is to be cut.
            reads: float (n,), what a block reads.
            makes: float (n,), what it makes: it takes as long as the next larger width that was measured.

        Returns:
            float (n,).
        """
        nodes = self.widths(full[1])
        column = np.minimum(np.searchsorted(nodes, makes - 1e-9), len(nodes) - 1)
        if shape.depthwise:
            return self._row(shape, full, 1)[column]
        levels = sorted({max(1, round(share * full[0])) for share in _READS})
        values = np.stack([self._row(shape, full, level)[column] for level in levels])  # (levels, n)
        if len(levels) == 1:
            return values[0] * reads / levels[0]
        upper = np.clip(np.searchsorted(levels, reads), 1, len(levels) - 1)
        low, high = np.array(levels)[upper - 1], np.array(levels)[upper]
        places = np.arange(len(makes))
        share = (reads - low) / (high - low)
        found = values[upper - 1, places] * (1 - share) + values[upper, places] * share
        return np.maximum(found, 0.0)

    def save(self) -> None:
        """Keep what was measured for the next time."""
        if self._new:
            rows = {**self._read(), **self._rows}
            write_cached(self._name, json.dumps({**self._place, "milliseconds": rows}) + "\n")
            self._new = False

    def _row(self, shape: LayerShape, full: tuple[int, int], reads: int) -> np.ndarray:
        key = f"{shape}, {reads} of {full[0]} to {full[1]}"
        if key not in self._rows:
            self._rows[key] = self._measure(shape, reads, self.widths(full[1])).tolist()
            self._new = True
        return np.array(self._rows[key])

    def _measure(self, shape: LayerShape, reads: int, widths: np.ndarray) -> np.ndarray:
        """The least of several rounds over all widths, so that a busy moment does not meet one alone: float (n,)."""
        rng = np.random.default_rng(0)
        best = np.full(len(widths), np.inf)
        for _ in range(_ROUNDS):
            for place in rng.permutation(len(widths)):
                runner = Runner(layer_file(shape, reads, int(widths[place]), self.int8), self.threads)
                best[place] = min(best[place], fastest(runner))
        return best

    def _read(self) -> dict[str, list[float]]:
        """What earlier runs have measured; nothing where the file is damaged or about another machine."""
        try:
            found = json.loads(read_cached(self._name) or "{}")
            rows = found.pop("milliseconds", {}) if isinstance(found, dict) else {}
            sound = found == self._place and all(np.isfinite(np.array(row, float)).all() for row in rows.values())
        except (ValueError, TypeError, AttributeError):
            return {}
        return rows if sound else {}


def fastest(runner: Runner) -> float:
    """Milliseconds of the fastest of some calls."""
    runner.invoke()
    times: list[float] = []
    while sum(times) < _SECONDS and len(times) < _CALLS:
        start = time.perf_counter()
        runner.invoke()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)

"""The time of a model and of what is left of it when it is cut, from exported files."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from kerasprune.core import temporary_folder
from kerasprune.graph import Opened
from kerasprune.report import Timed
from kerasprune.tflite import LatencyTable, LayerCosts, Timing

_CONTRADICTS = 0.05  # of a share: two measurements that are further apart are no agreement
_CALM = {"gamma": 1.0, "variance": 1.0, "scale": 1.0, "beta": 0.5, "bias": 0.5}  # by the end of a weight's path


class Stopwatch:
    """The time of a model and of what is left of it, as the fraction that is kept.

    Args:
        opened: The model.
        timing: How files are timed.
        folder: Where the files lie while they are timed.
        seed: Makes random inputs.

    Attributes:
        whole: The milliseconds of the model.
    """

    def __init__(self, opened: Opened, timing: Timing, folder: Path, seed: int = 0):
        self.opened, self.timing = opened, timing
        self._folder, self._seed = folder, seed
        self._shares: dict[bytes, list[float]] = {}
        self._written: dict[str, bytes] = {}  # name of a file to what it was cut by
        self._dense = self._file(opened.graph.keep_all(), "dense.tflite")
        self.whole = usual(timing.times([self._dense])[:, 0])

    def costs(self) -> LayerCosts:
        """What every layer costs on this machine: where files are timed elsewhere, a guide to where time goes."""
        here = replace(self.timing, measure=None)
        whole = self.whole if self.timing.measure is None else usual(here.times([self._dense])[:, 0])
        table = LatencyTable(self.timing.chosen_recipe.name == "int8", self.timing.threads)
        return LayerCosts(self.opened.flat, self.opened.graph, table, whole)

    def share(self, keep: np.ndarray, times: int = 1) -> float:
        """The fraction of the time that is left of the model when it is cut: the middle of so many measurements."""
        if keep.all():
            return 1.0
        found = self._shares.setdefault(np.packbits(keep).tobytes(), [])
        while len(found) < times:
            found.append(self.compare(keep).kept)
        return float(np.median(found))

    def confirm(self, keep: np.ndarray) -> Timed:
        """As `compare`; where it contradicts what was found for this cut before, the middle of three."""
        found = [self.compare(keep)]
        before = self._shares.get(np.packbits(keep).tobytes())
        if before and abs(found[0].kept / np.median(before) - 1) > _CONTRADICTS:
            found += [self.compare(keep), self.compare(keep)]
        return sorted(found, key=lambda timed: timed.kept)[len(found) // 2]

    def compare(self, keep: np.ndarray) -> Timed:
        """The times of the model and of what is left of it, taken anew."""
        small = self._file(keep, "small.tflite")
        before, after = (usual(times) for times in self.timing.times([self._dense, small]).T)
        return Timed(before, after, after / before, str(self.timing))

    def in_float32(self, keep: np.ndarray) -> float | None:
        """Milliseconds of what is left as a float32 file; None where no other is timed, or not on this machine."""
        if self.timing.measure is not None or self.timing.chosen_recipe.name == "float32":
            return None
        path = Timing().export(self.opened.cut(keep).flat, self._folder / "float32.tflite", self._seed)
        return usual(self.timing.times([path])[:, 0])

    def _file(self, keep: np.ndarray, name: str) -> Path:
        path, key = self._folder / name, np.packbits(keep).tobytes()
        if self._written.get(name) != key:
            model = self.opened.cut(keep).flat
            if self.timing.chosen_recipe.needs_data:
                make_calm(model)
            self.timing.export(model, path, self._seed)
            self._written[name] = key
        return path


def usual(times: np.ndarray) -> float:
    """What a call takes on a machine that does little else: a tenth of the times is not above it."""
    return float(np.percentile(times, 10))


def make_calm(model: keras.Model) -> None:
    """Give a model that is only timed weights with which every layer puts out something, and none too much.

    What is cut and not yet repaired can put out next to nothing, and the scales of its int8 file are then beyond what
    kernels can compute with. So kernels take means, and what is added to these is above zero.
    """
    for weight in model.weights:
        shape = tuple(weight.shape)
        if len(shape) > 1:
            each = math.prod(shape[:-2] if shape[-1] == 1 else shape[:-1])  # of a depthwise kernel the window alone
            weight.assign(np.full(shape, 1 / max(each, 1)))
        elif np.issubdtype(np.dtype(keras.backend.standardize_dtype(weight.dtype)), np.floating):
            weight.assign(np.full(shape, next((value for end, value in _CALM.items() if weight.path.endswith(end)), 0)))


@contextlib.contextmanager
def stopwatch_for(opened: Opened, timing: Timing | None, seed: int) -> Iterator[Stopwatch | None]:
    """A stopwatch with its files in a temporary folder; None where nothing is to be timed."""
    if timing is None:
        yield None
        return
    with temporary_folder() as folder:
        yield Stopwatch(opened, timing, folder, seed)

"""What happened while channels were removed one at a time."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from kerasprune.core import DataError, write_text


@dataclass(frozen=True)
class Removal:
    """One channel that went.

    Attributes:
        id: The channel, an id of the graph of the original model.
        group: The name of its group.
        score: What the criterion said of it.
        loss: The mean loss of a sample without it and all before it; None where there is no data with labels.
        accuracy: The share of samples of the right class; None where the labels name no classes.
        value: The metric that the run was told to watch; None where there was none.
    """

    id: int
    group: str
    score: float
    loss: float | None
    accuracy: float | None
    value: float | None = None


@dataclass(frozen=True)
class Trajectory:
    """Removals in their order, and where they started.

    Attributes:
        criterion: What channels were ranked by.
        rerank: Whether they were ranked anew after every removal.
        candidates: Number of channels that could go.
        loss: The mean loss of a sample of the whole model; None as in `Removal`.
        accuracy: Its accuracy; None as in `Removal`.
        removals: The removals.
        fingerprint: A checksum of the weights that were pruned.
        metric: The name of the metric that was watched; empty where there was none.
        value: That metric of the whole model; None as in `Removal`.

    Example:

    >>> from kerasprune.strategies import Serial
    >>> result = compress(model, Budget(channels=0.5), "oracle", Serial(), data=(x, y))
    >>> result.trajectory.save("oracle.json")
    >>> len(Trajectory.load("oracle.json").removals) == len(result.trajectory.removals)
    True
    """

    criterion: str
    rerank: bool
    candidates: int
    loss: float | None
    accuracy: float | None
    removals: tuple[Removal, ...] = ()
    fingerprint: int = 0
    metric: str = ""
    value: float | None = None

    @property
    def shares(self) -> list[float]:
        """The share of the candidates that is gone, before the first removal and after each."""
        return [count / self.candidates for count in range(len(self.removals) + 1)]

    def values(self, name: str) -> list[float | None]:
        """The "loss", the "accuracy" or the "value" of the metric before the first removal and after each."""
        return [getattr(self, name), *(getattr(removal, name) for removal in self.removals)]

    def to_json(self) -> str:
        """The trajectory as JSON text; equal trajectories give equal text."""
        return json.dumps(asdict(self), indent=1) + "\n"

    def save(self, path: str | os.PathLike) -> None:
        """Write the JSON to a file, which is replaced whole or not at all.

        Raises:
            FolderError: The folder does not exist.
        """
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Trajectory":
        """Read what `save` wrote.

        Raises:
            DataError: The file is no trajectory.
        """
        try:
            fields = json.loads(Path(path).read_text(encoding="utf-8"))
            removals = tuple(Removal(**removal) for removal in fields.pop("removals"))
            return cls(**fields, removals=removals)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{str(path)!r} is not a trajectory that `Trajectory.save` wrote: {error}.") from error


def plot_trajectories(
    trajectories: Mapping[str, Trajectory], path: str | os.PathLike, measure: str = "accuracy", title: str = ""
) -> None:
    """Draw a measure over the share of channels removed, one curve for each trajectory.

    Args:
        trajectories: By the name that the legend shall show.
        path: The picture, in any format of matplotlib.
        measure: "accuracy", "loss" or "value".
        title: Stands above.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  (only who draws pays for it)

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, trajectory in trajectories.items():
        axes.plot([100 * share for share in trajectory.shares], np.array(trajectory.values(measure), float), label=name)
    axes.set(xlabel="channels removed (%)", ylabel=measure, title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=100)


def plot_gain_curves(curves: Mapping[str, tuple], path: str | os.PathLike, title: str = "") -> None:
    """Draw the loss against the gain of a channel, on a linear and on a logarithmic scale, with a line at a gain of 1.

    A curve that is flat between 0 and 1 is that of a channel that can go.

    Args:
        curves: Name to the gains and the losses, as `kerasprune.criteria.gain_curve` returns them.
        path: The picture, in any format of matplotlib.
        title: Stands above.

    Reference:
        Wolfe et al., The Incredible Shrinking Neural Network, arXiv 1701.04465, the gain figures.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, scale in zip(figure.subplots(1, 2), ("linear", "log"), strict=True):
        for name, (gains, losses) in curves.items():
            axes.plot(gains, losses, label=name)
        axes.axvline(1.0, color="red", linewidth=1)
        axes.set(xlabel="gain", ylabel="loss", yscale=scale)
    figure.suptitle(title)
    axes.legend()
    figure.savefig(path, dpi=100)

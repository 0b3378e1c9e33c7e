"""How loss and metric of a model rise and fall with what is left of each of its parts."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerasprune.core import DataError, atomic_path, write_text
from kerasprune.core.table import table

_NAMED = 20  # parts up to which a picture has a legend


@dataclass(frozen=True)
class Curve:
    """One part of a model cut alone, all others left whole.

    Attributes:
        name: The group of channels, or the path of the layer whose kernel it is.
        size: Its channels, or weights.
        kept: How many stay at each point, the whole part first.
        loss: The mean loss of a sample at each point.
        value: The metric at each point.
    """

    name: str
    size: int
    kept: tuple[int, ...]
    loss: tuple[float, ...]
    value: tuple[float, ...]

    @property
    def shares(self) -> list[float]:
        """What stays at each point, as a fraction of the part."""
        return [count / self.size for count in self.kept]

    def least_share(self, rise: float) -> float:
        """What of the part can stay before the loss has risen by so much for the first time, in [0, 1].

        Args:
            rise: Of the mean loss of a sample; between two points the curve is taken to be straight.
        """
        rises, shares = np.array(self.loss) - self.loss[0], self.shares
        for number, now in enumerate(rises):
            if now > rise:
                way = (rise - rises[number - 1]) / (now - rises[number - 1])
                return float(shares[number - 1] + max(way, 0.0) * (shares[number] - shares[number - 1]))
        return shares[-1]


@dataclass(frozen=True)
class Sensitivity:
    """The result of `sensitivity`.

    Attributes:
        of: What was cut: "channels" or "weights".
        criterion: By what it was ranked inside each part.
        metric: The name of the metric.
        more_is_better: Whether more of it is better.
        points: The fractions of a part that were asked for, behind the whole part.
        samples: On how many samples was measured.
        loss: The mean loss of a sample of the whole model, without penalties on weights.
        value: Its metric.
        curves: One for each part, in the order of the model.
        left_out: Parts that were not cut, to the reason.
    """

    of: str
    criterion: str
    metric: str
    more_is_better: bool
    points: tuple[float, ...]
    samples: int
    loss: float
    value: float
    curves: tuple[Curve, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The curves as JSON text; equal ones give equal text."""
        return json.dumps(asdict(self), indent=1) + "\n"

    def save(self, path: str | os.PathLike) -> None:
        """Write the JSON to a file, which is replaced whole or not at all.

        Raises:
            FolderError: The folder does not exist.
        """
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Sensitivity":
        """Read what `save` wrote.

        Raises:
            DataError: The file is none of these.
        """
        try:
            fields = json.loads(Path(path).read_text(encoding="utf-8"))
            made = (Curve(**_with_tuples(curve)) for curve in fields.pop("curves"))
            return cls(**_with_tuples(fields), curves=tuple(made))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{str(path)!r} is no sensitivity that `Sensitivity.save` wrote: {error}.") from error

    def plot(self, path: str | os.PathLike) -> None:
        """Draw loss and metric against what is kept, one curve for each part.

        Args:
            path: The picture; the suffix says the format, for example `.png` or `.svg`.

        Raises:
            FolderError: The folder does not exist.
        """
        from matplotlib import colormaps  # noqa: PLC0415  (only who draws pays for it)
        from matplotlib.figure import Figure  # noqa: PLC0415

        few = len(self.curves) <= _NAMED
        figure = Figure(figsize=(12 if few else 9, 4), dpi=100, layout="constrained")
        panels = figure.subplots(1, 2)
        for axes, name, label in zip(panels, ("value", "loss"), (self.metric, "loss"), strict=True):
            for number, curve in enumerate(self.curves):
                colour = colormaps["viridis"](number / max(len(self.curves) - 1, 1))
                shares = [100 * share for share in curve.shares]
                axes.plot(shares, getattr(curve, name), ".-", color=colour, label=curve.name, linewidth=1)
            axes.set(xlabel=f"{self.of} kept of one part (%)", ylabel=label)
            axes.grid(alpha=0.3)
            axes.invert_xaxis()
        if few and self.curves:
            figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", fontsize=7)
        with atomic_path(path) as target:
            figure.savefig(target)

    def __str__(self) -> str:
        part = "group" if self.of == "channels" else "kernel"
        lines = [f"{self.metric} when one {part} alone is cut, and in brackets the loss; ranked by {self.criterion}."]
        if self.curves:
            rows = [(part, self.of, *(f"{100 * point:g} %" for point in self.points))]
            for curve in self.curves:
                points = zip(curve.value[1:], curve.loss[1:], strict=True)
                rows.append((curve.name, str(curve.size), *(f"{value:.3f} ({loss:.3g})" for value, loss in points)))
            lines += table(rows, figures=True)
        lines.append(f"whole model: loss {self.loss:.4g}, {self.metric} {self.value:.4f}, on {self.samples} samples.")
        lines += [f"left out: {name}: {reason}" for name, reason in self.left_out.items()]
        return "\n".join(lines)


def _with_tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON holds as lists, as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}

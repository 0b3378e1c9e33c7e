"""Pictures of an explanation: importance of the inputs, pathways, coloured weights."""

import numpy as np

from kerasprune.core import PLOTS
from kerasprune.explanation.explain import Explanation

_NAMED = 60  # units up to which inputs and outputs get names


@PLOTS.register("importance")
def importance(explanation: Explanation, figure) -> None:
    """An image of the input features, or bars."""
    values = np.array(explanation.importance)
    axes = figure.gca()
    shape = _image_shape(explanation.input_shape)
    if shape is None:
        axes.bar(range(len(values)), values)
        axes.set(xlabel="input feature", ylabel="importance")
        return
    image = values.reshape(*shape, -1).sum(axis=-1)
    figure.colorbar(axes.imshow(image, cmap="magma"), label="importance")
    axes.set(xticks=[], yticks=[])


@PLOTS.register("pathways")
def pathways(explanation: Explanation, figure) -> None:
    """Units in columns by depth, ordered by what they are joined to; weights are coloured by value."""
    units, edges = explanation.units, explanation.units.live_edges()
    axes = figure.gca()
    axes.axis("off")
    if not any(len(layer.weights) for layer in edges):
        axes.set_title("no path leads from an input to an output")
        return
    height = _heights(units, edges)
    scale = max(np.abs(layer.weights).max(initial=0.0) for layer in edges)
    colours = _seismic()
    for layer in edges:
        order = np.argsort(np.abs(layer.weights), kind="stable")  # the largest weights are drawn last
        ends = np.stack([layer.sources, layer.targets], axis=1)[order]
        for pair, weight in zip(ends, layer.weights[order], strict=True):
            axes.plot(units.depth[pair], height[pair], color=colours(0.5 + 0.5 * weight / scale), lw=1.2, zorder=1)
    shown = np.flatnonzero(units.live())
    axes.scatter(units.depth[shown], height[shown], s=30, color="white", edgecolors="black", zorder=2)
    if len(shown) <= _NAMED:
        _name(axes, units, height, shown)


def _name(axes, units, height, shown) -> None:
    """Write x0, x1, ... beside the inputs and y0, y1, ... beside the outputs that are alive."""
    for letter, numbers, side in (("x", units.inputs, -16), ("y", units.outputs, 6)):
        for place, unit in enumerate(numbers):
            if unit in shown:
                at = (units.depth[unit], height[unit])
                axes.annotate(f"{letter}{place}", at, (side, -4), textcoords="offset points")


@PLOTS.register("weights")
def weights(explanation: Explanation, figure) -> None:
    """One matrix per layer, of the units that are alive: rows are what is read, columns what is made."""
    edges = [layer for layer in explanation.units.live_edges() if len(layer.weights)]
    scale = max((np.abs(layer.weights).max() for layer in edges), default=1.0)
    panels = np.atleast_1d(figure.subplots(1, max(len(edges), 1)))
    for axes, layer in zip(panels, edges, strict=False):
        rows, row = np.unique(layer.sources, return_inverse=True)
        columns, column = np.unique(layer.targets, return_inverse=True)
        matrix = np.zeros((len(rows), len(columns)))
        matrix[row, column] = layer.weights
        shown = axes.imshow(matrix, cmap="seismic", vmin=-scale, vmax=scale, aspect="auto", interpolation="nearest")
        axes.set(title=layer.layer, xlabel=f"{len(columns)} units", ylabel=f"{len(rows)} read")
        axes.set(xticks=[], yticks=[])
    if edges:
        figure.colorbar(shown, ax=list(panels), label="weight")


def _image_shape(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Height and width of the picture that the inputs are, if they are one; a long square number counts as one."""
    if len(shape) in (2, 3):
        return shape[0], shape[1]
    side = round(np.sqrt(shape[0])) if len(shape) == 1 else 0
    return (side, side) if side >= 8 and side * side == shape[0] else None


def _heights(units, edges) -> np.ndarray:
    """A height in [0, 1] for every unit: its rank in its column by the mean height of the units it is joined to."""
    live = np.flatnonzero(units.live())
    columns = [live[units.depth[live] == depth] for depth in range(units.depth.max() + 1)]
    sources, targets = (np.concatenate([getattr(layer, side) for layer in edges]) for side in ("sources", "targets"))
    height = np.full(len(units.depth), 0.5)
    for column in columns:
        height[column] = _spread(len(column))
    for _ in range(6):  # orders settle after a few sweeps forwards and back
        for order, here, there in ((columns[1:], targets, sources), (columns[-2::-1], sources, targets)):
            for column in order:
                total, count = np.zeros(len(height)), np.zeros(len(height))
                np.add.at(total, here, height[there])
                np.add.at(count, here, 1)
                mean = np.where(count > 0, total / np.maximum(count, 1), height)[column]
                height[column[np.argsort(mean, kind="stable")]] = _spread(len(column))
    return height


def _spread(number: int) -> np.ndarray:
    return (np.arange(number) + 0.5) / max(number, 1)


def _seismic():
    from matplotlib import colormaps  # noqa: PLC0415  (only who draws pays for it)

    return colormaps["seismic"]

"""Recurrent layers: a unit goes with its slice of every gate, and with the row by which the next step reads it.

In the masked model the state of a removed unit still exists, but the recurrent kernel reads zero in its place: its rows
are zero there. States that are carried from call to call (`stateful`) start at zero in every rebuilt model.
"""

from collections.abc import Sequence

import keras
import numpy as np

from kerasprune.core import Count, Labels
from kerasprune.graph.rule import rule
from kerasprune.graph.site import Site

layers = keras.layers

# Gates of the stock cells, which stand one after the other in the kernels; and how many states a cell has.
_GATES = {layers.SimpleRNNCell: 1, layers.GRUCell: 3, layers.LSTMCell: 4}
_STATES = {layers.SimpleRNNCell: 1, layers.GRUCell: 1, layers.LSTMCell: 2}
_STOCK = (layers.SimpleRNN, layers.GRU, layers.LSTM)
_CONVOLUTIONAL = (layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D)


@rule(*_STOCK, layers.RNN, behaviour="source")
def recurrent(site: Site) -> Labels | list[Labels]:
    """Reads the channels of every step and its own units; makes units."""
    cells = _cells(site.layer, "")
    if cells is None:
        return site.decline(f"{site.name} has the cell {type(site.layer.cell).__name__}, whose weights are not known")
    states = _run(site, cells, _sequence(site))
    _start(site, states)
    return _outputs(site, [states[-cells[-1].states]], states)


@rule(*_CONVOLUTIONAL, behaviour="source")
def convolutional_recurrent(site: Site) -> Labels | list[Labels]:
    """As a recurrent layer, with convolutions in the place of matrix products."""
    states = _convolutional_run(site, site.layer, "", _sequence(site))
    _start(site, states)
    return _outputs(site, states[:1], states)


@rule(layers.Bidirectional, behaviour="composite")
def bidirectional(site: Site) -> Labels | list[Labels]:
    """Two recurrent layers; they stay equally wide, because Keras takes the shape of both from the first."""
    layer = site.layer
    kinds = [type(part) for part in (layer.forward_layer, layer.backward_layer)]
    channels = _sequence(site)
    sides = []
    for part, key in ((layer.forward_layer, "layer/config/"), (layer.backward_layer, "backward_layer/config/")):
        if type(part) in _CONVOLUTIONAL and part.cell.data_format == "channels_last":
            states = _convolutional_run(site, part, key, channels)
            sides.append((states[0], states))
            continue
        cells = _cells(part, key)
        if cells is None:
            return site.decline(f"{site.name} wraps {' and '.join(kind.__name__ for kind in kinds)}")
        states = _run(site, cells, channels)
        sides.append((states[-cells[-1].states], states))
    (forward, first), (backward, second) = sides
    if [len(vector) for vector in first] != [len(vector) for vector in second]:
        return site.decline(f"{site.name} has directions of different widths")
    for one, other in zip(first, second, strict=True):
        site.tie(one, other, f"{site.name} needs both directions equally wide")
    _start(site, first + second)
    merged = {None: [forward, backward], "concat": [np.concatenate([forward, backward])]}
    return _outputs(site, merged.get(layer.merge_mode, [forward]), first + second)


class _Cell:
    """A stock cell inside a layer, and where its configuration stands in that of the layer."""

    def __init__(self, cell: keras.layers.Layer, key: str):
        self.cell = cell
        self.key = key
        self.gates = _GATES[type(cell)]
        self.states = _STATES[type(cell)]


def _cells(layer: keras.layers.Layer, key: str) -> list[_Cell] | None:
    """The stock cells of a recurrent layer, in the order of a step; None if one is not stock."""
    if not isinstance(layer, layers.RNN):
        return None
    cell, key = layer.cell, key if type(layer) in _STOCK else f"{key}cell/config/"
    parts = [(cell, key)]
    if type(cell) is layers.StackedRNNCells:
        parts = [(part, f"{key}cells/{number}/config/") for number, part in enumerate(cell.cells)]
    known = type(layer) in (*_STOCK, layers.RNN) and all(type(part) in _GATES for part, _ in parts)
    return [_Cell(part, key) for part, key in parts] if known else None


def _sequence(site: Site) -> np.ndarray | None:
    """The channels of one step, which the call reads."""
    index = _named(site)["sequences"][0]
    cell = getattr(site.layer, "cell", None) or getattr(site.layer, "forward_layer", site.layer).cell
    axis = 2 if getattr(cell, "data_format", None) == "channels_first" else len(site.shapes[index]) - 1
    labels = site.freeze_other_axes(axis, f"{site.name} runs along the axis of these channels", index)
    site.read(axis, index=index)
    return labels[axis]


def _run(site: Site, cells: Sequence[_Cell], channels: np.ndarray | None) -> list[np.ndarray]:
    """The units of all states, cell by cell; what one cell makes, the next one reads."""
    states: list[np.ndarray] = []
    for number, part in enumerate(cells):
        cell, inner = part.cell, (0,) if number else ()
        made = site.make(cell.units)
        gates = np.tile(made, part.gates)
        site.weight(cell.kernel, (channels, gates), reads=(0,), inner=inner)
        site.weight(cell.recurrent_kernel, (made, gates), reads=(0,), inner=(0,))
        if cell.bias is not None:
            site.weight(cell.bias, (*(None,) * (len(cell.bias.shape) - 1), gates))
        site.set(f"{part.key}units", Count(made))
        for kernel in (cell.kernel, cell.recurrent_kernel):
            site.macs(kernel, (None,), (site.sizes[0][1],))
        _activated(site, cell, made)
        states += [made] * part.states
        channels = made
    return states


def _convolutional_run(
    site: Site, layer: keras.layers.Layer, key: str, channels: np.ndarray | None
) -> list[np.ndarray]:
    cell = layer.cell
    window = (None,) * cell.rank
    made = site.make(cell.filters)
    gates = np.tile(made, 4)
    site.weight(cell.kernel, (*window, channels, gates), reads=(-2,))
    site.weight(cell.recurrent_kernel, (*window, made, gates), reads=(-2,), inner=(-2,))
    site.weight(cell.bias, (gates,))
    site.set(f"{key}filters", Count(made))
    sizes = site.output_sizes[0]
    sizes = sizes[-cell.rank :] if cell.data_format == "channels_first" else sizes[-1 - cell.rank : -1]
    for kernel in (cell.kernel, cell.recurrent_kernel):
        site.macs(kernel, (None,) * (cell.rank + 1), (site.sizes[0][1], *sizes))
    _activated(site, cell, made)
    return [made, made]


def _activated(site: Site, cell: keras.layers.Layer, made: np.ndarray) -> None:
    for name in ("activation", "recurrent_activation"):
        site.activated((made,), getattr(cell, name, None))


def _start(site: Site, states: Sequence[np.ndarray]) -> None:
    """A state that a call starts from has the units of the state; a mask has no channels."""
    places = _named(site)
    given = places.get("initial_state", [])
    for index, made in zip(given, states if given else (), strict=True):
        axis = _channel_axis(site, len(site.shapes[index]))
        site.freeze_other_axes(axis, f"{site.name} starts from a state with channels on this axis", index)
        start = site.inputs[index][axis]
        site.tie(made, np.zeros(1, int) if start is None else start, f"{site.name} starts from this state")
    for index in places.get("mask", []):
        site.freeze(site.inputs[index], f"they mask {site.name}")


def _named(site: Site) -> dict[str, list[int]]:
    """Which inputs of the site are passed for which argument of the layer's call."""
    args, kwargs = site.arguments
    names = ("sequences", "initial_state", "mask")
    count, found = 0, {}
    for name, value in (*zip(names, args, strict=False), *sorted(kwargs.items())):
        tensors = sum(isinstance(leaf, keras.KerasTensor) for leaf in keras.tree.flatten(value))
        found.setdefault(name, []).extend(range(count, count + tensors))
        count += tensors
    return found


def _channel_axis(site: Site, rank: int) -> int:
    first = getattr(getattr(site.layer, "cell", None), "data_format", None) == "channels_first"
    return rank - 1 - site.layer.cell.rank if first else rank - 1


def _outputs(site: Site, results: Sequence[np.ndarray], states: Sequence[np.ndarray]) -> list[Labels]:
    """The labels of the outputs: the results, then the states where the call returns them."""
    vectors = [*results, *states][: len(site.output_shapes)]
    outputs = []
    for index, vector in enumerate(vectors):
        labels = list(site.unlabelled(index))
        labels[_channel_axis(site, len(labels))] = vector
        outputs.append(tuple(labels))
    return outputs

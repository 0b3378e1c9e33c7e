"""Which weights of a layer are kernels, and what users call them."""

import fnmatch
from collections.abc import Collection, Iterable

import keras

from kerasprune.core import OptionError
from kerasprune.core.registry import known
from kerasprune.graph import is_graph, layers_inside


def kernel_positions(layer: keras.layers.Layer, protect: Collection[str] = ()) -> list[int]:
    """Positions in `layer.weights` of the kernels that are trainable; of an embedding, that of its table.

    Args:
        layer: The layer or model.
        protect: Patterns of names, see `kernel_names`, of those that are left out.

    Raises:
        OptionError: A pattern matches nothing.
    """
    wanted = "embeddings" if isinstance(layer, keras.layers.Embedding) else "kernel"
    found = [place for place, weight in enumerate(layer.weights) if wanted in weight.name and weight.trainable]
    names = kernel_names(layer, found)
    left_out = {index for pattern in protect for index in matches(pattern, names, "protect")}
    return [place for index, place in enumerate(found) if index not in left_out]


def kernel_names(layer: keras.layers.Layer, positions: Iterable[int]) -> list[str]:
    """The names of some weights: those of the layers that hold each, from the outermost one, and its own.

    A model around all of them is not named: "block/dense/kernel".
    """
    parts = layers_inside(layer)[1:] if is_graph(layer) else layers_inside(layer)
    holders: dict[int, list[tuple[int, str]]] = {}
    for part in parts:
        for weight in part.weights:
            holders.setdefault(id(weight), []).append((-len(part.weights), part.name))
    weights = layer.weights
    return [
        "/".join([*(name for _, name in sorted(holders[id(weights[place])], key=_size)), weights[place].name])
        for place in positions
    ]


def matches(pattern: str, names: list[str], argument: str) -> list[int]:
    """The places of the names that a pattern matches: a whole one, that of the layer, or a part of the path to it.

    Args:
        pattern: As in `fnmatch`, for example "stem*".
        names: From `kernel_names`.
        argument: What the user calls the patterns, for the error.

    Raises:
        OptionError: There is none.

    Example:

    >>> matches("stem*", ["stem/kernel", "block/stem_2/kernel", "classes/kernel"], "protect")
    [0, 1]
    """
    found = [place for place, name in enumerate(names) if _is_called(name, pattern)]
    if not found:
        layers = list(dict.fromkeys(name.rpartition("/")[0] for name in names))
        raise OptionError(
            f"The pattern {pattern!r} in `{argument}` matches no layer with kernels. {known(pattern, layers)}"
        )
    return found


def _size(holder: tuple[int, str]) -> int:
    return holder[0]


def _is_called(name: str, pattern: str) -> bool:
    layers = name.rpartition("/")[0]
    return any(fnmatch.fnmatchcase(each, pattern) for each in (name, layers, *layers.split("/")))

"""What a sparse network has learned, read off the weights that it has left."""

import json
import os
from dataclasses import asdict, dataclass, fields

import keras
import numpy as np

from kerasprune.core import write_text
from kerasprune.explanation.units import Units, read_units
from kerasprune.graph import unrolled

SIMILAR = 0.9  # the cosine from which on two features count as symmetric


@dataclass(frozen=True)
class Pathway:
    """A sub-network that shares no unit with any other.

    Attributes:
        inputs: Numbers of the input features that it reads.
        outputs: Numbers of the outputs that it computes.
        neurons: The number of units between them.
        weights: The number of its weights.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    neurons: int
    weights: int


@dataclass(frozen=True)
class Symmetry:
    """Two input features that the network treats alike, or oppositely.

    Attributes:
        first: Number of the one feature.
        second: Number of the other.
        cosine: Of the angle between the weights that leave them: 1 where the network sees their sum, -1 where it sees
            their difference.
    """

    first: int
    second: int
    cosine: float


@dataclass(frozen=True, eq=False)
class Explanation:
    """What can be read off a sparse network.

    Attributes:
        weights: Weights on a path from an input to an output.
        size: Weights of the network, zeros included.
        importance: Per input feature the sum over all paths to an output of the product of absolute weights.
        paths_from: Per input feature the number of weights that leave it, counted like `weights`.
        pathways: The sub-networks that are not connected with each other, the largest first.
        unused_inputs: Numbers of the features from which no path leads to an output.
        unused_outputs: Numbers of the outputs to which no path leads: constants.
        symmetries: Pairs of features with parallel weights, the most similar first.
        input_shape: The shape of one sample of the input, or the number of features where there are several inputs.
        units: The network itself, for plots.
    """

    weights: int
    size: int
    importance: tuple[float, ...]
    paths_from: tuple[int, ...]
    pathways: tuple[Pathway, ...]
    unused_inputs: tuple[int, ...]
    unused_outputs: tuple[int, ...]
    symmetries: tuple[Symmetry, ...]
    input_shape: tuple[int, ...]
    units: Units

    def to_dict(self) -> dict:
        """Everything but the units, as plain data."""
        names = [field.name for field in fields(self) if field.name != "units"]
        plain = {name: getattr(self, name) for name in names}
        for name in ("pathways", "symmetries"):
            plain[name] = [asdict(item) for item in plain[name]]
        return plain

    def to_json(self) -> str:
        """The explanation as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def save(self, path: str | os.PathLike) -> None:
        """Write the JSON to a file, which is replaced whole or not at all."""
        write_text(path, self.to_json())

    def __str__(self) -> str:
        features, share = len(self.importance), 100 * self.weights / max(self.size, 1)
        lines = [
            f"{self.weights:,} of {self.size:,} weights ({share:.2f} %) are on a path from an input to an output; "
            f"{features - len(self.unused_inputs)} of {features} input features are used."
        ]
        for number, pathway in enumerate(self.pathways, 1):
            lines.append(
                f"pathway {number}: inputs {_listed(pathway.inputs)} -> outputs {_listed(pathway.outputs)}, "
                f"{pathway.neurons} neurons, {pathway.weights} weights"
            )
        if self.unused_outputs:
            lines.append(f"outputs without a path, which are constant: {_listed(self.unused_outputs)}")
        for pair in self.symmetries[:10]:
            kind = "sum" if pair.cosine > 0 else "difference"
            lines.append(f"inputs {pair.first} and {pair.second} enter by their {kind} (cosine {pair.cosine:.3f})")
        ranked = sorted(range(features), key=lambda feature: -self.importance[feature])[:10]
        listed = ", ".join(f"{place} ({self.importance[place]:.3g})" for place in ranked if self.importance[place])
        return "\n".join([*lines, f"most important inputs: {listed or 'none'}"])


def explain(model: keras.Model) -> Explanation:
    """Read a sparse network of dense layers: which inputs matter, what is connected with what, what is symmetric.

    Args:
        model: A model of dense layers, best one from `strip` or from `slim` after it. Its zeros are what is read: in a
            network without zeros everything is one pathway.

    Returns:
        The findings as data; `to_json` and `plot` make them readable.

    Raises:
        GraphError: The model has layers with weights that are not dense.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    >>> explain(model).importance
    (1.0, 1.0)

    Reference:
        Zhang, Tao and Zhang, Neural Network Pruning by Gradient Descent, 2023.
    """
    model, _ = unrolled(model)
    units = read_units(model)
    edges = units.live_edges()
    leaving = np.zeros(len(units.depth), int)
    for layer in edges:
        np.add.at(leaving, layer.sources, 1)
    live = units.live()
    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    return Explanation(
        weights=sum(len(layer.weights) for layer in edges),
        size=units.size,
        importance=tuple(_importance(units, edges)[units.inputs].tolist()),
        paths_from=tuple(leaving[units.inputs].tolist()),
        pathways=_pathways(units, edges),
        unused_inputs=tuple(np.flatnonzero(~live[units.inputs]).tolist()),
        unused_outputs=tuple(np.flatnonzero(~live[units.outputs]).tolist()),
        symmetries=_symmetries(units, edges),
        input_shape=shapes[0] if len(shapes) == 1 else (len(units.inputs),),
        units=units,
    )


def _importance(units: Units, edges) -> np.ndarray:
    """For every unit the sum over its paths to the outputs of the products of absolute weights."""
    importance = np.zeros(len(units.depth))
    importance[units.outputs] = 1.0
    for layer in reversed(edges):
        np.add.at(importance, layer.sources, np.abs(layer.weights) * importance[layer.targets])
    return importance


def _pathways(units: Units, edges) -> tuple[Pathway, ...]:
    sources = np.concatenate([np.zeros(0, int), *(layer.sources for layer in edges)])
    targets = np.concatenate([np.zeros(0, int), *(layer.targets for layer in edges)])
    from scipy.sparse import coo_array  # noqa: PLC0415  (slow to import)
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    links = coo_array((np.ones(len(sources)), (sources, targets)), shape=(len(units.depth),) * 2)
    _, component = connected_components(links, directed=False)
    found = []
    for number in np.unique(component[sources]):
        inputs, outputs = (np.flatnonzero(component[side] == number) for side in (units.inputs, units.outputs))
        neurons = np.count_nonzero(component == number) - len(inputs) - len(outputs)
        weights = np.count_nonzero(component[sources] == number)
        found.append(Pathway(tuple(inputs.tolist()), tuple(outputs.tolist()), int(neurons), int(weights)))
    return tuple(sorted(found, key=lambda pathway: -pathway.weights))


def _symmetries(units: Units, edges) -> tuple[Symmetry, ...]:
    """Pairs of features whose leaving weights are parallel; those with a single weight are always so and not listed."""
    place = np.full(len(units.depth), -1)
    place[units.inputs] = np.arange(len(units.inputs))
    leaving = np.zeros((len(units.inputs), len(units.depth)))
    for layer in edges:
        first = place[layer.sources] >= 0
        np.add.at(leaving, (place[layer.sources[first]], layer.targets[first]), layer.weights[first])
    several = np.flatnonzero(np.count_nonzero(leaving, axis=1) > 1)
    unit = leaving[several] / np.linalg.norm(leaving[several], axis=1, keepdims=True)
    cosine = unit @ unit.T
    pairs = [
        Symmetry(int(several[i]), int(several[j]), float(cosine[i, j]))
        for i, j in zip(*np.nonzero(np.triu(np.abs(cosine) >= SIMILAR, k=1)), strict=True)
    ]
    return tuple(sorted(pairs, key=lambda pair: -abs(pair.cosine)))


def _listed(numbers: tuple[int, ...]) -> str:
    more = f", ... ({len(numbers)} in all)" if len(numbers) > 12 else ""
    return ", ".join(map(str, numbers[:12])) + more

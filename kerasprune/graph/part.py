"""The call of a layer inside another layer, as the rule of the one inside sees it."""

from kerasprune.core import Labels
from kerasprune.graph.call import Call
from kerasprune.graph.site import Site, symbolic


class Part(Site):
    """A site for the layer that a wrapper holds; what is said about it is said about the wrapper.

    Args:
        outer: The call of the wrapper.
        layer: The layer inside.
        key: Where the configuration of the layer stands in that of the wrapper, as in `clone_operation`.
        without: An axis of the wrapper's tensors that those of the layer inside lack.
        times: How often the wrapper calls the layer.
    """

    def __init__(self, outer: Site, layer, key: str, without: int | None = None, times: int = 1):
        self.outer = outer
        self.key = key
        self.without = without
        self.times = times
        inputs, outputs = outer.call.inputs[:1], outer.call.outputs
        inside = [tuple(symbolic(self._enter(tensor.shape), tensor) for tensor in side) for side in (inputs, outputs)]
        call = Call(outer.call.key, outer.path, layer, *inside, (inside[0], {}))
        sizes = [[self._enter(shape) for shape in side] for side in (outer.sizes[:1], outer.output_sizes)]
        super().__init__(call, outer._ledger, [self._enter(outer.labels)], *sizes)

    def leave(self, labels: Labels) -> Labels:
        """Labels of a tensor of the layer inside, as labels of the wrapper's tensor."""
        return labels if self.without is None else (*labels[: self.without], None, *labels[self.without :])

    def read(self, *axes: int, index: int = 0) -> None:
        rank = len(self.shapes[index])
        outside = self._enter(tuple(range(len(self.outer.shapes[index]))))
        self.outer.read(*(outside[axis % rank] for axis in axes), index=index)

    def weight(self, variable, axes: Labels, reads=(), inner=(), share=None) -> None:
        self.outer.weight(variable, axes, reads, inner, share)

    def set(self, key: str, value: object) -> None:
        self.outer.set(self.key + key, value)

    def multiply(self, labels, sizes, factor: float = 1.0) -> None:
        self.outer.multiply(labels, sizes, factor * self.times)

    def _enter(self, axes: tuple) -> tuple:
        return tuple(value for axis, value in enumerate(axes) if axis != self.without)

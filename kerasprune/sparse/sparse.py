"""A layer, or a whole model, whose weights become sparse while it trains."""

import math

import keras
from keras import ops

from kerasprune.core import OptionError, accepted
from kerasprune.graph import accepted_by, build_inside, call_with, layers_inside, remembered, with_shape
from kerasprune.scheduled import ScheduledLayer
from kerasprune.sparse.weight_gates import METHODS


@keras.saving.register_keras_serializable(package="kerasprune")
class Sparse(keras.layers.Wrapper):
    """Calls a layer, or a whole model, with every kernel multiplied by a gate of 0 or 1 per entry.

    Gated is what is trainable and is called a kernel: those of dense, convolutional, separable, recurrent and
    attention layers; of an embedding, the table. Biases and normalization are not. The layer inside is called
    unchanged, in a scope in which its kernels have other values, and one sample of the gates serves all calls of a
    step.

    Args:
        layer: The layer or model; it becomes part of this one.
        method: "penalty" (the published method, with a penalty on the density), "gumbel" and "magnitude" (which meet
            `sparsity=` or `weights=` by a schedule), "frozen" (zeros stay zero), or any other that is registered.
        gated: Positions in `layer.weights` of what is gated; by default the kernels that are trainable.
        origin: The architecture that `strip` gives back, as JSON, where it is not that of `layer`.
        **options: Those of the method, and those of any layer.

    Raises:
        OptionError: There is no such method or option, or nothing to gate, or a target is out of range.

    Example:

    >>> tuple(Sparse(keras.layers.Dense(3), "magnitude", sparsity=0.5)(keras.ops.ones((1, 2))).shape)
    (1, 3)

    Reference:
        See `PenalizedWeights`, `GumbelWeights` and `MagnitudeWeights`.
    """

    def __init__(
        self, layer, method: str = "penalty", gated: list[int] | None = None, origin: str | None = None, **options
    ):
        if not isinstance(layer, keras.layers.Layer):
            raise OptionError(f"`layer` must be a layer or a model. Received: {layer!r}.")
        own = {name: options.pop(name) for name in ("name", "trainable") if name in options}
        options.pop("dtype", None)  # always this one: under a mixed policy the gates would be read in half precision
        super().__init__(layer, **{"name": layer.name, **own}, dtype="float32", autocast=False)
        if any(isinstance(part, Sparse) for part in layers_inside(layer)):
            raise OptionError(f"{layer.name!r} is sparse already. Call `strip` on it first, or go on training it.")
        accepted(options, METHODS[method], f"The method {method!r}")
        self.method, self.gated, self.origin, self.options = method, gated, origin, options
        self.gates = METHODS[method](name=f"{self.name}_gates", **options)
        self.supports_masking = True

    @property
    def kernels(self) -> list[keras.Variable]:
        """The weights that are gated."""
        weights = self.layer.weights
        return [weights[position] for position in self.gated]

    @property
    def size(self) -> int:
        """The number of gates."""
        return sum(math.prod(kernel.shape) for kernel in self.kernels)

    def build(self, input_shape=None):
        build_inside(self.layer, input_shape)
        if self.gated is None:
            self.gated = kernel_positions(self.layer)
        if not self.gated:
            raise OptionError(
                f"{self.layer.name!r} has no trainable kernels, so there is nothing to gate. "
                "Give it a Dense, convolutional or recurrent layer, or set `trainable = True`."
            )
        self.gates.build([tuple(kernel.shape) for kernel in self.kernels])

    def call(self, inputs, *args, training=None, mask=None, **kwargs):
        for part in layers_inside(self.layer):  # what these share with others must not be computed in the scope below
            if isinstance(part, ScheduledLayer):
                part.prepare(training)
        gates = self.split(self._sample() if training else self.gates.kept())
        gated = {id(kernel): kernel.value * ops.cast(gate, kernel.dtype) for kernel, gate in gates}
        given = accepted_by(self.layer, {} if mask is None else {"mask": mask})
        outputs, losses = call_with(self.layer, gated, (inputs, *args), {**kwargs, **given})
        for loss in losses:
            self.add_loss(ops.cast(loss, "float32"))
        return outputs

    def _sample(self):
        """The gates of this training step, the same ones in all calls: float (size,)."""
        memory = remembered(self)
        if id(self) not in memory:
            kernels = [ops.cast(ops.reshape(kernel, (-1,)), "float32") for kernel in self.kernels]
            memory[id(self)] = self.gates.sample(ops.concatenate(kernels))
        return memory[id(self)]

    def split(self, flat) -> list[tuple]:
        """Each kernel with its part of (size,) entries, in the kernel's shape."""
        kernels = self.kernels
        ends = [math.prod(kernel.shape) for kernel in kernels]
        ends = [sum(ends[: count + 1]) for count in range(len(ends) - 1)]
        parts = ops.split(flat, ends) if ends else [flat]
        return [(kernel, ops.reshape(part, kernel.shape)) for kernel, part in zip(kernels, parts, strict=True)]

    def compute_output_shape(self, input_shape):
        return with_shape(self.layer.compute_output_shape, input_shape)

    def compute_output_spec(self, inputs, *args, training=None, mask=None, **kwargs):
        return self.layer.compute_output_spec(inputs, *args, **kwargs)

    def compute_mask(self, inputs, previous_mask):
        return self.layer.compute_mask(inputs, previous_mask)

    def get_config(self):
        return {
            **super().get_config(),
            "method": self.method,
            "gated": self.gated,
            "origin": self.origin,
            **self.options,
        }


def kernel_positions(layer: keras.layers.Layer) -> list[int]:
    """Positions in `layer.weights` of the kernels that are trainable; of an embedding, that of its table."""
    wanted = "embeddings" if isinstance(layer, keras.layers.Embedding) else "kernel"
    return [place for place, weight in enumerate(layer.weights) if wanted in weight.name and weight.trainable]

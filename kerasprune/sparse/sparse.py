"""A layer, or a whole model, whose weights become sparse while it trains."""

import math

import keras
from keras import ops

from kerasprune.core import OptionError, accepted
from kerasprune.graph import accepted_by, build_inside, call_with, layers_inside, remembered, with_shape
from kerasprune.scheduled import ScheduledLayer
from kerasprune.sparse.kernels import kernel_names, kernel_positions
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
            `sparsity=` or `weights=` by a schedule), "rigl" and "set" (whose weights move), "frozen" (zeros stay zero),
            or any other that is registered.
        gated: Positions in `layer.weights` of what is gated; by default the kernels that are trainable.
        origin: The architecture that `strip` gives back, as JSON, where it is not that of `layer`.
        **options: Those of the method, and those of any layer.

    Raises:
        OptionError: There is no such method or option, or nothing to gate, or a target is out of range.

    Example:

    >>> tuple(Sparse(keras.layers.Dense(3), "magnitude", sparsity=0.5)(keras.ops.ones((1, 2))).shape)
    (1, 3)

    Reference:
        See `PenalizedWeights`, `GumbelWeights`, `MagnitudeWeights`, `RigLWeights` and `SetWeights`.
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
        names = kernel_names(self.layer, self.gated)
        self.gates.build([tuple(kernel.shape) for kernel in self.kernels], names)

    def call(self, inputs, *args, training=None, mask=None, **kwargs):
        for part in layers_inside(self.layer):  # what these share with others must not be computed in the scope below
            if isinstance(part, ScheduledLayer):
                part.prepare(training)
        gated = dict(zip(map(id, self.kernels), self.in_effect(training), strict=True))
        given = accepted_by(self.layer, {} if mask is None else {"mask": mask})
        outputs, losses = call_with(self.layer, gated, (inputs, *args), {**kwargs, **given})
        for loss in losses:
            self.add_loss(ops.cast(loss, "float32"))
        return outputs

    def in_effect(self, training: bool = False) -> list:
        """What the layer inside sees in place of each of its kernels."""
        kernels = [ops.convert_to_tensor(kernel.value) for kernel in self.kernels]
        return self.gates.applied(kernels, self._sample(kernels) if training else self.gates.kept())

    def _sample(self, kernels: list):
        """The gates of this training step, the same ones in all calls: float (size,)."""
        memory = remembered(self)
        if id(self) not in memory:
            memory[id(self)] = self.gates.sample([ops.cast(ops.reshape(each, (-1,)), "float32") for each in kernels])
        return memory[id(self)]

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

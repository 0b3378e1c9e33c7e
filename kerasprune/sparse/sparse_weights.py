"""What all ways to make weights sparse in `fit` share: a layer around a model, whose kernels it multiplies by gates."""

import math

import keras
import numpy as np
from keras import ops

from kerasprune.core import OptionError


class SparseWeights(keras.layers.Wrapper):
    """Calls a layer, or a whole model, with every kernel multiplied by a gate of 0 or 1 per entry.

    Gated is what is trainable and is called a kernel: those of dense, convolutional, separable, recurrent and
    attention layers. Biases, normalization and embeddings are not. The layer inside is called unchanged, in a scope in
    which its kernels have other values, so one sample of the gates serves every call of a shared layer.

    A subclass says in `sample` what the gates are in training, in `settled` what they are in inference.

    Args:
        layer: The layer or model; it becomes part of this one.
        gated: Positions in `layer.weights` of what is gated; by default the kernels that are trainable.
        seed: Of what is drawn at random.
        origin: The architecture that `strip` gives back, as JSON, where it is not that of `layer`.

    Raises:
        OptionError: There is nothing to gate.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        gated: list[int] | None = None,
        seed: int = 0,
        origin: str | None = None,
        **kwargs,
    ):
        super().__init__(layer, autocast=False, **{"dtype": "float32", **kwargs})
        self.gated = gated
        self.seed = seed
        self.origin = origin
        self.random = keras.random.SeedGenerator(seed)
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
        super().build(input_shape)
        if self.gated is None:
            self.gated = kernel_positions(self.layer)
        if not self.gated:
            raise OptionError(
                f"{self.layer.name!r} has no trainable kernels, so there is nothing to gate. "
                "Give it a Dense, convolutional or recurrent layer, or set `trainable = True`."
            )
        self.build_gates()

    def build_gates(self) -> None:
        """Make the weights that the gates follow from; `self.size` is known."""
        raise NotImplementedError

    def sample(self):
        """The gates of one training step: float (size,), with the gradients that they shall have."""
        raise NotImplementedError

    def settled(self):
        """The gates in inference: 0 or 1, float (size,)."""
        raise NotImplementedError

    def values(self):
        """The entries of all kernels, one after the other: float (size,)."""
        return ops.concatenate([ops.cast(ops.reshape(kernel, (-1,)), "float32") for kernel in self.kernels])

    def call(self, inputs, training=None):
        gates = self.sample() if training else self.settled()
        outer = {id(variable): variable.value for variable in self.layer.variables}
        for kernel, gate in self.split(gates):
            outer[id(kernel)] = outer[id(kernel)] * ops.cast(gate, kernel.dtype)
        # All variables are listed, because on JAX their values are those of an outer scope, which this one hides.
        scope = keras.StatelessScope([(v, outer[id(v)]) for v in self.layer.variables], collect_losses=True)
        with scope:
            outputs = self.layer(inputs, training=training)
        for variable in self.layer.non_trainable_variables:  # moving statistics and seeds have moved on
            value = scope.get_current_value(variable)
            if value is not outer[id(variable)]:
                variable.assign(value)
        for loss in scope.losses:
            self.add_loss(ops.cast(loss, "float32"))
        return outputs

    def split(self, flat) -> list[tuple]:
        """Each kernel with its part of (size,) entries, in the kernel's shape."""
        kernels = self.kernels
        ends = [math.prod(kernel.shape) for kernel in kernels]
        ends = [sum(ends[: count + 1]) for count in range(len(ends) - 1)]
        parts = ops.split(flat, ends) if ends else [flat]
        return [(kernel, ops.reshape(part, kernel.shape)) for kernel, part in zip(kernels, parts, strict=True)]

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, training=None):
        return self.layer.compute_output_spec(inputs, training=training)

    def compute_mask(self, inputs, previous_mask):
        return self.layer.compute_mask(inputs, previous_mask)

    def save_own_variables(self, store):
        # Keras does not save the states of seeds; with this one an interrupted run goes on like one that was not.
        super().save_own_variables(store)
        store["random"] = ops.convert_to_numpy(self.random.state)

    def load_own_variables(self, store):
        self.random.state.assign(store["random"][...])
        names = [name for name in store.keys() if name != "random"]  # noqa: SIM118  (a store cannot be iterated)
        super().load_own_variables({name: store[name] for name in names})

    def get_config(self):
        return {**super().get_config(), "gated": self.gated, "seed": self.seed, "origin": self.origin}


def kernel_positions(layer: keras.layers.Layer) -> list[int]:
    """Positions in `layer.weights` of the kernels that are trainable."""
    return [place for place, weight in enumerate(layer.weights) if "kernel" in weight.name and weight.trainable]


def logistic_noise(shape: tuple[int, ...], random: keras.random.SeedGenerator) -> object:
    """The difference of two independent Gumbel variables, from one uniform draw: `log(u / (1 - u))`.

    Of a gate with two logits only their difference matters, and what decides between them is the difference of two
    Gumbel variables, which is logistic; one draw and one logit per gate do the work of two. The draw hashes a counter,
    which costs a fraction of what the generators of the backends do: there are as many draws as weights in every step.
    """
    seed, count = ops.unstack(ops.cast(random.next(), "uint32"), 2)
    start = _hashed(_hashed(seed) + count)
    places = ops.cast(ops.arange(math.prod(shape)), "uint32") * _word(0x9E3779B9) + start
    bits = ops.cast(ops.right_shift(_hashed(places), _word(9)), "int32")  # 23 bits
    uniform = (ops.cast(bits, "float32") + 0.5) * 2.0**-23
    return ops.reshape(ops.log(uniform / (1.0 - uniform)), shape)


def _hashed(words):
    """The finalizer of MurmurHash3: every bit of the input changes every bit of the output with probability 1/2."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        words = ops.bitwise_xor(words, ops.right_shift(words, _word(shift))) * _word(factor)
    return ops.bitwise_xor(words, ops.right_shift(words, _word(16)))


def _word(value: int):
    return ops.convert_to_tensor(np.uint32(value), dtype="uint32")


def hard_gates(logits, temperature: float):
    """1 where a logit is above 0, else 0; the gradient is that of `sigmoid(logits / temperature)`."""
    soft = ops.sigmoid(logits / temperature)
    return soft + ops.stop_gradient(ops.cast(logits > 0, soft.dtype) - soft)


def largest(scores, count):
    """1 at the `count` largest scores, else 0; ties go to the first: float, the shape of `scores`, (n,)."""
    order = ops.argsort(-scores)
    ranks = ops.argsort(order)
    return ops.cast(ranks < ops.cast(count, ranks.dtype), "float32")

"""What all ways to make single weights zero share: gates of 0 or 1 for the entries of some kernels."""

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from kerasprune.core import Registry
from kerasprune.scheduled import ScheduledLayer, read

METHODS = Registry("sparsify method")


class WeightGates(ScheduledLayer):
    """Gates on single weights; a `Sparse` layer multiplies its kernels by them.

    A subclass says in `sample` what the gates are in training, in `kept` what they are in inference.

    Args:
        **kwargs: `steps`, `begin`, `ramp`, `settle`, `seed`, see `ScheduledLayer`, and those of any layer.

    Attributes:
        shapes: Of the kernels.
        names: Of the kernels, as from `kernel_names`.
        size: Number of gates.
    """

    def build(self, kernel_shapes, names=None):
        self.shapes = [tuple(shape) for shape in kernel_shapes]
        self.names = list(names or ("" for _ in self.shapes))
        self.size = sum(math.prod(shape) for shape in self.shapes)
        self.build_schedule()
        self.build_gates(self.shapes)

    def build_gates(self, kernel_shapes: list[tuple[int, ...]]) -> None:
        """Make the weights that the gates follow from; `self.size` is known."""
        raise NotImplementedError

    def sample(self, values):
        """The gates of one training step, with the gradients that they shall have, and the step is done.

        Args:
            values: The entries of each kernel, float32 (entries,).

        Returns:
            float (size,), the gates of all kernels, one after the other.
        """
        raise NotImplementedError

    def applied(self, kernels: list, gates) -> list:
        """What the layer inside sees in place of its kernels, given the gates of all of them, (size,)."""
        parts = self.split(gates)
        return [kernel * ops.cast(gate, kernel.dtype) for kernel, gate in zip(kernels, parts, strict=True)]

    def split(self, flat) -> list:
        """The parts of (size,) entries, each in the shape of its kernel."""
        return [ops.reshape(part, shape) for part, shape in zip(self.parts(flat), self.shapes, strict=True)]

    def parts(self, flat) -> list:
        """The parts of (size,) entries that belong to each kernel, flat."""
        return split_up(flat, [math.prod(shape) for shape in self.shapes])

    def kept(self):
        """The gates in inference: 0 or 1, float (size,)."""
        raise NotImplementedError

    def remark(self) -> str | None:
        """What to say when the model is stripped: a sentence, or None."""

    def counts(self):
        return {"kept_weights": int(np.count_nonzero(read(self.kept())))}


def split_up(flat, sizes: Sequence[int]) -> list:
    """A flat tensor in parts of these sizes."""
    ends = np.cumsum(sizes).tolist()[:-1]
    return ops.split(flat, ends) if ends else [flat]


def logistic_noise(shape: tuple[int, ...], random: keras.random.SeedGenerator) -> object:
    """The difference of two independent Gumbel variables, from one uniform draw: `log(u / (1 - u))`.

    Of a gate with two logits only their difference matters, and what decides between them is the difference of two
    Gumbel variables, which is logistic; one draw and one logit per gate do the work of two. The draw hashes a counter,
    which costs a fraction of what the generators of the backends do: there are as many draws as weights in every step.
    """
    uniform = uniform_noise(math.prod(shape), random.next())
    return ops.reshape(ops.log(uniform / (1.0 - uniform)), shape)


def uniform_noise(size: int, key):
    """Uniform draws from (0, 1), the same ones for the same key of two whole numbers: float (size,)."""
    seed, count = ops.unstack(ops.cast(key, "uint32"), 2)
    start = _hashed(_low(_hashed(seed) + count))
    places = _low(ops.cast(ops.arange(size), "uint32") * _word(0x9E3779B9) + start)
    bits = ops.cast(ops.right_shift(_hashed(places), _word(9)), "int32")  # 23 bits
    return (ops.cast(bits, "float32") + 0.5) * 2.0**-23


def _hashed(words):
    """The finalizer of MurmurHash3: every bit of the input changes every bit of the output with probability 1/2."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        words = _low(ops.bitwise_xor(words, ops.right_shift(words, _word(shift))) * _word(factor))
    return ops.bitwise_xor(words, ops.right_shift(words, _word(16)))


def _low(words):
    """The low 32 bits; torch has no arithmetic for these alone, and Keras computes with 64 bits there."""
    if keras.backend.standardize_dtype(words.dtype) == "uint32":
        return words
    return ops.bitwise_and(words, _word(0xFFFFFFFF))


def _word(value: int):
    return ops.convert_to_tensor(np.uint32(value), dtype="uint32")


def hard_gates(logits, temperature: float):
    """1 where a logit is above 0, else 0; the gradient is that of `sigmoid(logits / temperature)`."""
    soft = ops.sigmoid(logits / temperature)
    return soft + ops.stop_gradient(ops.cast(logits > 0, soft.dtype) - soft)


def joined(parts: list):
    """Some tensors as one, flat: float32 (size,)."""
    flat = [ops.cast(ops.reshape(part, (-1,)), "float32") for part in parts]
    return ops.concatenate(flat) if len(flat) > 1 else flat[0]


def largest(scores, count):
    """1 at the `count` largest scores, else 0; ties go to the first: float, the shape of `scores`, (n,)."""
    order = ops.argsort(-scores)
    ranks = ops.argsort(order)
    return ops.cast(ranks < ops.cast(count, ranks.dtype), "float32")

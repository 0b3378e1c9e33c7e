"""What all ways to make single weights zero share: gates of 0 or 1 for the entries of some kernels."""

import math

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
        **kwargs: `steps`, `ramp`, `settle`, `seed`, see `ScheduledLayer`, and those of any layer.
    """

    def build(self, kernel_shapes):
        self.size = sum(math.prod(shape) for shape in kernel_shapes)
        self.build_schedule()
        self.build_gates([tuple(shape) for shape in kernel_shapes])

    def build_gates(self, kernel_shapes: list[tuple[int, ...]]) -> None:
        """Make the weights that the gates follow from; `self.size` is known."""
        raise NotImplementedError

    def sample(self, values):
        """The gates of one training step, with the gradients that they shall have, and the step is done.

        Args:
            values: float (size,), the entries of all kernels, one after the other.

        Returns:
            float (size,).
        """
        raise NotImplementedError

    def kept(self):
        """The gates in inference: 0 or 1, float (size,)."""
        raise NotImplementedError

    def remark(self) -> str | None:
        """What to say when the model is stripped: a sentence, or None."""

    def counts(self):
        return {"kept_weights": int(np.count_nonzero(read(self.kept())))}


def logistic_noise(shape: tuple[int, ...], random: keras.random.SeedGenerator) -> object:
    """The difference of two independent Gumbel variables, from one uniform draw: `log(u / (1 - u))`.

    Of a gate with two logits only their difference matters, and what decides between them is the difference of two
    Gumbel variables, which is logistic; one draw and one logit per gate do the work of two. The draw hashes a counter,
    which costs a fraction of what the generators of the backends do: there are as many draws as weights in every step.
    """
    seed, count = ops.unstack(ops.cast(random.next(), "uint32"), 2)
    start = _hashed(_low(_hashed(seed) + count))
    places = _low(ops.cast(ops.arange(math.prod(shape)), "uint32") * _word(0x9E3779B9) + start)
    bits = ops.cast(ops.right_shift(_hashed(places), _word(9)), "int32")  # 23 bits
    uniform = (ops.cast(bits, "float32") + 0.5) * 2.0**-23
    return ops.reshape(ops.log(uniform / (1.0 - uniform)), shape)


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


def largest(scores, count):
    """1 at the `count` largest scores, else 0; ties go to the first: float, the shape of `scores`, (n,)."""
    order = ops.argsort(-scores)
    ranks = ops.argsort(order)
    return ops.cast(ranks < ops.cast(count, ranks.dtype), "float32")

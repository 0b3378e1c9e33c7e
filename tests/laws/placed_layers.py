"""Masks, gates and wrappers at random places of random models, on any axis."""

import warnings

import keras
import numpy as np

import kerasprune as kp
from kerasprune.evidence import random_inputs
from kerasprune.gates import ChannelGate
from kerasprune.graph import layers_inside, unrolled
from kerasprune.slimming import NeuronMask
from kerasprune.sparse import Sparse
from tests.laws.check_slim import BATCH, TOLERANCE
from tests.laws.growth import WIDTHS, Pick
from tests.laws.random_models import random_model, randomize


class Placing:
    """A `pick` that also puts layers of ours behind what grows.

    Args:
        pick: Draws.
    """

    def __init__(self, pick: Pick):
        self.pick = pick
        self.shared: dict[tuple, keras.layers.Layer] = {}

    def behind(self, tensor):
        """The tensor, or what one of our layers makes of it; a gate may have been called elsewhere already."""
        axes = [axis for axis in range(1, len(tensor.shape)) if tensor.shape[axis] is not None]
        kind = self.pick(("none", "none", "mask", "gate", "shared", "gated", "sparse"))
        if kind in ("gated", "sparse") and len(tensor.shape) < 4 and tensor.dtype == "float32":
            inner = keras.layers.Dense(self.pick(WIDTHS), activation=self.pick(("linear", "relu", "sigmoid")))
            wrapper = kp.layers.Gated(inner) if kind == "gated" else kp.layers.Sparse(kp.layers.Gated(inner), "frozen")
            return wrapper(tensor)
        if kind not in ("mask", "gate", "shared") or not axes:
            return tensor
        axis = self.pick(axes[::-1])
        if kind == "shared":
            key = (axis, tensor.shape[axis])
            self.shared[key] = self.shared.get(key) or kp.layers.GumbelGate(axis)
            return self.shared[key](tensor)
        return (kp.layers.NeuronMask if kind == "mask" else kp.layers.GumbelGate)(axis=axis)(tensor)


def random_placed_model(pick: Pick, rng: np.random.Generator) -> keras.Model:
    """A random model with layers of ours in it, all weights and keeps random."""
    model = random_model(pick, behind=Placing(pick).behind)
    randomize(model, rng)
    share = rng.choice([0.3, 0.7, 1.0])
    for layer in layers_inside(model):
        if isinstance(layer, NeuronMask):
            layer.keep = rng.random(layer.factor.shape) < share
        if isinstance(layer, ChannelGate):
            layer.keep.assign((rng.random(layer.num_gates) < share).astype("float32"))
            layer.step.assign(1)
            layer.total.assign(0)
        if isinstance(layer, Sparse):
            layer.gates.keep.assign((rng.random(layer.size) < share).astype("float32"))
    return model


def assert_placed_slims_right(pick: Pick, rng: np.random.Generator, tolerance: float = TOLERANCE) -> float:
    """The model in inference, slimmed and stripped is one function; what stays has a reason.

    Returns:
        The share of the parameters that slimming has left.
    """
    model = random_placed_model(pick, rng)
    x = random_inputs(unrolled(model)[0], kp.trace(model), int(rng.integers(1 << 30)), batch_size=BATCH)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        small = kp.slim(model)
    stripped = kp.strip(model) if has_ours(model) else small
    left = [layer for layer in layers_inside(small) if isinstance(layer, NeuronMask)]
    sentences = {
        str(warning.message).split("`")[1].rpartition("/")[2] for warning in told if "stays" in str(warning.message)
    }
    assert {layer.name for layer in left} == sentences
    assert not any(isinstance(layer, (ChannelGate, Sparse)) for layer in layers_inside(small))
    for other in (small, stripped):
        for first, second in zip(
            *(keras.tree.flatten(each(x, training=False)) for each in (model, other)), strict=True
        ):
            first, second = keras.ops.convert_to_numpy(first), keras.ops.convert_to_numpy(second)
            scale = max(float(np.abs(first[np.isfinite(first)]).max(initial=0)), 1.0)
            np.testing.assert_allclose(second, first, rtol=tolerance, atol=tolerance * scale)
    return small.count_params() / max(model.count_params(), 1)


def has_ours(model: keras.Model) -> bool:
    """Whether anything of ours stands in the model."""
    return any(isinstance(layer, (NeuronMask, ChannelGate, Sparse)) for layer in layers_inside(model))

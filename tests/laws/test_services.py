"""What every layer that is described as linear obeys: each service knows it, or there is a reason in words."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import DataError, GraphError
from kerasprune.criteria.second_order.step import find_step
from kerasprune.evidence.ablation.updates import updatable
from kerasprune.explanation.units import read_units
from kerasprune.gates.gated_kernel import GatedKernel, can_gate
from kerasprune.graph import LINEAR_LAYERS, LinearLayer, Program, calls_of, find_linear_layer, linear_layer
from kerasprune.recoveries.merge import _obstacle
from kerasprune.recoveries.repairable import obstacle
from kerasprune.slimming.constants import takes_constants
from tests.backends import numbers
from tests.laws.random_models import randomize

LAYERS = {
    "Conv1D": (layers.Conv1D(3, 3), (6, 4)),
    "Conv1DTranspose": (layers.Conv1DTranspose(3, 3, strides=2), (6, 4)),
    "Conv2D": (layers.Conv2D(3, 3, padding="same"), (5, 6, 4)),
    "Conv2DTranspose": (layers.Conv2DTranspose(3, 2, strides=2), (3, 4, 4)),
    "Conv3D": (layers.Conv3D(3, 2), (3, 4, 3, 4)),
    "Conv3DTranspose": (layers.Conv3DTranspose(3, 2), (2, 3, 2, 4)),
    "Dense": (layers.Dense(3), (4,)),
    "DepthwiseConv1D": (layers.DepthwiseConv1D(3), (6, 4)),
    "DepthwiseConv2D": (layers.DepthwiseConv2D(2), (5, 6, 4)),
    "EinsumDense": (layers.EinsumDense("ab,bc->ac", 3, bias_axes="c"), (4,)),
    "SeparableConv1D": (layers.SeparableConv1D(3, 3), (6, 4)),
    "SeparableConv2D": (layers.SeparableConv2D(3, 2), (5, 6, 4)),
}


def explained(model: keras.Model) -> bool:
    try:
        return bool(read_units(model).size)
    except GraphError:
        return False


def derived(model: keras.Model) -> bool:
    try:
        return all(find_step(call) for call in calls_of(model))
    except DataError:
        return False


def merged(model: keras.Model) -> str:
    (path,) = (call.path for call in calls_of(model))
    return _obstacle(Program(model, kp.trace(model)), path, find_linear_layer(model.layers[-1]))


# From a model of one layer to whether a service knows what to do with that layer.
SERVICES = {
    "repair": lambda model: not obstacle(Program(model, kp.trace(model)), next(calls_of(model)).path),
    "merge": lambda model: not merged(model),
    "ablation": lambda model: updatable(model.layers[-1]) is not None,
    "constants": lambda model: takes_constants(model.layers[-1]) is not None,
    "quadratic": derived,
    "gates on kernels": lambda model: can_gate(model.layers[-1]),
    "explain": explained,
}
CARRIES = "every channel stays with itself: there are no channels that it reads and sums over"
TWICE = "its first kernel reads the channels, its second one what has become of them"
WINDOW = "a kernel that many positions share has no weight for each pair of units"
SPREADS = "what a channel puts into overlapping windows is no sum over slices; the layer runs whole"
REASONS = {
    **{
        (service, f"DepthwiseConv{rank}D"): CARRIES
        for service in ("merge", "ablation", "constants", "gates on kernels")
        for rank in (1, 2)
    },
    **{
        (service, f"SeparableConv{rank}D"): TWICE
        for service in ("merge", "ablation", "constants", "gates on kernels")
        for rank in (1, 2)
    },
    ("ablation", "EinsumDense"): "it is small, and a difference of two results in single precision costs digits",
    **{("ablation", f"Conv{rank}DTranspose"): SPREADS for rank in (1, 2, 3)},
    **{("explain", name): WINDOW for name in LAYERS if "Conv" in name},
}


def of_one(name: str) -> keras.Model:
    layer, shape = LAYERS[name]
    inputs = keras.Input(shape)
    model = keras.Model(inputs, type(layer).from_config(layer.get_config())(inputs))
    randomize(model, np.random.default_rng(0))
    return model


def test_every_linear_layer_is_asked_about():
    assert {type(layer) for layer, _ in LAYERS.values()} == set(LINEAR_LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_what_one_service_knows_the_others_know_or_say_why_not(name):
    model = of_one(name)
    unknown = {service for service, knows in SERVICES.items() if not knows(model)}
    assert unknown == {service for service, layer in REASONS if layer == name}


@pytest.mark.parametrize("name", [name for name in LAYERS if ("gates on kernels", name) not in REASONS])
def test_a_gate_on_the_kernel_is_one_before_the_layer(name):
    model = of_one(name)
    layer = model.layers[-1]
    x = np.random.default_rng(1).normal(size=(2, *model.input_shape[1:])).astype("float32")
    sample = np.array([1.0, 1.0, 0.0, 0.3, 2.0], "float32")  # the first is not a gate
    (axis,) = find_linear_layer(layer).reads
    gated = GatedKernel(layer, axis % len(layer.kernel.shape), range(1, 5))
    found = gated(x, keras.ops.convert_to_tensor(sample))
    expected = layer(x * sample[1:])
    np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, (found, expected)), atol=1e-5)


def test_a_layer_of_a_user_is_known_to_all_by_one_description():
    class Mix(layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(3, shape[-1]), name="kernel")

        def call(self, x):
            return keras.ops.matmul(x, keras.ops.transpose(self.kernel))

    described = linear_layer(Mix)(lambda layer: LinearLayer(layer, reads=(1,), makes=(0,)))
    try:
        inputs = keras.Input((4,))
        model = keras.Model(inputs, Mix()(inputs))
        randomize(model, np.random.default_rng(0))
        layer = model.layers[-1]
        x = np.random.default_rng(1).normal(size=(5, 4))
        np.testing.assert_allclose(described(layer).product(x, described(layer).matrix), numbers(layer(x)), atol=1e-5)
        knows = ("ablation", "constants", "quadratic", "gates on kernels")
        assert all(SERVICES[service](model) for service in knows)
    finally:
        del LINEAR_LAYERS[Mix]

"""Law 4: what every class that is saved under our name obeys. A new class fails here until it says how it is made."""

import inspect

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.gates import Gated
from kerasprune.gates.gated_kernel import GatedKernel
from kerasprune.gates.gated_read import GatedRead
from kerasprune.gates.penalized_channels import penalized
from kerasprune.graph import Opened, layers_inside
from kerasprune.graph.at_sizes import AtSizes
from kerasprune.graph.own_weight import OwnWeight
from kerasprune.graph.partial_normalization import PartialLayerNormalization
from kerasprune.graph.reshape_like import ReshapeLike
from kerasprune.slimming import NeuronMask
from tests.small_models import conv_model, dense_model, images

pytestmark = pytest.mark.backend

PACKAGE = "kerasprune>"
CLASSES = {
    name.removeprefix(PACKAGE): cls
    for name, cls in keras.saving.get_custom_objects().items()
    if name.startswith(PACKAGE) and cls.__module__.startswith("kerasprune.")
}
HALF = kp.Budget(flops=0.5)


def gated(kind: str) -> keras.Model:
    """A model with channel gates, half of them shut."""
    return kp.gate(conv_model(), kind, budget=HALF, steps=4, seed=1)


def sparse(method: str, **options) -> keras.Model:
    """A model with gates on single weights, after two steps."""
    model = kp.sparsify(dense_model(6, 3), method=method, seed=1, **options)
    model.compile("adam", "mse")
    model.fit(np.ones((8, 4), "float32"), np.ones((8, 3), "float32"), batch_size=4, verbose=0)
    return model


def with_layer(layer: keras.layers.Layer, *more) -> keras.Model:
    """A model of this layer alone, called with an input of 4 features and what else it takes."""
    inputs = keras.Input((4,))
    return keras.Model(inputs, layer(inputs, *more))


def penalized_channels() -> keras.Model:
    """A model whose channels are penalized while it trains."""
    opened = Opened.of(dense_model(6, 3))
    return penalized(opened, [group.ids for group in opened.graph.free_groups], "lasso", 1e-3, seed=1)


def reshaped() -> keras.Model:
    """A model that folds its features into rows, as many as the second tensor has."""
    inputs = keras.Input((4,))
    pairs = keras.layers.Reshape((2, 2))(inputs)
    return keras.Model(inputs, ReshapeLike((None, None, 2), (0, 1))([inputs, pairs]))


def numbered() -> keras.Model:
    """A model that adds to each feature its number."""
    inputs = keras.Input((4,))
    numbers = AtSizes("arange", {"start": 0, "stop": {"input": 0, "axis": 1, "plus": 0}, "dtype": "float32"})
    return keras.Model(inputs, keras.ops.add(inputs, numbers([inputs])))


def weighted() -> keras.Model:
    """A model that multiplies its features by a weight that a layer of ours gives."""
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Multiply()([inputs, OwnWeight((1, 4))(inputs)]))


def gated_units() -> keras.Model:
    """A model with gates on the units of a recurrent layer."""
    inputs = keras.Input((4,))
    x = keras.layers.GRU(4)(keras.layers.Reshape((2, 2))(inputs))
    return kp.gate(keras.Model(inputs, keras.layers.Dense(2)(x)), budget=HALF, steps=4)


SAMPLE = np.array([1.0, 0.0, 0.5, 1.0], "float32")

# From the name of a class to a model that holds one.
MODELS = {
    "AtSizes": numbered,
    "FrozenWeights": lambda: sparse("frozen"),
    "GateSample": lambda: gated("gumbel"),
    "Gated": lambda: with_layer(Gated(keras.layers.Dense(3))),
    "GatedInside": gated_units,
    "GatedKernel": lambda: with_layer(GatedKernel(keras.layers.Dense(3), 0, [1, 0, 2, 3]), SAMPLE),
    "GatedModel": lambda: gated("gumbel"),
    "GatedRead": lambda: with_layer(GatedRead(-1, [1, 0, 2, 3]), SAMPLE),
    "GradualGate": lambda: gated("gradual"),
    "GumbelGate": lambda: gated("gumbel"),
    "GumbelWeights": lambda: sparse("gumbel", sparsity=0.5, steps=2),
    "HardConcreteGate": lambda: gated("hard_concrete"),
    "MagnitudeWeights": lambda: sparse("magnitude", sparsity=0.5, steps=2),
    "NeuronMask": lambda: with_layer(NeuronMask(keep=[True, False, True, True])),
    "OwnWeight": weighted,
    "PartialLayerNormalization": lambda: with_layer(PartialLayerNormalization(6)),
    "PenalizedChannels": penalized_channels,
    "PenalizedWeights": lambda: sparse("penalty"),
    "ReshapeLike": reshaped,
    "RigLWeights": lambda: sparse("rigl", sparsity=0.5, steps=2),
    "ScheduledModel": lambda: sparse("magnitude", sparsity=0.5, steps=2),
    "SetWeights": lambda: sparse("set", sparsity=0.5, steps=2),
    "Sparse": lambda: sparse("magnitude", sparsity=0.5, steps=2),
}


def held(model: keras.Model, cls: type):
    """The object of this class that a model is or has."""
    return next(layer for layer in layers_inside(model) if isinstance(layer, cls))


# A functional model is configured by its layers.
@pytest.mark.parametrize("name", [name for name, cls in CLASSES.items() if not issubclass(cls, keras.Model)])
def test_every_argument_is_in_the_configuration(name):
    cls = CLASSES[name]
    found = held(MODELS[name](), cls)
    config = found.get_config()
    own = [base for base in cls.__mro__ if base.__module__.startswith("kerasprune.") and "__init__" in vars(base)]
    parameters = [each for base in own for each in inspect.signature(base.__init__).parameters.values()]
    arguments = {each.name for each in parameters if each.kind is not inspect.Parameter.VAR_KEYWORD}
    assert arguments - {"self"} <= set(config)
    assert cls.from_config(dict(config)).get_config() == config


@pytest.mark.parametrize("name", CLASSES)
def test_a_saved_model_computes_the_same_in_safe_mode(name, tmp_path):
    model = MODELS[name]()
    assert held(model, CLASSES[name])
    x = images(4)[0] if model.input_shape == (None, 8, 8, 2) else np.random.default_rng(0).normal(size=(4, 4))
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(held(loaded, CLASSES[name])) is CLASSES[name]
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), expected)
    for before, after in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(after), keras.ops.convert_to_numpy(before))

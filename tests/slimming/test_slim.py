"""The slimmed model is an ordinary Keras model with everything the old one had, but for the channels."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from tests.backends import numbers

pytestmark = pytest.mark.backend

layers = keras.layers


def residual_model(**options):
    """A small residual network with batch norm, a nested base and named inputs and outputs."""
    inside = keras.Input((8, 8, 6), name="inside")
    h = layers.ReLU()(layers.BatchNormalization(name="norm")(layers.Conv2D(6, 3, padding="same", name="conv")(inside)))
    base = keras.Model(inside, layers.Add()([inside, h]), name="base")
    x = keras.Input((8, 8, 3), name="image")
    h = layers.Conv2D(6, 3, padding="same", name="stem", **options)(x)
    h = layers.Dense(7, name="features")(layers.GlobalAveragePooling2D()(base(h)))
    return keras.Model(x, {"logits": layers.Dense(2, name="logits")(h)}, name="net")


def half_of(graph):
    """Every second channel of every group."""
    keep = graph.keep_all()
    for group in graph.groups:
        keep[group.ids[1::2]] = False
    return keep


def test_it_equals_the_masked_model_and_has_the_predicted_size():
    model = residual_model()
    graph = kp.trace(model)
    keep = half_of(graph)
    small = kp.slim(model, graph, keep)
    assert kp.verify(model, graph, keep, small) < 1e-5
    assert small.count_params() == graph.params(graph.complete(keep))
    assert kp.trace(small).macs() == graph.macs(graph.complete(keep))
    assert small.get_layer("base").get_layer("conv").kernel.shape == (3, 3, 3, 3)


def test_names_settings_and_structure_survive():
    model = residual_model(kernel_regularizer="l2", kernel_initializer="he_normal", trainable=False)
    small = kp.slim(model, *_keep(model))
    assert small.name == "net"
    assert [tensor.name for tensor in small.inputs] == ["image"]
    assert list(small.output) == ["logits"]
    assert [layer.name for layer in small.layers] == [layer.name for layer in model.layers]
    stem = small.get_layer("stem")
    assert isinstance(stem.kernel_regularizer, keras.regularizers.L2)
    assert isinstance(stem.kernel_initializer, keras.initializers.HeNormal)
    assert not stem.trainable
    assert all(type(layer).__module__.startswith("keras.") for layer in small._flatten_layers())


def test_trainable_flags_survive_inside_frozen_models():
    model = residual_model()
    model.get_layer("base").trainable = False
    model.get_layer("base").get_layer("conv").trainable = True
    small = kp.slim(model, *_keep(model))
    assert not small.get_layer("base").trainable
    assert small.get_layer("base").get_layer("conv").trainable
    assert not small.get_layer("base").get_layer("norm").trainable
    assert [v.shape for v in model.trainable_variables] != []
    assert len(small.trainable_variables) == len(model.trainable_variables)


def test_dtype_policies_survive():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = residual_model()
    finally:
        keras.config.set_dtype_policy("float32")
    graph, keep = _keep(model)
    small = kp.slim(model, graph, keep)
    assert small.get_layer("stem").dtype_policy.name == "mixed_float16"
    assert small.get_layer("stem").kernel.dtype == "float32"
    kp.verify(model, graph, keep, small)


def test_a_compiled_model_comes_back_compiled_with_state_of_its_own():
    model = residual_model()
    loss = {"logits": lambda y_true, y_pred: keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)}
    model.compile(keras.optimizers.Adam(0.123), loss=loss, metrics={"logits": [keras.metrics.MeanAbsoluteError("mae")]})
    small = kp.slim(model, *_keep(model))
    assert float(small.optimizer.learning_rate) == pytest.approx(0.123)
    assert small.optimizer is not model.optimizer
    x, y = np.zeros((4, 8, 8, 3), "float32"), {"logits": np.zeros((4, 2), "float32")}
    history = small.fit(x, y, verbose=0)
    assert any("mae" in name for name in history.history)


def test_the_old_model_is_untouched():
    model = residual_model()
    before = [w.copy() for w in model.get_weights()]
    config = model.get_config()
    kp.slim(model, *_keep(model))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.get_config() == config


def test_it_loads_without_this_library(tmp_path):
    small = kp.slim((model := residual_model()), *_keep(model))
    small.save(tmp_path / "small.keras")
    x = np.random.default_rng(0).random((2, 8, 8, 3), "float32")
    loaded = keras.models.load_model(tmp_path / "small.keras", safe_mode=True)
    assert np.allclose(*(numbers(each(x)["logits"]) for each in (loaded, small)), atol=1e-6)


def test_keeping_everything_is_the_identity():
    model = residual_model()
    same = kp.slim(model)
    for old, new in zip(model.get_weights(), same.get_weights(), strict=True):
        assert np.array_equal(old, new)


def test_the_same_graph_and_keep_serve_other_weights_of_the_model():
    model, other = residual_model(), residual_model()
    graph, keep = _keep(model)
    small = kp.slim(other, graph, keep)
    assert small.count_params() == graph.params(graph.complete(keep)) < other.count_params()
    assert kp.verify(other, graph, keep, small) < 1e-5


def test_constants_in_operations_are_cut_with_their_channel():
    x = keras.Input((4,))
    h = layers.Dense(3, name="dense")(x) * np.array([1.0, 2.0, 3.0], "float32") + 1.0
    model = keras.Model(x, layers.Dense(2, name="out")(layers.Rescaling([4.0, 5.0, 6.0])(h)))
    graph = kp.trace(model)
    keep = graph.keep_all()
    keep[graph.groups[0].ids[1]] = False
    small = kp.slim(model, graph, keep)
    assert kp.verify(model, graph, keep, small) < 1e-6
    assert small.get_layer("dense").units == 2


def test_a_graph_of_another_model_is_refused():
    graph, keep = _keep(residual_model())
    other = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    with pytest.raises(kp.GraphError, match="trace of another model"):
        kp.slim(other, graph, keep)


def _keep(model):
    graph = kp.trace(model)
    return graph, half_of(graph)


def test_statistics_that_a_preprocessing_layer_has_learned_are_those_of_the_slimmed_model():
    normalization = keras.layers.Normalization()
    x = 7.0 + 3.0 * np.random.default_rng(0).standard_normal((50, 4)).astype("float32")
    normalization.adapt(x)
    model = keras.Sequential([keras.Input((4,)), normalization, keras.layers.Dense(3)])
    graph = kp.trace(model)
    np.testing.assert_allclose(numbers(kp.slim(model, graph, graph.keep_all())(x)), numbers(model(x)), rtol=1e-5)

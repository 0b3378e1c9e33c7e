"""Gates on channels that a layer makes and reads itself: heads and the units of recurrent layers."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.gates.gated_inside import GatedInside
from kerasprune.slimming import masked
from tests.backends import numbers
from tests.laws.random_models import randomize

LAYERS = {
    "heads": lambda x: layers.MultiHeadAttention(4, 3, dropout=0.1, name="inner")(x, x),
    "heads of queries": lambda x: layers.GroupQueryAttention(4, 4, 2, name="inner")(x, x),
    "heads over two tensors": lambda x: layers.MultiHeadAttention(3, 2, name="inner")(x, layers.Dense(5)(x)),
    "LSTM": lambda x: layers.LSTM(6, return_sequences=True, name="inner")(x),
    "GRU": lambda x: layers.GRU(6, return_sequences=True, recurrent_dropout=0.1, name="inner")(x),
    "simple": lambda x: layers.SimpleRNN(6, return_sequences=True, name="inner")(x),
    "both directions": lambda x: layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="inner")(x),
    "stacked": lambda x: layers.RNN([layers.LSTMCell(5), layers.LSTMCell(4)], return_sequences=True, name="inner")(x),
    "convolution": lambda x: layers.Reshape((4, -1))(
        layers.ConvLSTM1D(3, 2, padding="same", return_sequences=True, name="inner")(layers.Reshape((4, 3, 2))(x))
    ),
}


def model_with(name: str) -> keras.Model:
    """Sequences through the layer, which may get a mask, to a class."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 6))
    x = layers.Masking()(inputs) if name in ("heads", "LSTM", "both directions") else inputs
    x = LAYERS[name](x)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(x)))
    randomize(model, np.random.default_rng(0))
    return model


def sequences() -> tuple[np.ndarray, np.ndarray]:
    """Samples whose last steps are zero, and classes."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 4, 6)).astype("float32")
    x[::2, 3] = 0
    return x, rng.integers(0, 3, 16)


@pytest.mark.backend
@pytest.mark.parametrize("name", LAYERS)
def test_gated_is_slimmed_and_meets_the_budget(name, tmp_path):
    model = model_with(name)
    whole = kp.trace(model)
    gated = kp.gate(model, budget=kp.Budget(params=0.6))
    assert any(isinstance(layer, GatedInside) for layer in gated.layers)
    gated.compile("adam", "sparse_categorical_crossentropy")
    x, y = sequences()
    gated.fit(x, y, batch_size=8, epochs=2, verbose=0)
    gated.save(tmp_path / "gated.keras")
    expected = gated.predict(x, verbose=0)
    for each in (gated, keras.saving.load_model(tmp_path / "gated.keras", safe_mode=True)):
        small = kp.slim(each)
        assert small.count_params() <= 0.6 * whole.params()
        np.testing.assert_allclose(each.predict(x, verbose=0), expected, atol=1e-6)
        np.testing.assert_allclose(small.predict(x, verbose=0), expected, atol=1e-5)
        assert kp.verify(each, small=small) < 1e-5


@pytest.mark.parametrize("name", LAYERS)
def test_one_gate_that_closes_is_one_channel_that_reads_zero(name):
    model = model_with(name)
    gated = kp.gate(model, budget=kp.Budget(params=0.9))
    (gates,), graph = gated.gates, kp.trace(model)
    x, _ = sequences()
    group = next(group for group in graph.free_groups if graph.read_inside[group.ids].any())
    start = sum(gates.widths[: gates.names.index(group.name)])
    open_ = np.ones(gates.num_gates, "float32")
    open_[start] = 0
    gates.keep.assign(open_)
    keep = graph.keep_all()
    keep[group.ids[0]] = False
    found, wanted = numbers(gated(x, training=False)), numbers(masked(model, graph, keep)(x))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.abs(found - numbers(model(x))).max() > 1e-4


def test_gates_inside_learn():
    gated = kp.gate(model_with("LSTM"), budget=kp.Budget(params=0.6), steps=100)
    gated.compile("sgd", "sparse_categorical_crossentropy")
    before = numbers(gated.gates[0].evidence)
    gated.fit(*sequences(), epochs=1, verbose=0)
    names, widths = gated.gates[0].names, gated.gates[0].widths
    moved = np.split(numbers(gated.gates[0].evidence) != before, np.cumsum(widths)[:-1])
    assert moved[names.index("inner")].any()


def test_what_exceeds_the_budget_is_told_in_words_of_the_model():
    with pytest.raises(kp.BudgetError, match="cannot be reached.*dense") as told:
        kp.gate(model_with("LSTM"), budget=kp.Budget(params=0.001))
    assert "inf" not in str(told.value)


def test_what_has_no_placed_gate_is_named():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(30, name="free"), layers.Dense(3), kp.layers.GumbelGate(), layers.Dense(2)]
    )
    with pytest.raises(kp.BudgetError, match="'free' holds .* .it has no gate.") as told:
        kp.gate(model, budget=kp.Budget(params=0.2))
    assert "inf" not in str(told.value)

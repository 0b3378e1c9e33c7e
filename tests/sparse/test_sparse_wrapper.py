"""`Sparse` around single layers, and frozen zeros."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from tests.small_models import dense_model

pytestmark = pytest.mark.backend

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(32, 3)).astype("float32")
SPARSE = kp.layers.Sparse


def fitted(*stack, callbacks=(), epochs: int = 4) -> keras.Sequential:
    model = keras.Sequential([keras.Input((4,)), *stack])
    model.compile("adam", "mse")
    model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=list(callbacks))
    return model


@pytest.mark.parametrize("method", ["gumbel", "magnitude"])
def test_wrapped_layers_learn_the_number_of_steps_from_fit_and_strip_to_plain_ones(method):
    stack = [SPARSE(layers.Dense(6, "relu", name="hidden"), method, weights=7, every=1), layers.Dense(3)]
    model = fitted(*stack, callbacks=[kp.KeepBudget()])
    plain = kp.strip(model)
    assert [layer.name for layer in plain.layers] == ["hidden", model.layers[1].name]
    assert np.count_nonzero(keras.ops.convert_to_numpy(plain.get_layer("hidden").kernel)) == 7
    np.testing.assert_allclose(plain.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-6)
    assert kp.verify(model) < 1e-5


def test_zeros_stay_zero_while_the_rest_trains():
    model = dense_model(6, 3)
    kernel, bias = model.layers[0].get_weights()
    model.layers[0].set_weights([kernel * (np.arange(24).reshape(4, 6) % 3 > 0), bias])
    sparse = kp.sparsify(model, method="frozen")
    sparse.compile("adam", "mse")
    logs = sparse.fit(X, Y, epochs=3, verbose=0).history
    assert logs["kept_weights"] == [34] * 3
    before, after = model.layers[0].get_weights()[0], kp.strip(sparse).layers[0].get_weights()[0]
    assert np.array_equal(before == 0, after == 0)
    assert (before != after)[before != 0].all()


@pytest.mark.slow
def test_wrappers_nest():
    inner = SPARSE(layers.Dense(6, "relu", name="one"), "magnitude", sparsity=0.5)
    stack = [kp.layers.Gated(inner), SPARSE(kp.layers.Gated(layers.Dense(5, "relu", name="two"))), layers.Dense(3)]
    model = fitted(*stack, callbacks=[kp.KeepBudget(kp.Budget(channels=0.7))])
    assert [layer.gate.num_gates for layer in (model.layers[0], model.layers[1].layer)] == [6, 5]
    small = kp.slim(model)
    assert {"one", "two"} <= {layer.name for layer in small.layers}
    assert small.layers[0].units + small.layers[1].units < 11
    assert kp.verify(model, small=small) < 1e-5


@pytest.mark.parametrize(
    "layer",
    [
        layers.EinsumDense("ab,bc->ac", 3),
        layers.Reshape((2, 2)),
        layers.Embedding(9, 3),
        layers.TimeDistributed(layers.Dense(3)),
        layers.LSTM(3, return_sequences=True),
        layers.SeparableConv1D(3, 1),
        layers.DepthwiseConv1D(1),
        layers.Conv1DTranspose(3, 1),
        layers.MultiHeadAttention(1, 2),
    ],
)
def test_all_layers_with_kernels_can_be_wrapped_in_both(layer, tmp_path):
    shape = (4,) if isinstance(layer, (layers.EinsumDense, layers.Embedding, layers.Reshape)) else (3, 4)
    inputs = keras.Input(shape, dtype="int32" if isinstance(layer, layers.Embedding) else None)
    if isinstance(layer, layers.Reshape):
        with pytest.raises(kp.OptionError, match="no trainable kernels"):
            SPARSE(layer)(inputs)
        return
    wrapper = kp.layers.Gated(SPARSE(layer, "penalty"), axis=-1)
    more = (inputs,) if isinstance(layer, layers.MultiHeadAttention) else ()
    model = keras.Model(inputs, wrapper(inputs, *more))
    x = np.ones((2, *shape))
    first, second = (keras.ops.convert_to_numpy(model(x, training=True)) for _ in range(2))
    assert first.shape == second.shape
    assert float(wrapper.gate.step) == float(wrapper.layer.gates.step) == 2
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(*(keras.ops.convert_to_numpy(m(x, training=False)) for m in (model, loaded)), atol=1e-6)


def test_gates_around_a_layer_in_half_precision_are_read_in_single_precision():
    wrapper = SPARSE(layers.Dense(3, dtype="mixed_float16"), "frozen")
    wrapper(X)
    seen = []
    sample = wrapper.gates.sample

    def watched(values):
        seen.append(keras.backend.standardize_dtype(keras.ops.convert_to_tensor(wrapper.gates.step).dtype))
        return sample(values)

    wrapper.gates.sample = watched
    outputs = wrapper(X, training=True)
    assert seen == ["float32"]
    assert keras.backend.standardize_dtype(outputs.dtype) == "float16"


def test_a_budget_of_parameters_counts_all_that_is_not_zero():
    sparse = kp.sparsify(dense_model(6, 3), budget=kp.Budget(params=0.5), steps=2, every=1)
    sparse.compile("adam", "mse")
    sparse.fit(X, Y, batch_size=16, epochs=1, verbose=0)
    weights = kp.strip(sparse).get_weights()
    assert sum(np.count_nonzero(w) for w in weights if w.ndim > 1) + 9 == 25  # of 51, 9 biases among them


def test_bad_input_is_told_in_one_sentence():
    with pytest.raises(kp.OptionError, match="sparse already"):
        SPARSE(SPARSE(layers.Dense(3)))
    with pytest.raises(kp.OptionError, match="no option 'sparsty'. Did you mean 'sparsity'"):
        SPARSE(layers.Dense(3), "magnitude", sparsty=0.5)
    with pytest.raises(kp.OptionError, match="`layer` must be a layer or a model"):
        SPARSE("dense")

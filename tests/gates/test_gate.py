"""`gate`, its model, and bad input."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.gates.gated_kernel import GatedKernel
from tests.backends import in_bundles
from tests.small_models import conv_model, dense_model, images

pytestmark = pytest.mark.backend

HALF = kp.Budget(flops=0.5)
LOSS = "sparse_categorical_crossentropy"


def compiled(gated: kp.GatedModel, **options) -> kp.GatedModel:
    gated.compile("adam", LOSS, **options)
    return gated


def test_inputs_outputs_and_weights_are_those_of_the_model():
    model = conv_model()
    gated = kp.gate(model, budget=kp.Budget(flops=1.0))
    assert gated.input_shape == model.input_shape and gated.output_names == model.output_names
    x = images()[0]
    np.testing.assert_allclose(gated.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)
    assert kp.slim(gated).count_params() == model.count_params()


def test_one_gate_serves_all_readers_of_a_residual_stream():
    gated = kp.gate(conv_model(), budget=HALF)
    assert gated.gates[0].names == ["first", "third", "hidden"]
    wrapped = {layer.name: layer.gates for layer in gated.layers if isinstance(layer, GatedKernel)}
    assert wrapped["second"] == wrapped["third"] == [1, 2, 3, 4, 5, 6]


def test_the_settings_of_a_compiled_model_carry_over():
    model = conv_model()
    model.compile(keras.optimizers.SGD(0.125), LOSS)
    assert float(kp.gate(model, budget=HALF).optimizer.learning_rate) == 0.125


@pytest.mark.slow
def test_progress_is_in_the_logs_and_every_callback_sees_it(tmp_path):
    gated = compiled(kp.gate(conv_model(), budget=HALF))
    x, y = images(32)
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    history = gated.fit(x, y, epochs=3, batch_size=8, verbose=0, callbacks=log).history
    assert {"expected_flops", "hard_flops", "kept_channels", "kept/first", "kept/third", "kept/hidden"} <= set(history)
    assert all(share <= 1 for share in history["hard_flops"])
    assert history["hard_flops"][-1] == history["expected_flops"][-1] > 0.9
    assert "hard_flops" in (tmp_path / "log.csv").read_text().splitlines()[0]


@pytest.mark.slow
def test_compiled_steps_in_bundles_and_half_precision():
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = dense_model(6, 5, 3, activation="relu")
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    gated = kp.gate(model, budget=HALF)
    gated.compile("adam", "mse", **in_bundles(2, compiled=True))
    x = np.random.default_rng(0).standard_normal((32, 4)).astype("float32")
    gated.fit(x, np.ones((32, 3)), epochs=2, batch_size=8, verbose=0)
    assert float(gated.gates[0].step) == 8
    np.testing.assert_allclose(kp.slim(gated).predict(x, verbose=0), gated.predict(x, verbose=0), atol=2e-2)


@pytest.mark.slow
def test_gates_find_the_neurons_that_matter():
    """Of ten hidden neurons, all alike in magnitude, only the three whose output is wanted stay."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((512, 10)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((10,)),
            keras.layers.Dense(10, use_bias=False, name="hidden"),
            keras.layers.Dense(10, use_bias=False),
        ]
    )
    model.set_weights([np.eye(10), np.eye(10)])
    wanted = [2, 5, 9]
    target = x * np.isin(np.arange(10), wanted)
    gated = kp.gate(model, budget=kp.Budget(params=0.3), start=None)
    gated.compile(keras.optimizers.Adam(0.01), "mse")
    gated.fit(x, target, epochs=12, batch_size=32, verbose=0)
    keep = keras.ops.convert_to_numpy(gated.gates[0].keep)
    assert np.flatnonzero(keep).tolist() == wanted


def test_an_unknown_kind_names_the_known_ones():
    with pytest.raises(ValueError, match="no gate named 'gumble'. Did you mean 'gumbel'.*hard_concrete"):
        kp.gate(conv_model(), "gumble", budget=HALF)


def test_without_a_budget_the_error_says_how_to_give_one():
    with pytest.raises(kp.BudgetError, match=r"Write Budget\(flops=0.5\)"):
        kp.gate(conv_model())


def test_a_gated_model_is_not_gated_again():
    with pytest.raises(kp.GraphError, match="carries gates already"):
        kp.gate(kp.gate(conv_model(), budget=HALF), budget=HALF)


def test_a_budget_that_the_frozen_part_exceeds_fails_before_training():
    with pytest.raises(kp.BudgetError, match="cannot be reached"):
        kp.gate(conv_model(), budget=kp.Budget(params=0.01))


def test_a_model_without_removable_channels_says_why():
    with pytest.raises(kp.GraphError, match="No channel.*output of the model"):
        kp.gate(dense_model(3), budget=HALF)


def test_gates_that_would_empty_a_layer_are_an_error_in_slim():
    gated = kp.gate(conv_model(), budget=HALF)
    gated.gates[0].keep.assign(np.zeros(gated.gates[0].num_gates))
    with pytest.raises(kp.GraphError, match="removes all 6 channels of 'first'"):
        kp.slim(gated)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda gated: setattr(gated.gates[0], "trainable", False), "not trainable"),
        (lambda gated: gated.gates[0].step.assign(10**6), "schedule was over"),
    ],
)
def test_gates_that_never_moved_warn_and_say_why(spoil, why):
    gated = kp.gate(dense_model(6, 5, 3, activation="relu"), budget=HALF, steps=100)
    spoil(gated)
    gated.compile("sgd", "mse")
    with pytest.warns(UserWarning, match=why):
        gated.fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0)


@pytest.mark.slow
def test_gradual_gates_ask_for_their_callback():
    gated = kp.gate(dense_model(6, 5, 3), "gradual", budget=HALF)
    gated.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="pass the callback `Rerank`"):
        gated.fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0)


def test_data_of_unknown_length_asks_for_the_number_of_steps():
    gated = kp.gate(dense_model(6, 5, 3), budget=HALF)
    gated.compile("sgd", "mse")

    def batches():
        while True:
            yield np.ones((8, 4)), np.ones((8, 3))

    with pytest.raises(ValueError, match="steps_per_epoch"):
        gated.fit(batches(), verbose=0)

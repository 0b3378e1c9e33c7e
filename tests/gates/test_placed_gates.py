"""Gates that one places by hand: in which models, under which budget, and what is refused."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.gates import GATES
from kerasprune.gates.placed_gates import find_placed
from kerasprune.graph import can_run
from tests.backends import in_bundles
from tests.small_models import images

pytestmark = pytest.mark.backend

HALF = kp.Budget(flops=0.5)
GumbelGate = kp.layers.GumbelGate


def residual(gate=GumbelGate, **options) -> keras.Model:
    """One gate at two places of a residual stream: before the branch and behind the addition."""
    shared = gate(name="shared", **options)
    inputs = keras.Input((8, 8, 2))
    stem = layers.Conv2D(6, 3, padding="same", activation="relu", name="stem")(inputs)
    branch = layers.Conv2D(6, 3, padding="same", name="branch")(shared(stem))
    x = shared(layers.Add()([stem, branch]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(5, activation="softmax", name="classes")(x))


def fitted(model: keras.Model, budget=HALF, epochs: int = 3, callbacks=(), **settings) -> dict:
    """The history of a few epochs under a budget."""
    model.compile("adam", "sparse_categorical_crossentropy", **settings)
    x, y = images(32)
    callbacks = [kp.KeepBudget(budget), *callbacks]
    return model.fit(x, y, batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks).history


class Block(keras.layers.Layer):
    """A subclassed layer with a gate in it."""

    def build(self, shape):
        self.conv, self.gate = layers.Conv2D(6, 3, activation="relu", name="conv"), GumbelGate(name="inside")
        self.conv.build(shape)
        self.gate.build(self.conv.compute_output_shape(shape))

    def call(self, x):
        return self.gate(self.conv(x))


def test_all_places_of_a_gate_get_one_sample_in_a_step_and_another_in_the_next():
    gate = GumbelGate(initial_keep=0.5, seed=1)
    inputs = keras.Input((40,))
    model = keras.Model(inputs, [gate(inputs), gate(inputs)])
    ones = np.ones((1, 40), "float32")
    samples = []
    for _ in range(3):
        first, second = (keras.ops.convert_to_numpy(y) for y in model(ones, training=True))
        assert np.array_equal(first, second)
        samples.append(first)
    assert float(gate.step) == 3
    assert not np.array_equal(samples[0], samples[1]) and not np.array_equal(samples[1], samples[2])


def test_a_penalty_of_its_own_is_paid_once_for_all_places():
    gate = GumbelGate(penalty=2.0, initial_keep=0.75)
    inputs = keras.Input((5,))
    model = keras.Model(inputs, gate(gate(inputs)))
    model(np.ones((1, 5)), training=True)
    (loss,) = model.losses
    assert float(loss) == pytest.approx(1.5)


@pytest.mark.slow
def test_under_plain_fit_a_penalty_closes_what_the_loss_does_not_need():
    x = np.random.default_rng(0).standard_normal((256, 8)).astype("float32")
    gate = GumbelGate(penalty=0.3, seed=0)
    model = keras.Sequential([keras.Input((8,)), gate, layers.Dense(1, use_bias=False)])
    model.layers[1].set_weights([np.ones((8, 1))])
    model.layers[1].trainable = False
    model.compile(keras.optimizers.Adam(0.02), "mse")
    model.fit(x, x[:, 1:2] + x[:, 5:6], epochs=30, batch_size=32, verbose=0)
    assert np.flatnonzero(keras.ops.convert_to_numpy(gate.keep)).tolist() == [1, 5]


@pytest.mark.slow
@pytest.mark.parametrize("kind", GATES)
def test_a_shared_gate_meets_the_budget_and_slims(kind):
    model = residual(GATES[kind])
    logs = fitted(model, callbacks=[kp.Rerank("magnitude")] if kind == "gradual" else [])
    assert {"expected_flops", "hard_flops", "kept_channels", "kept/shared"} <= set(logs)
    assert 0.6 < logs["hard_flops"][-1] <= 1 + 1e-6
    assert logs["kept_channels"][-1] == logs["kept/shared"][-1] < 6
    small = kp.slim(model)
    assert kp.trace(small).macs() <= 0.5 * kp.trace(residual()).macs()
    assert small.get_layer("stem").filters == small.get_layer("branch").filters == logs["kept_channels"][-1]
    assert not any(isinstance(layer, GATES[kind]) for layer in small.layers)
    assert kp.verify(model, small=small) < 1e-5
    assert kp.strip(model).get_layer("stem").filters == 6


@pytest.mark.slow
def test_gates_in_subclassed_layers_and_wrappers_share_one_budget(tmp_path):
    inputs = keras.Input((8, 8, 2))
    x = Block(name="block")(inputs)
    x = kp.layers.Gated(layers.SeparableConv2D(6, 3, activation="relu", name="separable"))(x)
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(layers.GlobalMaxPooling2D()(x)))
    logs = fitted(model, **in_bundles(2, compiled=True))
    assert {"kept/inside", "kept/separable_gate"} <= set(logs)
    assert logs["hard_flops"][-1] <= 1 + 1e-6
    small = kp.slim(model)
    assert small.get_layer("separable").filters == logs["kept/separable_gate"][-1]
    assert kp.verify(model, small=small) < 1e-5


@pytest.mark.slow
def test_gate_takes_over_the_gates_that_stand_in_a_model(tmp_path):
    gated = kp.gate(residual(), budget=HALF)
    assert [gate.name for gate in gated.gates] == ["shared"]
    gated.compile("adam", "sparse_categorical_crossentropy")
    x, y = images(32)
    gated.fit(x, y, batch_size=8, epochs=2, verbose=0)
    gated.save(tmp_path / "gated.keras")
    loaded = keras.saving.load_model(tmp_path / "gated.keras", safe_mode=True)
    np.testing.assert_allclose(loaded.predict(x, verbose=0), gated.predict(x, verbose=0), atol=1e-6)
    logs = loaded.fit(x, y, batch_size=8, epochs=1, verbose=0).history
    assert 0.6 < logs["hard_flops"][-1] <= 1 + 1e-6
    assert kp.verify(loaded) < 1e-5


@pytest.mark.processor
def test_gates_in_channels_first_are_taken_over_or_the_twin_is_named():
    first = {"data_format": "channels_first"}
    inputs = keras.Input((2, 8, 8))
    x = kp.layers.GumbelGate(axis=1, name="between")(layers.Conv2D(5, 3, **first)(inputs))
    x = layers.GlobalAveragePooling2D(**first)(layers.Conv2D(3, 3, **first)(x))
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(x))
    if not can_run(model):
        with pytest.raises(kp.GraphError, match="channels_last.model.. instead"):
            kp.gate(model, budget=HALF)
        model = kp.channels_last(model)
    gated = kp.gate(model, budget=HALF)
    gated.compile("sgd", "sparse_categorical_crossentropy")
    x, y = images(16)
    gated.fit(np.moveaxis(x, -1, 1), y, batch_size=8, epochs=1, verbose=0)
    small = kp.slim(gated)
    assert small.input_shape == (None, 2, 8, 8)
    assert kp.trace(small).macs() <= 0.5 * kp.trace(model).macs()
    assert kp.verify(gated, small=small) < 1e-5


@pytest.mark.slow
def test_a_run_that_is_killed_and_resumed_ends_like_one_that_is_not(tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def run(folder, *more):
        keras.utils.set_random_seed(0)
        model = residual(seed=1)
        model.compile("adam", "sparse_categorical_crossentropy")
        callbacks = [keras.callbacks.BackupAndRestore(folder), kp.KeepBudget(HALF), *more]
        x, y = images(32)
        model.fit(x, y, batch_size=8, epochs=4, shuffle=False, verbose=0, callbacks=callbacks)
        return model

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", Kill())
    for expected, actual in zip(whole.weights, run(tmp_path / "killed").weights, strict=True):
        assert np.array_equal(keras.ops.convert_to_numpy(expected), keras.ops.convert_to_numpy(actual))


def test_the_gates_of_a_model_open_each_its_channels():
    placed = find_placed(residual())
    assert placed.ids.tolist() == [1, 2, 3, 4, 5, 6]
    assert np.array_equal(placed.owners, np.eye(6, dtype=bool))


def test_axes_half_precision_and_booleans():
    x = np.ones((2, 3, 4))
    gate = GumbelGate(axis=1)
    gate.build(x.shape)
    gate.keep.assign([1, 0, 1])
    assert keras.ops.convert_to_numpy(gate(x)).sum(axis=(0, 2)).tolist() == [8, 0, 8]
    assert keras.backend.standardize_dtype(gate(keras.ops.cast(x, "float16")).dtype) == "float16"
    assert keras.ops.convert_to_numpy(gate(x > 0))[:, 1].sum() == 0


def test_the_mask_of_a_sequence_passes():
    tokens = keras.Input((4,), dtype="int32")
    x = kp.layers.Gated(layers.Embedding(5, 3, mask_zero=True))(tokens)
    x = kp.layers.Gated(layers.LSTM(3, return_sequences=True))(GumbelGate()(x))
    plain = keras.Model(tokens, kp.layers.Gated(layers.Dense(3))(x))
    first, second = (keras.ops.convert_to_numpy(plain(np.array([row]))) for row in ([1, 2, 0, 0], [1, 2, 0, 0]))
    assert np.array_equal(first[:, 1], second[:, 3])  # masked steps repeat the state of the last one that is not


def test_the_wrapped_layer_keeps_its_name_policy_regularizer_and_flags():
    inner = layers.Dense(3, kernel_regularizer="l2", dtype="mixed_float16", name="mine", trainable=False)
    wrapper = kp.layers.Gated(inner, "hard_concrete", penalty=0.1)
    wrapper(np.ones((1, 2)))
    assert wrapper.name == "mine"
    assert wrapper.layer.kernel.path.endswith("mine/kernel")
    assert wrapper.compute_dtype == "float16"
    again = kp.layers.Gated.from_config(wrapper.get_config())
    assert again.layer.kernel_regularizer is not None and not again.layer.trainable
    assert again.kind == "hard_concrete" and again.gate.penalty == 0.1


def test_clone_model_makes_the_gates_anew():
    model = residual(penalty=0.5)
    copy = keras.models.clone_model(model)
    assert copy.get_layer("shared").penalty == 0.5
    assert len(copy.weights) == len(model.weights)


def chain(*stack, shape=(4,)) -> keras.Sequential:
    model = keras.Sequential([keras.Input(shape), *stack])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: GumbelGate(axis=0), kp.OptionError, "batch axis"),
        (lambda: chain(GumbelGate(axis=-2)), kp.OptionError, "axes behind that of the samples"),
        (lambda: chain(GumbelGate(axis=1), shape=(None, 2)), kp.OptionError, "axis of known length"),
        (lambda: GumbelGate(speed=0), kp.OptionError, "`speed` must be positive"),
        (lambda: kp.layers.Gated(layers.Dense(2), "gumble"), kp.OptionError, "Did you mean 'gumbel'"),
        (lambda: kp.layers.Gated(layers.Dense(2), penlty=1), kp.OptionError, "Did you mean 'penalty'"),
        (lambda: kp.layers.Gated("dense"), kp.OptionError, "`layer` must be a layer"),
        (
            lambda: kp.gate(chain(layers.Dense(3), GumbelGate(), layers.Dense(1)), budget=0.5),
            kp.BudgetError,
            "flops=0.5",
        ),
        (lambda: kp.KeepBudget(0.5), kp.BudgetError, r"Received: 0.5. Write Budget\(flops=0.5\)"),
        (
            lambda: kp.gate(chain(GumbelGate(), layers.Dense(3), layers.Dense(1)), budget=HALF),
            kp.GraphError,
            "tensor without channels, such as an input",
        ),
        (
            lambda: kp.gate(chain(layers.Dense(3), GumbelGate(), GumbelGate(), layers.Dense(1)), budget=HALF),
            kp.GraphError,
            "gate the same channels",
        ),
        (
            lambda: kp.gate(
                chain(layers.Conv1D(3, 1), layers.Flatten(), GumbelGate(), layers.Dense(1), shape=(2, 2)), budget=HALF
            ),
            kp.GraphError,
            "several gates for one channel",
        ),
        (
            lambda: kp.gate(chain(layers.Dense(3), GumbelGate(), layers.Dense(1)), budget=kp.Budget(params=2)),
            kp.BudgetError,
            "cannot be reached",
        ),
        (
            lambda: kp.gate(chain(layers.Dense(3), GumbelGate(), layers.Dense(1)), budget=HALF, ramp=0.4),
            kp.OptionError,
            "which have their own options. Received: ramp",
        ),
        (
            lambda: kp.gate(
                chain(layers.Dense(3), GumbelGate(), layers.Dense(3), GumbelGate(ramp=0.1), layers.Dense(1)),
                budget=HALF,
            ),
            kp.OptionError,
            "share one schedule",
        ),
        (
            lambda: chain(layers.Dense(1)).fit(np.ones((1, 4)), np.ones((1, 1)), callbacks=[kp.KeepBudget(HALF)]),
            kp.GraphError,
            "no gates",
        ),
        (
            lambda: chain(layers.Dense(1)).fit(np.ones((1, 4)), np.ones((1, 1)), callbacks=[kp.KeepBudget()]),
            kp.OptionError,
            "no gates",
        ),
    ],
)
def test_bad_input_is_told_in_one_sentence(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_gate_that_was_never_trained_is_named():
    with pytest.warns(UserWarning, match="`idle` has not been trained: it keeps 3 of 3 channels"):
        kp.slim(chain(layers.Dense(3), GumbelGate(name="idle"), layers.Dense(1)))

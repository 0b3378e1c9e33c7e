"""The layers that make weights sparse inside `fit`."""

import inspect
import math

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.scheduled import ScheduledLayer
from kerasprune.sparse import METHODS, Sparse, kernel_positions
from kerasprune.sparse.weight_gates import hard_gates, largest, logistic_noise
from tests.backends import in_bundles, numbers
from tests.small_models import dense_model

pytestmark = pytest.mark.backend

RANKED = {"weights": 9, "steps": 20, "begin": 0.1, "ramp": 0.5, "settle": 0.6, "every": 3}
LAYERED = {**RANKED, "distribution": "uniform", "rates": {"dense0": 0.5}}
OPTIONS = {
    "frozen": {"steps": 20},
    "gumbel": {**RANKED, "start": 0.6, "noise": 0.2},
    "magnitude": {
        **LAYERED,
        "weights": 15,
        "schedule": "polynomial",
        "exponent": 2.0,
        "start": 0.8,
        "block": (1, 1),
        "pooling": "max",
        "regrow": False,
    },
    "penalty": {"penalty": 0.5, "target": 0.25, "temperature": 2.0, "rate": 3.0},
    "rigl": {**LAYERED, "weights": 15, "renewed": 0.2},
    "set": {**LAYERED, "weights": 15, "renewed": 0.2},
}
WAYS = [
    ("penalty", {}),
    ("frozen", {}),
    ("gumbel", {"weights": 11, "steps": 16}),
    ("magnitude", {"weights": 11, "steps": 16}),
    ("rigl", {"weights": 11, "steps": 16}),
    ("set", {"weights": 11, "steps": 16}),
]


def data(samples: int = 32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Inputs for `dense_model(6, 3)` and targets."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, 4)).astype("float32"), rng.normal(size=(samples, 3)).astype("float32")


def fitted(method: str, options: dict, epochs: int = 4, **settings) -> keras.Model:
    """A sparse model after `epochs` epochs of 4 steps."""
    options = {"every": 2, **options} if "steps" in options else options
    sparse = kp.sparsify(dense_model(6, 3, activation="relu"), method=method, **options)
    sparse.compile("adam", "mse", **settings)
    sparse.fit(*data(), batch_size=8, epochs=epochs, verbose=0)
    return sparse


def gates(sparse: keras.Model) -> np.ndarray:
    """The gates in inference."""
    return keras.ops.convert_to_numpy(sparse.get_layer("sparse_weights").gates.kept())


@pytest.mark.parametrize("method", METHODS)
def test_every_argument_is_in_the_configuration(method):
    layer = Sparse(dense_model(6, 3), method, seed=3, name="sparse", **OPTIONS[method])
    layer.build((None, 4))
    config, own = layer.get_config(), layer.gates.get_config()
    parents = [cls for cls in METHODS[method].__mro__ if issubclass(cls, ScheduledLayer)]
    arguments = {name for cls in parents for name in inspect.signature(cls.__init__).parameters} - {"self", "kwargs"}
    assert arguments <= set(own)
    again = Sparse.from_config(dict(config))
    assert {**again.get_config(), "layer": None} == {**config, "layer": None}
    assert again.gates.get_config() == own == METHODS[method].from_config(own).get_config()


@pytest.mark.parametrize(("method", "options"), WAYS)
def test_a_saved_model_computes_and_trains_on_as_before(method, options, tmp_path):
    sparse = fitted(method, options, epochs=2, **in_bundles(3))
    sparse.save(tmp_path / "sparse.keras")
    loaded = keras.saving.load_model(tmp_path / "sparse.keras", safe_mode=True)
    x, _ = data()
    assert np.array_equal(sparse.predict(x, verbose=0), loaded.predict(x, verbose=0))
    for model in (sparse, loaded):
        model.fit(*data(), batch_size=8, epochs=1, verbose=0, shuffle=False)
    for ours, theirs in zip(sparse.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(("method", "options"), WAYS[2:4])
def test_the_number_of_weights_follows_the_schedule_in_later_epochs_too(method, options):
    sparse = fitted(method, {**options, "ramp": 0.9, "settle": 0.95}, epochs=1, **in_bundles(2))
    layer = sparse.get_layer("sparse_weights")
    after_one = gates(sparse).sum()
    sparse.fit(*data(), batch_size=8, epochs=1, verbose=0)
    after_two = gates(sparse).sum()
    sparse.fit(*data(), batch_size=8, epochs=2, verbose=0)
    assert layer.size > after_one > after_two > 11
    assert gates(sparse).sum() == 11
    assert int(layer.gates.step) == 16


def test_what_is_kept_is_fixed_after_the_last_ranking():
    sparse = fitted("gumbel", {"weights": 11, "steps": 16}, epochs=4)
    before = gates(sparse)
    sparse.fit(*data(), batch_size=8, epochs=2, verbose=0)
    assert np.array_equal(before, gates(sparse))


@pytest.mark.parametrize(("method", "options"), WAYS)
def test_inference_is_deterministic_and_the_gumbel_gates_are_random_in_training(method, options):
    sparse = kp.sparsify(dense_model(6, 3), method=method, **options)
    x, _ = data()
    assert np.array_equal(*(numbers(sparse(x, training=False)) for _ in range(2)))
    first, second = (keras.ops.convert_to_numpy(sparse(x, training=True)) for _ in range(2))
    assert np.array_equal(first, second) == (method not in ("gumbel", "penalty"))


@pytest.mark.slow
@pytest.mark.parametrize(("method", "options"), WAYS)
def test_trains_compiled_in_half_precision(method, options):
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_float16")
        sparse = fitted(method, options, **in_bundles(2, compiled=True))
    finally:
        keras.config.set_dtype_policy(before)
    assert all(np.isfinite(weight).all() for weight in sparse.get_weights())
    assert not options or gates(sparse).sum() == 11


def test_kernels_are_gated_and_biases_normalization_embeddings_and_frozen_layers_are_not():
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(7, 4, name="table")(tokens)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.SeparableConv1D(4, 2, name="separable")(x)
    x = layers.MultiHeadAttention(2, 2, name="attention")(x, x)
    x = layers.GRU(3, name="recurrent")(x)
    x = layers.Dense(3, name="frozen", trainable=False)(x)
    model = keras.Model(tokens, layers.Dense(2, name="classes")(x))
    gated = [model.weights[position].path for position in kernel_positions(model)]
    assert sorted({path.split("/")[-1] for path in gated}) == [
        "depthwise_kernel", "kernel", "pointwise_kernel", "recurrent_kernel",
    ]  # fmt: skip
    assert len([path for path in gated if "attention" in path]) == 4
    assert not any(name in path for path in gated for name in ("table", "norm", "frozen", "bias"))


def test_state_moves_and_losses_of_the_model_inside_reach_the_outside():
    inputs = keras.Input((4,))
    x = layers.Dense(6, kernel_regularizer="l2", activity_regularizer="l2")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    model = keras.Model(inputs, layers.Dropout(0.5)(x))
    sparse = kp.sparsify(model, weights=24, method="magnitude", steps=10)
    sparse(data()[0] + 3, training=True)
    norm = sparse.get_layer("sparse_weights").layer.get_layer("norm")
    assert np.abs(keras.ops.convert_to_numpy(norm.moving_mean)).max() > 0
    model(data()[0] + 3, training=True)
    np.testing.assert_allclose(sorted(map(float, sparse.losses)), sorted(map(float, model.losses)), rtol=1e-5)


def test_one_logit_with_logistic_noise_is_two_logits_with_gumbel_noise():
    rng = np.random.default_rng(0)
    logits, uniform = rng.normal(size=2), rng.random((2, 200_000))
    gumbel = -np.log(-np.log(uniform))
    pair = np.exp((logits[:, None] + gumbel) / 3.0)
    soft = pair[0] / pair.sum(axis=0)
    noise = keras.ops.convert_to_numpy(logistic_noise((200_000,), keras.random.SeedGenerator(1)))
    ours = 1 / (1 + np.exp(-(logits[0] - logits[1] + noise) / 3.0))
    quantiles = np.linspace(0.02, 0.98, 25)
    np.testing.assert_allclose(np.quantile(ours, quantiles), np.quantile(soft, quantiles), atol=5e-3)
    drawn = keras.ops.convert_to_numpy(hard_gates(logits[0] - logits[1] + noise, 3.0))
    assert abs(drawn.mean() - 1 / (1 + math.exp(logits[1] - logits[0]))) < 5e-3


def test_under_adam_one_logit_at_rate_2_moves_like_the_difference_of_two():
    two, one = keras.Variable(np.array([0.3, -0.1])), keras.Variable(np.array([0.2]))  # differences 0.4
    optimizers = [keras.optimizers.Adam(0.01, epsilon=1e-12) for _ in range(2)]
    for step in range(20):
        slope = math.sin(step) + 0.5  # the derivative with respect to the difference
        optimizers[0].apply([keras.ops.convert_to_tensor([slope, -slope])], [two])
        optimizers[1].apply([keras.ops.convert_to_tensor([2 * slope])], [one])
    pair = keras.ops.convert_to_numpy(two)
    np.testing.assert_allclose(pair[0] - pair[1], 2 * keras.ops.convert_to_numpy(one)[0], rtol=1e-4)


def test_the_published_penalty_is_the_mean_of_a_sample_of_its_own():
    sparse = kp.sparsify(dense_model(40, 30), method="penalty", penalty=2.0)
    sparse(data()[0], training=True)
    (penalty,) = sparse.losses
    layer = sparse.get_layer("sparse_weights")
    density = float(penalty) / 2.0
    assert abs(density * layer.size - round(density * layer.size)) < 1e-2  # a mean of zeros and ones
    assert 0.4 < density < 0.6  # at the start every second gate is open


def test_the_expected_number_meets_the_schedule_without_a_penalty():
    sparse = kp.sparsify(dense_model(60, 40, 3), weights=100, steps=100, settle=1.0, ramp=1.0)
    layer, x = sparse.get_layer("sparse_weights"), data()[0]
    counts = []
    for _ in range(8):
        allowed = float(layer.gates.allowed())
        sample = keras.ops.convert_to_numpy(layer.gates.sample([]))
        counts.append(sample.sum() / allowed)
    assert sparse(x).shape == (32, 3)
    assert not sparse.losses
    assert 0.9 < np.mean(counts[3:]) < 1.1


def test_ties_go_to_the_first():
    kept = largest(keras.ops.convert_to_tensor([1.0, 2.0, 1.0, 1.0]), 2)
    assert keras.ops.convert_to_numpy(kept).tolist() == [1, 1, 0, 0]


def test_every_registered_method_is_tested_here():
    assert {method for method, _ in WAYS} == set(METHODS)

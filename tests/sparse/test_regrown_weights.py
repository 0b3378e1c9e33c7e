"""Weights that close while as many others open."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.scheduled import read
from tests.small_models import dense_model


def sparse_model(method: str, **options) -> keras.Model:
    options = {"steps": 16, "every": 4, "settle": 1.0, "renewed": 0.5, **options}
    return kp.sparsify(dense_model(10, 5), weights=20, method=method, **options)


def gates_of(model: keras.Model):
    return model.get_layer("sparse_weights").gates


def step(model: keras.Model) -> np.ndarray:
    model(np.zeros((1, 4), "float32"), training=True)
    return read(gates_of(model).kept())


@pytest.mark.parametrize("method", ["rigl", "set"])
def test_every_layer_has_its_number_from_the_first_step_to_the_last(method):
    model = sparse_model(method, distribution="uniform")
    gates, kept = gates_of(model), []
    for seed in range(16):
        if method == "rigl":
            gates.gradient.assign(np.random.default_rng(seed).normal(size=90).astype("float32"))
        kept.append(step(model))
        assert [int(read(part).sum()) for part in gates.parts(kept[-1])] == [9, 11]
    moved = [int(np.abs(one - other).sum()) for one, other in zip(kept, kept[1:], strict=False)]
    assert {place + 1 for place, number in enumerate(moved) if number} <= {4, 8, 12, 15}
    assert moved[3] > moved[11] > 0  # the share that moves falls


def test_the_share_that_moves_falls_along_a_cosine():
    gates = gates_of(sparse_model("set", settle=0.75))
    found = []
    for _ in range(12):
        found.append(float(gates.share_renewed()))
        gates.advance()
    np.testing.assert_allclose(found, 0.25 * (1 + np.cos(np.pi * np.arange(12) / 12)), rtol=1e-5)


@pytest.mark.parametrize("method", ["rigl", "set"])
def test_the_smallest_close_and_what_opens_starts_at_zero(method):
    model = sparse_model(method, distribution="global")
    layer, gates = model.get_layer("sparse_weights"), gates_of(model)
    values = np.concatenate([read(kernel).ravel() for kernel in layer.kernels])
    before = [step(model) for _ in range(4)][-1]
    share = float(gates.share_renewed())
    if method == "rigl":
        gates.gradient.assign(np.arange(90, dtype="float32") * (before == 0))
    after = step(model)
    stays = sorted(np.flatnonzero(before), key=lambda place: -abs(values[place]))[: int(20 * (1 - share))]
    assert after[stays].all()
    if method == "rigl":
        highest = np.flatnonzero(before == 0)[-(20 - len(stays)) :]
        assert set(np.flatnonzero(after)) == {*stays, *highest}
    effective = np.concatenate([keras.ops.convert_to_numpy(value).ravel() for value in layer.in_effect()])
    np.testing.assert_allclose(effective, np.where((before > 0) & (after > 0), values, 0), atol=1e-7)


@pytest.mark.slow
def test_rigl_sees_the_gradient_of_the_whole_kernel():
    model = sparse_model("rigl", renewed=0.01)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 4)).astype("float32"), rng.normal(size=(8, 5)).astype("float32")
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    layer = model.get_layer("sparse_weights")
    found = read(gates_of(model).gradient)[-50:].reshape(10, 5)
    first = x @ keras.ops.convert_to_numpy(layer.in_effect()[0]) + read(layer.layer.weights[1])
    error = model.predict(x, verbose=0) - y
    np.testing.assert_allclose(found, first.T @ error * 2 / y.size, atol=1e-5)


@pytest.mark.slow
def test_rigl_finds_inputs_that_set_finds_more_slowly():
    x = np.random.default_rng(0).normal(size=(256, 40)).astype("float32")
    y = x[:, :2] * 2

    def loss(method: str) -> float:
        model = kp.sparsify(dense_model(2, inputs=40), weights=4, method=method, every=5, renewed=0.5)
        model.compile(keras.optimizers.Adam(0.05), "mse")
        return model.fit(x, y, batch_size=32, epochs=15, verbose=0).history["loss"][-1]

    assert loss("rigl") < 0.1 < loss("set")

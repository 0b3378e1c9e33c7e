"""`sparsify` and `strip`."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from tests.backends import in_bundles
from tests.small_models import conv_model, dense_model, images

pytestmark = pytest.mark.backend
MAGNITUDE = {"method": "magnitude", "weights": 4}


def outputs(model: keras.Model, x) -> list[np.ndarray]:
    """What a model puts out in inference, flat."""
    return [keras.ops.convert_to_numpy(tensor) for tensor in keras.tree.flatten(model(x, training=False))]


def test_the_model_keeps_names_and_structure_of_inputs_and_outputs():
    first, second = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    x = layers.Concatenate()([first, second])
    model = keras.Model({"a": first, "b": second}, [layers.Dense(2, name="one")(x), layers.Dense(1, name="two")(x)])
    sparse = kp.sparsify(model, 0.5, "magnitude", steps=4)
    assert [tensor.name for tensor in sparse.inputs] == ["a", "b"]
    assert sparse.output_names == ["one", "two"]
    x = {"a": np.ones((4, 3), "float32"), "b": np.ones((4, 2), "float32")}
    for ours, theirs in zip(outputs(sparse, x), outputs(model, x), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)  # before the first step nothing is removed
    sparse.compile("adam", {"one": "mse", "two": "mae"})
    sparse.fit(x, {"one": np.ones((4, 2)), "two": np.ones((4, 1))}, verbose=0)


def test_strip_gives_the_model_with_zeros_and_leaves_both_models_alone():
    model = conv_model()
    before = model.get_weights()
    sparse = kp.sparsify(model, weights=200, steps=2, every=1)
    sparse.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = images(16)
    sparse.fit(x, y, batch_size=8, epochs=1, verbose=0)
    during = sparse.get_weights()
    plain = kp.strip(sparse)
    np.testing.assert_allclose(outputs(plain, x)[0], outputs(sparse, x)[0], atol=1e-6)
    assert [layer.name for layer in plain.layers[1:]] == [layer.name for layer in model.layers[1:]]
    assert sum(np.count_nonzero(w) for w in plain.get_weights() if w.ndim > 1) == 200
    assert plain.compiled
    for old, new in (*zip(before, model.get_weights(), strict=True), *zip(during, sparse.get_weights(), strict=True)):
        assert np.array_equal(old, new)


def test_nested_and_shared_layers_have_one_gate_per_weight():
    shared = layers.Dense(4, name="shared")
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="deep")], name="inner")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, shared(inner(shared(inputs))))
    sparse = kp.sparsify(model, 0.5, "magnitude", steps=1)
    assert sparse.get_layer("sparse_weights").size == 32
    sparse(np.ones((1, 4)), training=True)
    assert kp.strip(sparse).get_layer("inner").get_layer("deep").kernel.shape == (4, 4)


def test_strip_warns_where_training_ended_too_early():
    sparse = kp.sparsify(dense_model(6, 3), weights=10, steps=100)
    with pytest.warns(UserWarning, match="trained for 0 of 100 steps: 42 weights are left where 10 were asked for"):
        kp.strip(sparse)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "gumble"}, "Did you mean 'gumbel'"),
        ({"sparsity": 1.0, "steps": 3}, r"`sparsity` must be in \[0, 1\). Received: sparsity=1.0"),
        ({"weights": 43, "steps": 3}, "between 1 and 42"),
        ({"weights": 4, "sparsity": 0.5, "steps": 3}, "not both"),
        ({}, "Pass `sparsity`.*the method 'penalty'"),
        ({"method": "frozen", "weights": 4}, "no option 'weights'"),
        ({"weights": 4, "budget": kp.Budget(params=0.5)}, "one of `sparsity`, `weights` and `budget`"),
        ({"budget": kp.Budget(flops=0.5)}, "limited by their number alone"),
        ({"budget": 0.5}, "limited by their number alone"),
        ({"budget": kp.Budget(params=5)}, "9 weights of .* have no gates"),
        ({"weights": 4, "steps": 3, "ramp": 0.9, "settle": 0.5}, "ramp <= settle"),
        ({"weights": 4, "steps": 30, "begin": 20, "ramp": 0.5}, "begin <= ramp"),
        ({"weights": 4, "begin": 2.5}, "`begin` must be a share .* Received: begin=2.5"),
        ({"weights": 4, "protect": ["dens9*"]}, "'dens9\\*' in `protect` matches no layer with kernels"),
        ({**MAGNITUDE, "rates": {"out": 0.5}}, "'out' in `rates` matches no layer.*dense0, dense1"),
        ({**MAGNITUDE, "rates": {"dense0": 1.0}}, "`rates` must be in .* Received: 'dense0': 1.0"),
        ({**MAGNITUDE, "distribution": "unifrm"}, "Did you mean 'uniform'"),
        ({**MAGNITUDE, "schedule": "cubik"}, "Did you mean 'cubic'"),
        ({**MAGNITUDE, "exponent": 2.0}, "The schedule 'cubic' has no option 'exponent'"),
        ({**MAGNITUDE, "schedule": "stepwise", "stairs": 0}, "must be above 0"),
        ({**MAGNITUDE, "start": 0}, "`start` must be in"),
        ({**MAGNITUDE, "block": (4,)}, "`block` must be two whole numbers"),
        ({**MAGNITUDE, "pooling": "sum"}, "There is no pooling named 'sum'"),
        ({**MAGNITUDE, "n_of_m": (2, 4)}, "`n_of_m` says how many"),
        ({"method": "magnitude", "n_of_m": (5, 4)}, "1 <= n <= m"),
        ({"method": "magnitude", "n_of_m": (2, 4), "block": (1, 4)}, "`n_of_m` is the same for all"),
        ({**MAGNITUDE, "weights": 1, "distribution": "uniform"}, "at least one weight each must stay"),
        ({**MAGNITUDE, "weights": 12, "rates": {"dense0": 0.5}}, "between 13 and 30"),
        ({"method": "set", "weights": 4, "renewed": 1.0}, "`renewed` must be in"),
        ({"weights": 4, "steps": 0}, "`steps` must be a whole number"),
        ({"weights": 4, "steps": 3, "start": 1.0}, "`start` must be in"),
        ({"weights": 4, "steps": 3, "noise": 0}, "`noise` must be above 0"),
    ],
)
def test_bad_settings_are_told_in_one_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        kp.sparsify(dense_model(6, 3), **options)


def test_a_misspelt_option_is_named():
    with pytest.raises((ValueError, TypeError), match="setle"):
        kp.sparsify(dense_model(6, 3), weights=4, steps=3, setle=0.5)


def test_the_steps_from_sparsify_over_strip_to_slim_have_one_order():
    sparse = kp.sparsify(dense_model(6, 3), weights=4, steps=3)
    with pytest.raises(ValueError, match="sparse already"):
        kp.sparsify(sparse, weights=4, steps=3)
    with pytest.raises(kp.GraphError, match="nothing to strip"):
        kp.strip(dense_model(6, 3))


@pytest.mark.filterwarnings("ignore:.*has been trained for 0 of 3 steps")
def test_slim_takes_out_of_a_sparse_model_what_it_takes_out_of_the_stripped_one():
    sparse = kp.sparsify(dense_model(6, 3), weights=4, steps=3, method="magnitude")
    sparse.layers[-2].gates.keep.assign(np.eye(sparse.layers[-2].size)[0])  # one weight is left
    first, second = kp.slim(sparse), kp.slim(kp.strip(sparse))
    assert first.count_params() == second.count_params() < kp.strip(sparse).count_params()
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_without_kernels_has_nothing_to_gate():
    model = keras.Sequential([keras.Input((4,)), layers.BatchNormalization()])
    with pytest.raises(ValueError, match="no trainable kernels"):
        kp.sparsify(model, weights=4, steps=3)


@pytest.mark.slow
def test_gates_find_the_two_inputs_that_matter():
    x = np.random.default_rng(0).normal(size=(512, 10)).astype("float32")
    y = x[:, 2:3] - 2 * x[:, 7:8]
    sparse = kp.sparsify(dense_model(8, 1, inputs=10), weights=4, method="gumbel", steps=400, every=20)
    sparse.compile(keras.optimizers.Adam(0.02), "mse", **in_bundles(8))
    sparse.fit(x, y, batch_size=64, epochs=50, verbose=0)
    small = kp.slim(kp.strip(sparse))
    found = kp.explain(small)
    assert {place for place, value in enumerate(found.importance) if value} == {2, 7}
    assert np.abs(small.predict(x, verbose=0) - y).max() < 0.1

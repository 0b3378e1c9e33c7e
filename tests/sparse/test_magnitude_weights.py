"""Gradual magnitude pruning: where, when and in which units."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.scheduled import read
from kerasprune.sparse.blocks import Blocks, best_of_every
from kerasprune.sparse.distribution import counts, erdos_renyi, erdos_renyi_kernel
from tests.small_models import dense_model


def network() -> keras.Model:
    """A convolution "stem", two dense layers "hidden" and "classes": kernels of 270, 200 and 100 weights."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(10, 3, activation="relu", name="stem", kernel_regularizer="l2")(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(20, activation="relu", name="hidden")(x)
    return keras.Model(inputs, layers.Dense(5, name="classes")(x))


def gates_of(model: keras.Model):
    return model.get_layer("sparse_weights").gates


def stepped(steps: int = 10, count: int | None = None, **options):
    """The gates of a sparse `network` after all steps of the schedule, without an optimizer, and the model."""
    model = kp.sparsify(network(), method="magnitude", **{"steps": steps, "every": 1, **options})
    kept = []
    for _ in range(count or steps):
        model(np.zeros((1, 8, 8, 3), "float32"), training=True)
        kept.append(int(read(gates_of(model).kept()).sum()))
    return model, kept


def left(model: keras.Model) -> dict[str, int]:
    """How many weights of each kernel are not zero in the stripped model."""
    plain = kp.strip(model)
    return {
        name: int(np.count_nonzero(plain.get_layer(name).get_weights()[0])) for name in ("stem", "hidden", "classes")
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"sparsity": 0.9, "distribution": "uniform"}, (27, 20, 10)),
        ({"sparsity": 0.33, "distribution": "uniform"}, (181, 134, 67)),
        ({"weights": 100, "distribution": "uniform"}, (47, 35, 18)),
        ({"sparsity": 0.9, "distribution": "uniform", "rates": {"st*": 0.5}}, (135, 20, 10)),
        ({"weights": 100, "distribution": "uniform", "rates": {"stem": 0.8}}, (54, 31, 15)),
        ({"sparsity": 0.9, "distribution": "uniform", "protect": ["stem", "classes"]}, (270, 20, 100)),
        ({"sparsity": 0.9, "distribution": "erdos_renyi"}, (39, 10, 8)),
        ({"sparsity": 0.9, "distribution": "erdos_renyi_kernel"}, (15, 23, 19)),
        ({"n_of_m": (2, 4)}, (180, 120, 50)),
    ],
)
def test_what_is_left_of_every_layer_is_exactly_what_was_asked_for(options, expected):
    model, kept = stepped(**options)
    assert tuple(left(model).values()) == expected
    assert gates_of(model).allowed_in_the_end == sum(left(model).values()) - 370 * ("protect" in options)


def test_the_largest_of_every_layer_are_left():
    plain = network()
    model, _ = stepped(sparsity=0.9, distribution="uniform")
    for name in ("stem", "hidden", "classes"):
        before, after = (abs(m.get_layer(name).get_weights()[0]) for m in (plain, kp.strip(model)))
        assert before[after > 0].min() >= before[after == 0].max()


def test_the_number_follows_the_formula_from_begin_to_ramp():
    _, kept = stepped(20, 20, sparsity=0.8, begin=4, ramp=13, settle=16, start=0.9)
    share = [1.0] * 4 + [1 - (0.8 + (0.1 - 0.8) * (1 - step / 8) ** 3) for step in range(9)] + [0.2] * 7
    assert kept == [round(570 * each) for each in share]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"schedule": "constant", "begin": 3}, [570] * 3 + [57] * 7),
        (
            {"schedule": "polynomial", "exponent": 1, "ramp": 1.0, "settle": 1.0},
            [570 - 57 * step for step in range(10)],
        ),
        ({"schedule": "stepwise", "stairs": 3, "ramp": 1.0, "settle": 1.0}, [570] + [399] * 3 + [228] * 3 + [57] * 3),
        ({"every": 4, "schedule": "linear", "ramp": 0.9, "settle": 0.9}, [570] * 4 + [314] * 4 + [57] * 2),
    ],
)
def test_schedules_by_name(options, expected):
    assert stepped(sparsity=0.9, **options)[1] == expected


def test_a_schedule_in_steps_needs_no_length():
    model = kp.sparsify(network(), 0.5, "magnitude", begin=2, ramp=4, settle=6, every=1)
    assert gates_of(model).is_told
    assert float(read(gates_of(model).total)) == 6


@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("block", [(1, 4), (4, 1), (16, 1), (3, 2)])
def test_blocks_live_or_die_together_and_those_of_largest_magnitude_live(block, pooling):
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(2, 7, 9)).astype("float32")
    blocks, (high, wide) = Blocks(kernel.shape, block), block
    corners = [(w, r, c) for w in range(2) for r in range(0, 7, min(high, 7)) for c in range(0, 9, wide)]
    parts = [abs(kernel[w, r : r + high, c : c + wide]) for w, r, c in corners]
    assert blocks.sizes.tolist() == [part.size for part in parts]
    pooled = keras.ops.convert_to_numpy(blocks.pooled(keras.ops.convert_to_tensor(abs(kernel).ravel()), pooling))
    np.testing.assert_allclose(pooled, [getattr(part, pooling)() for part in parts], rtol=1e-6)
    spread = keras.ops.convert_to_numpy(blocks.spread(keras.ops.arange(len(parts)))).reshape(kernel.shape)
    for number, (w, r, c) in enumerate(corners):
        assert (spread[w, r : r + high, c : c + wide] == number).all()


def test_a_number_in_blocks_is_met_to_one_block():
    model, _ = stepped(sparsity=0.75, block=(1, 4), distribution="uniform")
    assert left(model) == {"stem": 66, "hidden": 48, "classes": 24}  # of 67.5, 50 and 25
    kernel = kp.strip(model).get_layer("hidden").get_weights()[0].reshape(10, 5, 4)
    assert set(np.count_nonzero(kernel, axis=2).ravel()) == {0, 4}


def test_two_of_every_four_inputs_are_left():
    values = np.random.default_rng(0).random((3, 10, 2)).astype("float32")
    flat = keras.ops.convert_to_tensor(values.ravel())
    best = keras.ops.convert_to_numpy(best_of_every(flat, values.shape, 4, keras.ops.convert_to_tensor(2)))
    best = best.reshape(values.shape)
    for start in (0, 4, 8):
        part, chosen = values[:, start : start + 4], best[:, start : start + 4]
        assert (chosen.sum(axis=1) == 2).all()
        assert (part.min(axis=1, where=chosen > 0, initial=9) >= part.max(axis=1, where=chosen == 0, initial=0)).all()


@pytest.mark.parametrize("regrow", [True, False])
def test_closed_weights_come_back_until_the_numbers_settle(regrow):
    model = kp.sparsify(dense_model(6, 3), weights=5, method="magnitude", steps=8, every=1, ramp=0.25, regrow=regrow)
    gates, (first, second) = gates_of(model), model.get_layer("sparse_weights").kernels

    def step() -> np.ndarray:
        model(np.zeros((1, 4), "float32"), training=True)
        return read(gates.kept())

    for _ in range(3):
        before = step()
    first.assign(keras.ops.where(keras.ops.reshape(before[:24], (4, 6)) > 0, 0.0, 5.0))
    second.assign(second * 0.0)
    assert np.array_equal(step(), before) != regrow
    for _ in range(3):
        settled = step()
    first.assign(first * 0.0)
    second.assign(second + 5.0)
    assert np.array_equal(step(), settled)


def test_a_wrapped_layer_keeps_name_activation_and_regularizer():
    model, _ = stepped(sparsity=0.5)
    stem = kp.strip(model).get_layer("stem")
    assert (stem.name, stem.activation.__name__, type(stem.kernel_regularizer).__name__) == ("stem", "relu", "L2")
    assert len(model.losses) == 1


def test_shares_of_kernels_add_up_and_stay_between_one_and_all():
    rng = np.random.default_rng(0)
    for _ in range(50):
        sizes = rng.integers(1, 50, rng.integers(1, 6))
        relative = rng.random(len(sizes)) * 5 + 0.01
        total = int(rng.integers(len(sizes), sizes.sum() + 1))
        found = counts(relative, sizes, total)
        assert found.sum() == total and (found >= 1).all() and (found <= sizes).all()
    shapes = [(3, 3, 8, 16), (16, 10)]
    np.testing.assert_allclose(erdos_renyi(shapes), [24 / 128, 26 / 160])
    np.testing.assert_allclose(erdos_renyi_kernel(shapes), [30 / 1152, 26 / 160])


@pytest.mark.slow
def test_a_run_that_goes_on_from_a_file_ends_like_an_undisturbed_one(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 8, 8, 3)).astype("float32"), rng.normal(size=(32, 5)).astype("float32")

    def fitted(model, epochs: int):
        model.fit(x, y, batch_size=8, epochs=epochs, verbose=0, shuffle=False)
        return model

    def fresh():
        options = {"distribution": "erdos_renyi_kernel", "rates": {"classes": 0.5}, "protect": ["stem"], "every": 3}
        model = kp.sparsify(network(), 0.8, "magnitude", steps=16, **options)
        model.compile(keras.optimizers.Adam(0.01), "mse")
        return model

    fitted(fresh(), 2).save(tmp_path / "half.keras")
    resumed = fitted(keras.saving.load_model(tmp_path / "half.keras", safe_mode=True), 2)
    for one, other in zip(fitted(fresh(), 4).get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert left(resumed)["classes"] == 50 and left(resumed)["hidden"] == 40

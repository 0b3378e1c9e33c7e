"""Models of a user's class, which train in a way of their own."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.graph import in_class_of, unroll

HALF = kp.Budget(params=0.6)


@keras.saving.register_keras_serializable(package="tests")
class Doubled(keras.Model):
    """Its loss is a multiple of the usual one."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.factor = 2.0

    def compute_loss(self, *args, **kwargs):
        return self.factor * super().compute_loss(*args, **kwargs)


class Weighted(keras.Model):
    """Has a further argument."""

    def __init__(self, inputs, outputs, factor, **kwargs):
        super().__init__(inputs, outputs, **kwargs)
        self.factor = factor

    def compute_loss(self, *args, **kwargs):
        return self.factor * super().compute_loss(*args, **kwargs)


class Tuned(keras.Model):
    """Has a `compile` of its own."""

    def compile(self, temperature, **kwargs):
        super().compile(**kwargs)
        self.temperature = temperature


class Narrow(keras.Model):
    """Cannot be made with inputs and outputs."""

    def __init__(self, units):
        inputs = keras.Input((8,))
        super().__init__(inputs, layers.Dense(1)(layers.Dense(units)(inputs)))

    def train_step(self, *args):
        return super().train_step(*args)


class Critic(keras.Model):
    """Holds weights that its calls do not read."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.critic = layers.Dense(1, name="critic")
        self.critic.build((None, 1))

    def train_step(self, *args):
        return super().train_step(*args)


class Chain(keras.Sequential):
    """A Sequential with a training step of its own."""

    def train_step(self, *args):
        return super().train_step(*args)


def functional(kind: type, **arguments) -> keras.Model:
    """A model with a hidden layer of 16 neurons."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,), name="x")
    return kind(inputs=inputs, outputs=layers.Dense(1, name="y")(layers.Dense(16, name="h")(inputs)), **arguments)


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
    return x, x[:, :1]


def small_of(model: keras.Model) -> keras.Model:
    graph = kp.trace(model)
    return kp.slim(model, graph, kp.select(graph, kp.score(model, graph), HALF))


WAYS = {
    "slim": small_of,
    "gate": lambda model: kp.gate(model, budget=HALF),
    "sparsify": lambda model: kp.sparsify(model, 0.5, "magnitude"),
    "mask": lambda model: kp.mask(model, kp.trace(model).keep_all()),
    "strip": lambda model: kp.strip(kp.sparsify(model, 0.5, "magnitude", steps=4)),
    "slim of gated": lambda model: kp.slim(kp.gate(model, budget=HALF)),
    "compress": lambda model: kp.compress(model, HALF, data=data(), train=lambda small: None, loss="mse").model,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_class_that_takes_inputs_and_outputs_stays(way):
    model = functional(Doubled, name="mine")
    model.factor = 3.0
    model.compile("sgd", "mse")
    new = WAYS[way](model)
    assert isinstance(new, Doubled)
    assert new.name == "mine"
    x, y = data()
    new = new if new.compiled else WAYS[way](model)
    if not new.compiled:
        new.compile("sgd", "mse")
    expected = 3 * float(np.mean((new.predict(x, verbose=0) - y) ** 2))
    assert new.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("way", WAYS)
def test_further_arguments_are_what_the_model_holds(way):
    assert WAYS[way](functional(Weighted, factor=5.0)).factor == 5.0


@pytest.mark.parametrize("way", WAYS)
def test_a_compile_of_its_own_is_left_to_its_owner(way):
    model = functional(Tuned)
    model.compile(0.5, optimizer="sgd", loss="mse")
    new = WAYS[way](model)
    assert isinstance(new, Tuned)
    assert new.temperature == 0.5
    new.compile(0.25, optimizer="sgd", loss="mse")
    new.fit(*data(), verbose=0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("make", "why"), [(lambda: Narrow(16), "cannot be made"), (lambda: functional(Critic), r"\(critic/kernel")]
)
def test_what_is_lost_is_said(way, make, why):
    with pytest.warns(UserWarning, match=f"{why}.*`train_step` is lost"):
        assert not isinstance(WAYS[way](make()), (Narrow, Critic))


def test_a_sequential_stays_where_nothing_is_built_in():
    model = Chain([keras.Input((8,)), layers.Dense(16), layers.Dense(1)])
    assert type(small_of(model)) is Chain
    with pytest.warns(UserWarning, match="Sequential.*`train_step` is lost"):
        kp.gate(model, budget=HALF)


def test_a_subclassed_model_loses_its_training_with_its_call():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

        def train_step(self, *args):
            return super().train_step(*args)

    model = Own()
    model(np.ones((1, 3)))
    with pytest.warns(UserWarning, match="its `call` is its own.*`train_step` is lost"):
        unroll(model)


@pytest.mark.backend
@pytest.mark.parametrize("way", ["gate", "sparsify"])
def test_a_gated_model_of_the_class_is_saved_and_loaded(way, tmp_path):
    model = functional(Doubled)
    model.compile("sgd", "mse")
    new = WAYS[way](model)
    new.compile("sgd", "mse")
    new.fit(*data(), epochs=2, verbose=0)
    new.save(tmp_path / "new.keras")
    loaded = keras.saving.load_model(tmp_path / "new.keras", safe_mode=True)
    assert isinstance(loaded, Doubled) and isinstance(loaded, kp.gates.GatedModel) is (way == "gate")
    x, y = data()
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(new.evaluate(x, y, verbose=0), rel=1e-5)
    assert type(kp.slim(loaded)) is Doubled


def test_a_class_that_nobody_knows_is_asked_for(tmp_path):
    class Unknown(Doubled):
        pass

    kp.gate(functional(Unknown), budget=HALF).save(tmp_path / "gated.keras")
    with pytest.raises(Exception, match="trains as a Unknown, which is not known here"):
        keras.saving.load_model(tmp_path / "gated.keras")
    loaded = keras.saving.load_model(tmp_path / "gated.keras", custom_objects={"Unknown": Unknown})
    assert isinstance(loaded, Unknown)


def test_a_model_of_keras_is_returned_as_it_is():
    model = functional(keras.Model)
    assert in_class_of(model, functional(keras.Model)) is model

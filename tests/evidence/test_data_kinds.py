"""The same scores, whatever the data is held in; and a sentence about what cannot be data."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import DataError

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
NAMES = "abc"


def one_input() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(6, "relu"), layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    return model


def one_for_each_column() -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = [keras.Input((1,), name=name) for name in NAMES]
    hidden = layers.Dense(6, "relu")(layers.Concatenate()(inputs))
    model = keras.Model(inputs, layers.Dense(1, "sigmoid")(hidden))
    model.compile("sgd", "binary_crossentropy")
    return model


class Column:
    """What a Series of pandas looks like from outside."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __len__(self):
        return len(self.values)

    def to_numpy(self):
        return self.values


def frame():
    """A DataFrame whose rows are numbered in another order."""
    return pytest.importorskip("pandas").DataFrame(X, columns=list(NAMES), index=np.arange(20)[::-1])


def series(**options):
    return pytest.importorskip("pandas").Series(Y, index=np.arange(20)[::-1], **options)


def loader():
    torch = pytest.importorskip("torch")
    return torch.utils.data.DataLoader(list(zip(X, Y, strict=True)), batch_size=7)


KINDS = {
    "frame and series": (one_input, lambda: (frame(), series())),
    "frame of nullable numbers": (one_input, lambda: (frame().astype("Float64"), series(dtype="Int64"))),
    "frame of objects": (one_input, lambda: (frame().astype(object), series())),
    "frame among labels": (one_input, lambda: (X, series().to_frame())),
    "columns by name": (one_for_each_column, lambda: ({n: Column(c) for n, c in zip(NAMES, X.T, strict=True)}, Y)),
    "columns in order": (one_for_each_column, lambda: ([Column(column) for column in X.T], Column(Y))),
    "series by name": (one_for_each_column, lambda: (dict(frame()), series())),
    "DataLoader": (one_input, loader),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_scores_from_any_kind_of_data(kind):
    make, data = KINDS[kind]
    model = make()
    graph = kp.trace(model)
    arrays = [*X.T[..., None]] if len(model.inputs) > 1 else X
    found = [kp.score(model, graph, "taylor", data=each, batch_size=7) for each in (data(), (arrays, Y))]
    np.testing.assert_allclose(*found, rtol=1e-4)


@pytest.mark.parametrize("criterion", ["oracle", "quadratic", "reconstruction"])
def test_columns_without_an_axis_of_their_own_do_for_every_way_to_run_a_model(criterion):
    model = one_for_each_column()
    graph = kp.trace(model)
    found = [kp.score(model, graph, criterion, data=(list(x), Y)) for x in (X.T, X.T[..., None])]
    np.testing.assert_allclose(*found, rtol=1e-5)


WORDS = np.array(["no", "yes"])[Y]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: (X, WORDS), "must be numbers. Received .*'no', 'yes'. Number the classes"),
        (lambda: (X, series().map({0: "no", 1: "yes"})), "must be numbers"),
        (lambda: (X, series().astype("category").cat.rename_categories(["no", "yes"])), "must be numbers"),
        (lambda: (X, np.where(Y > 0, np.nan, 0.0)), "labels .* are not finite"),
        (lambda: (np.where(X > 1, np.nan, X), Y), "holds NaN or infinity"),
        (lambda: (frame().assign(a="word"), Y), "Received 'word' .*get_dummies"),
        (lambda: (frame().astype("Float64").mask(X > 1), Y), "missing values|holds NaN"),
    ],
)
def test_what_cannot_be_data_is_said_by_everything_that_takes_it(data, message):
    model = one_input()
    for use in (
        lambda given: kp.score(model, kp.trace(model), "taylor", data=given),
        lambda given: kp.compress(model, kp.Budget(params=0.7), data=given),
        lambda given: kp.finetune(model, given),
    ):
        with pytest.raises(DataError, match=message):
            use(data())

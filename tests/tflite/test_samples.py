"""Samples come from any kind of data, at random but repeatably."""

import keras
import numpy as np
import pytest

from kerasprune.core.errors import DataError
from kerasprune.tflite.samples import draw_samples
from tests.tflite.small_models import cnn, normal, two_by_two

X = normal(50, 16, 16, 3)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        return X[index * 10 : index * 10 + 10], np.zeros(10)


def _dataset():
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, np.zeros(50))).batch(7)


KINDS = {
    "array": lambda: X,
    "pair": lambda: (X, np.zeros(50)),
    "dict": lambda: {"image": X},
    "tf.data": _dataset,
    "PyDataset": Batches,
    "generator": lambda: (X[i : i + 8] for i in range(0, 50, 8)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_gives_samples_of_it(kind):
    (drawn,) = draw_samples(cnn(), KINDS[kind](), 20, seed=0).x
    assert drawn.shape == (20, 16, 16, 3)
    assert all(any(np.array_equal(sample, x) for x in X) for sample in drawn)


def test_arrays_are_drawn_from_the_whole():
    (drawn,) = draw_samples(cnn(), np.arange(50.0)[:, None, None, None] * np.ones((16, 16, 3)), 10, seed=0).x
    indices = drawn[:, 0, 0, 0]
    assert indices.max() > 25 and (np.diff(indices) > 0).all()


def test_the_seed_decides():
    first, again, other = (draw_samples(cnn(), X, 10, seed).x[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_samples_of_several_inputs_stay_together():
    pixels = np.arange(30.0)[:, None, None, None] * np.ones((8, 8, 3))
    extra = np.arange(30.0)[:, None] * np.ones(4)
    a, b = draw_samples(two_by_two(), {"extra": extra, "pixels": pixels}, 10, seed=0).x
    np.testing.assert_array_equal(a[:, 0, 0, 0], b[:, 0])


def test_a_list_of_inputs_comes_with_or_without_labels():
    pixels, extra = normal(30, 8, 8, 3), normal(30, 4)
    for data in (([pixels, extra], np.zeros(30)), {"pixels": pixels, "extra": extra}):
        a, b = draw_samples(two_by_two(), data, 10, seed=0).x
        assert (a.shape, b.shape) == ((10, 8, 8, 3), (10, 4))


def test_the_wrong_number_of_inputs_is_told():
    with pytest.raises(DataError, match=r"2 inputs \(pixels, extra\). Received: 1 arrays"):
        draw_samples(two_by_two(), normal(4, 8, 8, 3), 4, seed=0)

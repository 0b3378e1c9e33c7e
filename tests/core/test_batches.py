"""Every kind of data that users bring becomes the same batches."""

import numpy as np
import pytest

from kerasprune.core import Batch, DataError, as_arrays, batches

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10)


class Lengthy:
    """What a keras.utils.PyDataset looks like from outside."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return X[3 * index : 3 * index + 3], Y[3 * index : 3 * index + 3]

    def on_epoch_end(self):
        """Nothing to do."""


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        Lengthy(),
        [(X[:4], Y[:4]), (X[4:], Y[4:])],
        [[X[:4], Y[:4]], [X[4:], Y[4:]]],
        ((X[i : i + 5], Y[i : i + 5]) for i in (0, 5)),
    ],
    ids=["arrays", "py dataset", "list of tuples", "list of lists", "generator"],
)
def test_all_kinds_yield_all_samples_in_order(data):
    whole = as_arrays(data)
    assert np.array_equal(whole.x, X)
    assert np.array_equal(whole.y, Y)
    assert whole.sample_weight is None


def test_arrays_are_cut_into_batches():
    sizes = [batch.size for batch in batches((X, Y), 4)]
    assert sizes == [4, 4, 2]


def test_inputs_may_be_a_dict_or_come_without_labels():
    batch = next(batches({"a": X, "b": Y}, 3))
    assert set(batch.x) == {"a", "b"}
    assert batch.y is None
    assert next(batches(X, 3)).x.shape == (3, 2)
    assert [leaf.shape for leaf in next(batches((X, Y), 3, x_only=True)).x] == [(3, 2), (3,)]


def test_a_limit_cuts_the_last_batch():
    assert [batch.size for batch in batches((X, Y), 4, limit=6)] == [4, 2]


def test_sample_weights_pass():
    assert next(batches((X, Y, Y / 10), 4)).sample_weight.shape == (4,)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "no data"),
        ([], "empty"),
        (X[:0], "empty"),
        ((X, Y[:3]), r"lengths: \[3, 10\]"),
        (7, "Received: int"),
    ],
)
def test_what_is_no_data_is_refused_in_one_sentence(data, message):
    with pytest.raises(DataError, match=message):
        list(batches(data))


def test_a_batch_passes_as_it_is():
    batch = Batch(X, Y)
    assert next(batches([batch])).size == 10

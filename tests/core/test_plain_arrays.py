"""Whatever holds numbers or words becomes arrays, or is refused in a sentence that says what to do."""

import numpy as np
import pytest

from kerasprune.core import DataError, batches, length, rereadable
from kerasprune.core.batches import MOST_SAMPLES
from kerasprune.core.plain_arrays import plain_arrays


class Frame:
    """What a DataFrame of pandas looks like from outside."""

    def __init__(self, values):
        self.values = np.array(values, object)
        self.shape = self.values.shape

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __iter__(self):
        return iter("ab")

    def __len__(self):
        return len(self.values)

    def to_numpy(self):
        return self.values


class NAType:
    """What pandas has for a missing value."""


class Sparse:
    """What a matrix of scipy looks like from outside."""

    nnz, shape = 2, (3, 4)


def test_lists_and_frames_are_arrays():
    (batch,) = batches(([[1.0, 2.0], [3.0, 4.0]], [0, 1]))
    assert batch.x.shape == (2, 2) and batch.y.shape == (2,)
    (batch,) = batches((Frame([[1, 2.5], [3, True]]), Frame([0, 1])))
    assert batch.x.dtype == "float32" and batch.x.tolist() == [[1, 2.5], [3, 1]]
    assert length(Frame([[1], [2], [3]])) == 3


def test_numbers_of_torch_that_numpy_does_not_have():
    torch = pytest.importorskip("torch")
    found = plain_arrays(torch.ones(2, dtype=torch.bfloat16, requires_grad=True))
    assert found.dtype == "float32" and found.tolist() == [1, 1]


def test_none_stays_in_a_structure_and_words_stay_words():
    found = plain_arrays([np.ones(2), None, {"a": ["x", "y"]}])
    assert found[1] is None and found[2]["a"].dtype.kind == "U"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Sparse(), r"dense arrays.*Sparse.*x\.toarray\(\)"),
        (([[1, 2], [3]], [0, 1]), "a list that does not"),
        (Frame([[1, "a"]]), "Received 'a' .*Encode what is no number"),
        (Frame([[1, NAType()]]), "missing values.*fillna"),
        ([(np.ones(3), 1.0)], r"needs `\.batch\(32\)`"),
        ([(np.ones((2, 3)), np.ones(3))], r"lengths: \[2, 3\]"),
        ("words", "Received: str"),
        ([object()], "A batch must be arrays"),
    ],
)
def test_what_is_no_dense_array_is_refused_with_advice(data, message):
    with pytest.raises(DataError, match=message):
        list(batches(data))


def endless():
    while True:
        yield np.ones((MOST_SAMPLES // 4, 1), "float32"), np.ones(MOST_SAMPLES // 4)


def test_a_generator_is_held_and_one_without_an_end_asks_for_a_limit():
    held = rereadable(np.ones((2, 1)) for _ in range(3))
    assert [batch.size for batch in batches(held)] == [2, 2, 2] == [batch.size for batch in batches(held)]
    assert sum(batch.size for batch in rereadable(endless(), limit=10)) == 10
    with pytest.raises(DataError, match="no end after 262144 samples. Pass `limit`"):
        rereadable(endless())


@pytest.mark.parametrize("limit", [0, -1, 2.5, True, "3"])
def test_a_limit_is_a_number_of_samples(limit):
    with pytest.raises(DataError, match="`limit` must be a number of samples"):
        list(batches(np.ones((3, 1)), limit=limit))

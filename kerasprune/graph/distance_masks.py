"""Constants of two trial sizes whose entries follow from the distance of row and column, as those of causal masks."""

import keras
import numpy as np

_ENDS = 4  # how many values must be the same at each end of a mask by distance


class OpenSizeError(Exception):
    """What two trials have in common says nothing about other sizes; the text says why."""


def band(value) -> dict | None:
    """What `AtSizes` makes a matrix from whose entries follow from the row less the column; None for any other."""
    array = keras.ops.convert_to_numpy(value)
    rows, columns = array.shape[-2:] if array.ndim >= 2 else (0, 0)
    if min(rows, columns) < 2 * _ENDS:
        return None
    matrices = array.reshape(-1, rows, columns)
    matrix = matrices[0]
    if (matrices != matrix).any() or not np.array_equal(matrix[1:, 1:], matrix[:-1, :-1]):
        return None
    values = np.concatenate([matrix[0, ::-1], matrix[1:, 0]])  # for the distances 1 - columns, ..., rows - 1
    settings = {"values": values, "first": 1 - columns, "rows": rows, "columns": columns}
    return {**settings, "lead": array.ndim - 2, "dtype": keras.backend.standardize_dtype(array.dtype)}


def common_band(one: dict, other: dict) -> dict:
    """The settings of the first, with the values that both have and that stay the same at both ends."""
    small, large = sorted((one, other), key=lambda each: len(each["values"]))
    start = small["first"] - large["first"]
    inside = large["values"][start : start + len(small["values"])]
    ends = [large["values"][: start + _ENDS], large["values"][start + len(inside) - _ENDS :]]
    if start < 0 or not np.array_equal(inside, small["values"]) or any((end != end[0]).any() for end in ends):
        raise OpenSizeError("a constant that depends on the size is no mask by distance")
    return {**one, "values": small["values"].tolist(), "first": small["first"]}

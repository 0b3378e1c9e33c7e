"""Whatever holds numbers or words, as a structure of numpy arrays."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kerasprune.core.errors import DataError

_MAKES_DENSE = {"dense_shape": "tf.sparse.to_dense(x)", "row_splits": "x.to_tensor()", "nnz": "x.toarray()"}
SCALARS = (bool, int, float, str, bytes, np.generic)


def plain_arrays(structure: Any) -> Any:
    """The same structure of lists, tuples and dicts, with a numpy array for every leaf; None stays None.

    A leaf is an array of any library, a tensor, a DataFrame or Series of pandas, or nested lists of numbers or words.

    Raises:
        DataError: A leaf is sparse, ragged, or neither numbers nor words.
    """
    if structure is None or is_leaf(structure):
        return None if structure is None else _array(structure)
    return mapped(plain_arrays, structure)


def is_leaf(value: Any) -> bool:
    """Whether `value` stands for one array."""
    if isinstance(value, (list, tuple)):
        return _of_scalars(value)
    return is_array(value) or isinstance(value, SCALARS) or _dense_form(value) is not None


def is_array(value: Any) -> bool:
    """Whether `value` is an array of some library."""
    return hasattr(value, "shape") and (hasattr(value, "__array__") or _dense_form(value) is not None)


def is_structure(value: Any) -> bool:
    """Whether `value` is made of lists, tuples, dicts, Nones and at least one leaf."""
    if isinstance(value, Mapping):
        return bool(value) and all(is_structure(part) for part in value.values())
    if isinstance(value, (list, tuple)) and not is_leaf(value):
        return bool(value) and all(part is None or is_structure(part) for part in value)
    return is_leaf(value)


def mapped(function: Callable, structure: Any) -> Any:
    """`function` of every part of a structure, or of the leaf that it is; None stays None."""
    if structure is None:
        return None
    if isinstance(structure, Mapping):
        return {key: mapped_part(function, value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        parts = [mapped_part(function, value) for value in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return function(structure)


def mapped_part(function: Callable, part: Any) -> Any:
    """`function` of one part, which may hold others."""
    return None if part is None else function(part)


def _of_scalars(values: list | tuple) -> bool:
    """Whether nested lists hold numbers or words and no arrays; told by the first of each."""
    while isinstance(values, (list, tuple)) and values:
        values = values[0]
    return isinstance(values, SCALARS)


def _dense_form(value: Any) -> str | None:
    """How one makes a sparse or ragged tensor dense; None where it is no such tensor."""
    if getattr(value, "is_sparse", False) is True:
        return "x.to_dense()"
    if hasattr(value, "todense") and not hasattr(value, "nnz"):
        return "x.todense()"
    return next((call for name, call in _MAKES_DENSE.items() if hasattr(value, name)), None)


def _array(leaf: Any) -> np.ndarray:
    dense = _dense_form(leaf)
    if dense is not None:
        raise DataError(
            f"Data must be dense arrays of one shape. Received a {type(leaf).__name__}. Make it dense first, a part at "
            f"a time if it is large: {dense}."
        )
    if hasattr(leaf, "detach"):  # a tensor of torch
        leaf = leaf.detach().cpu()
        leaf = leaf.float() if "bfloat16" in str(leaf.dtype) else leaf  # which numpy does not have
    try:
        array = leaf.to_numpy() if hasattr(leaf, "to_numpy") else np.asarray(leaf)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"Data must be arrays, or lists that make one. Received a {type(leaf).__name__} that does not: {error}."
        ) from error
    return _typed(array) if array.dtype == object else array


def _typed(array: np.ndarray) -> np.ndarray:
    """An array of Python objects as numbers, or as it is where they are words."""
    if all(isinstance(value, (str, bytes)) for value in array.flat):
        return array
    if any(type(value).__name__ == "NAType" for value in array.flat):  # what pandas has for a value that is missing
        raise DataError("The data holds missing values. Leave these samples out, or fill them in: frame.fillna(0).")
    try:
        return array.astype("float32")
    except (ValueError, TypeError) as error:
        found = next(value for value in array.flat if not isinstance(value, (bool, int, float, np.number)))
        raise DataError(
            f"Data must be numbers, or words for inputs that take such. Received {found!r} ({type(found).__name__}) in "
            f"an array of shape {array.shape}. Encode what is no number, for example with pandas.get_dummies(frame)."
        ) from error

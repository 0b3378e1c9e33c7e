"""`--data package.module:function`: data from Python code of the user."""

import contextlib
import importlib
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kerasprune_cli.errors import BadInput
from kerasprune_cli.lazy import core

_EXPECTED = "arrays, (x, y), (x, y, sample_weight), a dict of arrays, or batches of these"


def read_function(source: str, input_names: list[str]) -> dict[str, Any]:
    """What `package.module:function` returns, with the keys of an .npz file.

    Args:
        source: A module, as seen from the working folder, and the name of a function that needs no arguments.
        input_names: Of the model.

    Raises:
        BadInput: The function cannot be imported, fails, or returns no data.
    """
    module_name, _, function_name = source.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    with _of_the_user(f"The data function {source!r} cannot be imported"):
        function = getattr(importlib.import_module(module_name), function_name)
    if not callable(function):
        raise BadInput(f"{source!r} is not a function but a {type(function).__name__}; name one that returns data.")
    _require_no_arguments(function, source)
    with _of_the_user(f"The data function {source!r} failed"):
        result = function()
    if _is_endless(result):
        raise BadInput(f"{source!r} returns a dataset without end; return a part of it, as in dataset.take(100).")
    with _of_the_user(f"The data function {source!r} returned a {type(result).__name__} that is no data", _EXPECTED):
        return _named(result)


@contextlib.contextmanager
def _of_the_user(failed: str, expected: str | None = None) -> Iterator[None]:
    """Turn whatever code of the user raises into one sentence, an attempt to end the process too."""
    try:
        yield
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": .")[:300]
        end = "" if expected is None else f" Expected: {expected}."
        raise BadInput(f"{failed}: {reason}.{end}") from error


def _require_no_arguments(function, source: str) -> None:
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise BadInput(
            f"The data function {source!r} is called without arguments, and it needs some: {error}."
        ) from error
    except ValueError:  # no signature to be had, as of some built-in functions
        pass


def _is_endless(result: Any) -> bool:
    """Whether this is a `tf.data.Dataset` that says that it has no end."""
    return hasattr(result, "cardinality") and int(result.cardinality()) == -1


def _named(result: Any) -> dict[str, Any]:
    if isinstance(result, Mapping):
        return {key: np.asarray(value) for key, value in result.items()}
    batch = core.as_arrays(result)
    named = dict(batch.x) if isinstance(batch.x, Mapping) else {"x": batch.x}
    named |= {} if batch.y is None else {"y": batch.y}
    return named | ({} if batch.sample_weight is None else {"sample_weight": batch.sample_weight})

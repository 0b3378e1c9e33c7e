"""A progress bar for what takes long."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras


def tracked(items: Iterable, description: str, total: int | None, shown: bool) -> Iterator:
    """Pass the items on, with a progress bar on the console if it shall be shown.

    Args:
        items: What is worked on.
        description: What is being done, in a word or two.
        total: Number of items; None if it is not known.
        shown: Whether to show the bar.
    """
    if not shown:
        return iter(items)
    from rich.console import Console  # noqa: PLC0415  (only who wants a bar pays for it)
    from rich.progress import track  # noqa: PLC0415

    return iter(track(items, description, total=total, transient=True, console=Console(stderr=True)))


def batch_count(data: Any, batch_size: int, limit: int | None) -> int | None:
    """How many batches the data holds, as far as can be told without reading it."""
    if hasattr(data, "shape") or isinstance(data, (tuple, Mapping)):
        samples = len(keras.tree.flatten(data)[0])
        return math.ceil(min(samples, samples if limit is None else limit) / batch_size)
    try:
        return len(data)
    except TypeError:  # no length, or an infinite tf.data.Dataset
        return None

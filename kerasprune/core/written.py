"""Objects as a file can hold them: names, numbers, lists and mappings."""

import dataclasses
import numbers
import os
from collections.abc import Collection, Mapping
from typing import Any

OBJECT = "object"  # the key of what no file can hold, beside the name of it


def written(value: Any, registry: Mapping[str, Any] | None = None) -> Any:
    """A value as JSON and YAML hold it.

    Args:
        value: A number, a word, a collection of these, or an object of a class that is in the registry.
        registry: Name to class: what `value` is chosen from, if it is a variant.

    Returns:
        Of a variant its name, or with options that are not the defaults `{"name": ..., option: value, ...}`; of what no
        file can hold `{"object": ...}`, with its name in Python.

    Example:

    >>> written((1, "two")), written(print)
    ([1, 'two'], {'object': 'builtins.print'})
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    for name, variant in (registry or {}).items():
        if isinstance(variant, type) and type(value) is variant and dataclasses.is_dataclass(variant):
            options = changed(value)
            return {"name": name, **options} if options else name
    return _plain(value)


def changed(options: Any) -> dict[str, Any]:
    """The fields of an object of a dataclass that are not the defaults, as a file can hold them."""
    found = {field.name: (getattr(options, field.name), field) for field in dataclasses.fields(options) if field.init}
    return {name: written(value) for name, (value, field) in found.items() if not _is_default(value, field)}


def _is_default(value: Any, field: dataclasses.Field) -> bool:
    default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    return type(value) is type(default) and bool(value == default)


def _plain(value: Any) -> Any:
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): written(part) for key, part in value.items()}
    if isinstance(value, Collection) and not hasattr(value, "shape"):
        return [written(part) for part in value]
    named = value if hasattr(value, "__qualname__") else type(value)
    return {OBJECT: f"{named.__module__}.{named.__qualname__}"}

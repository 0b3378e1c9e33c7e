"""Every table of variants that there is, and tests that may add to them without leaving a trace."""

import contextlib
import importlib
import pkgutil
from collections.abc import Iterator

import kerasprune
from kerasprune.core import Registry

MODULES = [module.name for module in pkgutil.walk_packages(kerasprune.__path__, "kerasprune.")]


def registries() -> dict[str, Registry]:
    """The registries of the library by the name of what they hold."""
    found = [value for name in MODULES for value in vars(importlib.import_module(name)).values()]
    return {value.kind: value for value in found if isinstance(value, Registry)}


@contextlib.contextmanager
def restored_afterwards() -> Iterator[None]:
    """All tables as they were, whatever was registered in between."""
    from kerasprune.criteria.second_order.step import STEPS
    from kerasprune.graph import RULES

    tables = [*(registry._entries for registry in registries().values()), RULES, STEPS]
    before = [dict(table) for table in tables]
    try:
        yield
    finally:
        for table, entries in zip(tables, before, strict=True):
            table.clear()
            table.update(entries)

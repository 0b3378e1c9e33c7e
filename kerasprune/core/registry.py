"""A named collection of variants: one file and one decorator add one."""

import difflib
import importlib
import pkgutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from kerasprune.core.errors import OptionError


class Registry(Mapping):
    """Maps a name to what was registered under it, in alphabetical order.

    Args:
        kind: What the entries are, in the singular, for error messages ("criterion").

    Example:

    >>> criteria = Registry("criterion")
    >>> @criteria.register("zero")
    ... def zero(): return 0
    >>> criteria["zero"]()
    0
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._entries: dict[str, Any] = {}

    def register(self, name: str) -> Callable:
        """A decorator that files its object under `name`; a name can be taken once."""

        def decorate(entry):
            if name in self._entries:
                raise OptionError(
                    f"There is a {self.kind} named {name!r} already: {self._entries[name]!r}. Take another name."
                )
            self._entries[name] = entry
            return entry

        return decorate

    def names(self) -> list[str]:
        """What there is, in alphabetical order."""
        return list(self)

    def collect(self, package: str) -> None:
        """Import every module of a package, and make the classes that they register names of the package.

        Called at the end of a package's `__init__`, it makes a new variant a matter of one new file.
        """
        import_modules(package)
        room = sys.modules[package]
        classes = {entry.__name__: entry for entry in self.values() if isinstance(entry, type)}
        vars(room).update(classes)
        room.__all__ = sorted({*room.__all__, *classes}, key=lambda name: (not name.isupper(), name.islower(), name))

    def __getitem__(self, name: str) -> Any:
        if name in self._entries:
            return self._entries[name]
        raise OptionError(f"There is no {self.kind} named {name!r}. {known(name, self)}")

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


def known(name: object, names: Collection[str]) -> str:
    """The end of an error about a name that is not known: the name that is like it, and all that there are."""
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"{hint}Known: {', '.join(names) or 'none'}."


def import_modules(package: str) -> None:
    """Import every module of a package, so that the decorators in them run."""
    for module in pkgutil.iter_modules(sys.modules[package].__path__):
        if not module.ispkg:
            importlib.import_module(f"{package}.{module.name}")

"""A named collection of variants: one file and one decorator add one."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any


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
                raise ValueError(f"There is a {self.kind} named {name!r} already: {self._entries[name]!r}.")
            self._entries[name] = entry
            return entry

        return decorate

    def __getitem__(self, name: str) -> Any:
        if name in self._entries:
            return self._entries[name]
        near = difflib.get_close_matches(str(name), self._entries, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"There is no {self.kind} named {name!r}.{hint} Known: {', '.join(self)}.")

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

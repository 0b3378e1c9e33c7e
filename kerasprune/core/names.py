"""Names that no two parts of a model may share."""

import re
from collections.abc import Iterable


def name_of(path: str) -> str:
    """The name of one layer that says where it stands; torch has no weights with a dot in their names.

    >>> name_of("mobilenet_1.00/stem#0")
    'mobilenet_1_00_stem_0'
    """
    return re.sub(r"[/#.]", "_", path)


class Names:
    """Gives names that are not taken.

    Args:
        taken: Those that are.

    Example:

    >>> names = Names(["dense"])
    >>> names.unused("dense"), names.unused("dense"), names.unused("out")
    ('dense_1', 'dense_2', 'out')
    """

    def __init__(self, taken: Iterable[str] = ()):
        self.taken = set(taken)

    def unused(self, name: str) -> str:
        """The name, with a number behind it where it is taken; it is taken from then on."""
        free, number = name, 0
        while free in self.taken:
            number += 1
            free = f"{name}_{number}"
        self.taken.add(free)
        return free

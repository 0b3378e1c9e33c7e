"""Options that are given by name to something that is itself chosen by name."""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from kerasprune.core.errors import OptionError
from kerasprune.core.registry import known


def accepted(
    options: Mapping[str, Any], factory: Callable, what: str, taken: Collection[str] = ()
) -> Mapping[str, Any]:
    """The options, once it is sure that `factory` takes them all.

    Args:
        options: What a user gave, by name.
        factory: The class or function that they are for.
        what: What the user calls it, the subject of the error.
        taken: Arguments that the caller fills and no user may.

    Raises:
        OptionError: One is not known; the sentence names the option that is like it, and all that there are.

    Example:

    >>> accepted({"base": 3}, int, "The number")
    Traceback (most recent call last):
        ...
    kerasprune.core.errors.OptionError: The number has no option 'base'. Known: none.
    """
    names = [name for name in option_names(factory) if name not in taken]
    for name in options:
        if name not in names:
            raise OptionError(
                f"{what} has no option {name!r}. {known(name, names)} Received: {name}={options[name]!r}."
            )
    return options


def option_names(factory: Callable) -> list[str]:
    """The arguments that can be given by name; for a class also those that its bases get through `**kwargs`."""
    sources = [factory]
    if isinstance(factory, type):
        sources = [vars(base)["__init__"] for base in factory.__mro__[:-1] if "__init__" in vars(base)]
    names: dict[str, None] = {}
    for source in sources:
        parameters = inspect.signature(source).parameters.values()
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        names |= dict.fromkeys(each.name for each in parameters if each.kind in named and each.name != "self")
        if not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
            break
    return list(names)

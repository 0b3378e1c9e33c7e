"""What stands in a plan, held against the functions and classes that it is for: nothing is listed here by name."""

import dataclasses
import inspect
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any

from kerasprune.core import KeraspruneError, OptionError, accepted, option_names
from kerasprune.core.written import OBJECT
from kerasprune.plans.plan_source import Mistake, Place


class PlanCheck:
    """Reads values and gathers mistakes.

    Attributes:
        mistakes: What was found so far.
    """

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def wrong(self, place: Place, error: object) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(place, " ".join(str(error).split())))

    def mapping(self, value: Any, place: Place) -> Mapping[str, Any]:
        """A mapping; an empty one, and a mistake, where it is none."""
        if isinstance(value, Mapping):
            return value
        self.wrong(place, f"Here stand keys with values. Received: {value!r}.")
        return {}

    def variant(self, value: Any, registry: Mapping[str, Any], place: Place) -> Any:
        """An object of a registered class: a name, or a mapping of `name` and options; None after a mistake."""
        if isinstance(value, Mapping) and OBJECT in value:
            return self.wrong(place, f"No file can hold the object {value[OBJECT]}. Register its class under a name.")
        options = dict(value) if isinstance(value, Mapping) else {"name": value}
        name = options.pop("name", None)
        try:
            kind = registry[name]
        except OptionError as error:
            return self.wrong(place, error)
        return self.made(kind, options, f"{name!r}", place)

    def made(self, kind: Callable, options: Mapping[str, Any], what: str, place: Place) -> Any:
        """An object of a class with these options; None after a mistake."""
        before = len(self.mistakes)
        given = self.arguments(kind, options, what, place)
        if len(self.mistakes) > before:
            return None
        try:
            return kind(**given)
        except (KeraspruneError, TypeError, ValueError) as error:
            return self.wrong(place, error)

    def arguments(
        self, function: Callable, options: Mapping[str, Any], what: str, place: Place, taken: Collection[str] = ()
    ) -> dict[str, Any]:
        """The options of a function or class, of the types that it asks for.

        Args:
            function: What they are for.
            options: The options as they stand in the plan.
            what: How an error names it.
            place: Where the options stand.
            taken: Arguments that no plan gives.
        """
        hints = _hints(function)
        known = [name for name in option_names(function) if name not in taken]
        given = {}
        for name, value in options.items():
            try:
                if name not in known:
                    accepted({name: value}, function, what, taken)
                given[name] = _converted(name, value, hints.get(name, Any))
            except OptionError as error:
                self.wrong((*place, name), error)
        return given


def _hints(function: Callable) -> dict[str, Any]:
    """The types of the arguments of a function, or of those of a class."""
    if isinstance(function, type) and not dataclasses.is_dataclass(function):
        function = inspect.getattr_static(function, "__init__")
    return typing.get_type_hints(function)


def _converted(name: str, value: Any, hint: Any) -> Any:
    """A value of the type that is asked for; words and truth values are not taken for numbers.

    Raises:
        OptionError: It is of another type.
    """
    from pydantic import ConfigDict, TypeAdapter, ValidationError  # noqa: PLC0415  (only who reads plans pays for it)
    from pydantic.errors import PydanticUserError  # noqa: PLC0415

    if isinstance(value, Mapping) and OBJECT in value:
        raise OptionError(f"No file can hold the object {value[OBJECT]}. Give `{name}` in Python.")
    try:
        adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # a dataclass has a configuration of its own
        adapter = TypeAdapter(hint)
    try:
        found = adapter.validate_python(value)
    except ValidationError as error:
        told = error.errors()[0]["msg"].partition(", unable")[0]
        raise OptionError(f"{told.replace('Input', f'`{name}`', 1)}. Received: {name}={value!r}.") from error
    if isinstance(value, (str, bool)) and not isinstance(found, type(value)):
        kind = {int: "whole number", float: "number"}.get(type(found), type(found).__name__)
        raise OptionError(f"`{name}` must be a {kind}. Received: {name}={value!r}.")
    return found

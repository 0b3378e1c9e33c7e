"""The keys of a plan: how each is read, and what may stand there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kerasprune.core import KeraspruneError, option_names
from kerasprune.core.registry import known
from kerasprune.criteria import CRITERIA
from kerasprune.plans.plan_check import PlanCheck
from kerasprune.plans.plan_source import Place
from kerasprune.recipes import RECIPES, Recipe
from kerasprune.recoveries import RECOVERIES
from kerasprune.selection import Budget, select
from kerasprune.strategies import STRATEGIES, compress
from kerasprune.strategies.choice import AUTO
from kerasprune.tflite import benchmark, export
from kerasprune.training import Distill, finetune

# Arguments that no plan gives, because they are objects of Python.
_COMPRESSED = ("model", "data", "train", "progress", "selection", "budget")
_SELECTED = ("graph", "scores", "budget")
_FINETUNED = ("model", "data", "teacher", "distill", "keep", "validation", "callbacks", "progress")
_EXPORTED = ("model", "path", "data", "recipe")
_TIMED = ("path", "baseline")


@dataclass(frozen=True)
class Export:
    """A file that a plan makes of the smaller model.

    Attributes:
        file: Its name.
        recipe: How it is made.
        options: Of `kerasprune.export`.
        timing: Options of `kerasprune.benchmark`; None where the file is not timed.
    """

    file: str
    recipe: Recipe
    options: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, Any] | None = None


def read_key(check: PlanCheck, name: str, value: Any) -> Any:
    """The value of one key of a plan, as the function takes it that it is for; None after a mistake."""
    if name in READERS:
        return READERS[name](check, value, (name,))
    for function, taken in ((select, _SELECTED), (compress, _COMPRESSED)):
        if name in option_names(function) and name not in taken:
            return check.arguments(function, {name: value}, "A plan", (), taken).get(name)
    return check.wrong((name,), f"A plan has no key {name!r}. {known(name, keys())}")


def keys() -> list[str]:
    """All keys that a plan may have."""
    names = [*READERS, *(name for name in option_names(compress) if name not in _COMPRESSED)]
    return list(dict.fromkeys([*names, *(name for name in option_names(select) if name not in _SELECTED)]))


def _budget(check: PlanCheck, value: Any, place: Place) -> Budget | None:
    limits = check.mapping(value, place)
    for name, limit in limits.items():
        try:
            Budget(**{name: limit})
        except KeraspruneError as error:
            check.wrong((*place, name), error)
    try:
        return Budget(**limits)
    except KeraspruneError as error:
        if not limits:
            check.wrong(place, error)
        return None


def _variant(registry: Mapping[str, Any]) -> Callable:
    def read(check: PlanCheck, value: Any, place: Place) -> Any:
        return AUTO if value == AUTO else check.variant(value, registry, place)

    return read


def _recover(check: PlanCheck, value: Any, place: Place) -> Any:
    if value == AUTO:
        return AUTO
    chosen = value if isinstance(value, list) else [value]
    return tuple(check.variant(each, RECOVERIES, (*place, number)) for number, each in enumerate(chosen))


def _distill(check: PlanCheck, value: Any, place: Place) -> Any:
    if isinstance(value, bool):
        return value
    return check.made(Distill, check.mapping(value, place), "`distill`", place)


def _finetune(check: PlanCheck, value: Any, place: Place) -> dict[str, Any]:
    options = dict(check.mapping(value, place))
    share = options.pop("validation", None)
    if share is not None and not (isinstance(share, float) and 0 < share < 1):
        check.wrong((*place, "validation"), f"A share of the data must be in (0, 1). Received: validation={share!r}.")
    found = check.arguments(finetune, options, "`finetune`", place, _FINETUNED)
    return found if share is None else {**found, "validation": share}


def _exports(check: PlanCheck, value: Any, place: Place) -> tuple[Export | None, ...]:
    if not isinstance(value, list):
        return (_export(check, value, place),)
    return tuple(_export(check, each, (*place, number)) for number, each in enumerate(value))


def _export(check: PlanCheck, value: Any, place: Place) -> Export | None:
    options = dict(check.mapping(value, place))
    file, recipe, timing = options.pop("file", None), options.pop("recipe", "float32"), options.pop("benchmark", None)
    if not (isinstance(file, str) and file.endswith(".tflite")):
        check.wrong((*place, "file") if file else place, f"`file` must end in .tflite. Received: file={file!r}.")
    made = check.variant(recipe, RECIPES, (*place, "recipe"))
    given = check.arguments(export, options, "`export`", place, _EXPORTED)
    if isinstance(timing, Mapping):
        timing = check.arguments(benchmark, timing, "`benchmark`", (*place, "benchmark"), _TIMED)
    elif timing is not None:
        timing = {} if check.arguments(_switch, {"benchmark": timing}, "`export`", place).get("benchmark") else None
    return None if made is None else Export(str(file), made, given, timing)


def _switch(benchmark: bool) -> None:
    """Whether a file is timed."""


def _words(check: PlanCheck, value: Any, place: Place) -> Any:
    """What the command line opens: the name of a file, or of a function."""
    return value if isinstance(value, str) else check.wrong(place, f"This must be a name. Received: {value!r}.")


def _range(check: PlanCheck, value: Any, place: Place) -> Any:
    def pixels(pixel_range: tuple[float, float]) -> None:
        """Two ends."""

    return check.arguments(pixels, {"pixel_range": value}, "A plan", ()).get("pixel_range")


def _train(check: PlanCheck, value: Any, place: Place) -> Any:
    return AUTO if value == AUTO else check.mapping(value, place)


def _mapping(check: PlanCheck, value: Any, place: Place) -> Any:
    return check.mapping(value, place)


READERS: Mapping[str, Callable] = {
    "model": _words,
    "data": _words,
    "pixel_range": _range,
    "output": _words,
    "budget": _budget,
    "criterion": _variant(CRITERIA),
    "strategy": _variant(STRATEGIES),
    "recover": _recover,
    "distill": _distill,
    "finetune": _finetune,
    "export": _exports,
    "train": _train,
    "versions": _mapping,
}

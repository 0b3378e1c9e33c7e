"""Which rule speaks for which layer or operation."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from kerasprune.core import OptionError
from kerasprune.core.registry import known

BEHAVIOURS = ("source", "carry", "channelwise", "move", "join", "statistic", "composite", "barrier")


@dataclass(frozen=True)
class Rule:
    """A rule and what it is for.

    Attributes:
        function: Gets a `Site`, says what the call does to labels, returns the labels of the outputs.
        target: A class of layers, the class name of an operation of `keras.ops`, or "package.Class" for a layer
            whose class cannot be imported by a public name.
        behaviour: One of `BEHAVIOURS`.
    """

    function: Callable
    target: type | str
    behaviour: str


RULES: dict[type | str, Rule] = {}


def rule(*targets: type | str, behaviour: str = "source") -> Callable:
    """A decorator that teaches `trace` a layer.

    The function gets a `Site`, one call of the layer, and returns the labels of its output: a tuple with one entry per
    axis (batch axis included), a vector of channel ids or None; a list of such tuples for several outputs.

    Args:
        targets: Classes of layers. A subclass is covered too as long as it inherits `call` and `build`.
            Operations of `keras.ops` are named by their class name ("Reshape"), layers whose class has no public name
            by that of its package and its own ("keras.LayerScale").
        behaviour: What the rule does, for the table of supported layers: "source", "carry", "channelwise", "move",
            "join", "statistic", "composite" or "barrier".

    Raises:
        OptionError: The behaviour is unknown, or a target is neither a class nor a name.

    Example:

    >>> import keras
    >>> class ChannelScale(keras.layers.Layer):
    ...     def build(self, shape): self.scale = self.add_weight(shape=(shape[-1],))
    ...     def call(self, x): return x * self.scale
    >>> @rule(ChannelScale, behaviour="carry")
    ... def channel_scale(site):
    ...     site.weight(site.layer.scale, (site.labels[-1],))
    ...     return site.labels
    """
    if behaviour not in BEHAVIOURS:
        raise OptionError(f"There is no behaviour {behaviour!r}. {known(behaviour, BEHAVIOURS)}")
    for target in targets:
        if not isinstance(target, (type, str)):
            raise OptionError(
                f"A rule is for classes of layers or names of operations, as in @rule(MyLayer). Received: {target!r}."
            )

    def decorate(function):
        for target in targets:
            RULES[target] = Rule(function, target, behaviour)
        return function

    return decorate


def find_rule(operation: keras.Operation) -> Rule | None:
    """The rule for this object, or None; a subclass with its own `call` or `build` is another layer."""
    return find_in(RULES, operation)


def find_in(registry: Mapping[type | str, Any], operation: keras.Operation) -> Any:
    """What a registry has for this object: by class for layers, by name for operations; None if nothing.

    A class without a public name is registered as "package.Class".
    """
    cls: Any = type(operation)
    if not isinstance(operation, keras.layers.Layer):
        return registry.get(cls.__name__)
    if any(base in registry for base in cls.__mro__):
        base = speaker(cls, registry)
        return None if base is None else registry[base]
    return registry.get(f"{cls.__module__.partition('.')[0]}.{cls.__name__}")


def speaker(cls: Any, known: Collection) -> type | None:
    """Who speaks for a class of layers: its nearest base in `known`, if it inherits `call` and `build` from it."""
    base = next((base for base in cls.__mro__ if base in known), None)
    return base if base is not None and cls.call is base.call and cls.build is base.build else None

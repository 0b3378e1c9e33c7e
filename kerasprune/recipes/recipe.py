"""What a recipe is: one way to turn a Keras model into a TFLite file."""

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kerasprune.core import OptionError, Registry

RECIPES = Registry("recipe")


def register(name: str):
    """A decorator that makes a `Recipe` class known to `export` and the command line under `name`.

    Example:

    >>> @register("loose")
    ... @dataclass(frozen=True)
    ... class Loose(Recipe):
    ...     tolerance: float = 0.5
    ...     def configure(self, converter, samples, batch_size): ...
    >>> RECIPES["loose"]()
    Loose(tolerance=0.5, samples=128, agreement=0.5)
    """

    def decorate(entry: type[Recipe]) -> type[Recipe]:
        entry.name = name
        return RECIPES.register(name)(entry)

    return decorate


@dataclass(frozen=True)
class Recipe(ABC):
    """Options of one kind of export, and how they set up the TFLite converter.

    A subclass is a frozen dataclass whose fields are plain numbers and strings: they travel as JSON when the conversion
    runs in a child process. As class attributes it states `needs_data`, whether it cannot do without data, and `loops`,
    whether a recurrent layer may stay a loop (else it is unrolled, which takes a fixed number of steps), `bits`, how
    many bits the integers have that activations are (0: they are floating), and `remedy`, the advice that ends the
    error about `forbidden` ops.

    Args:
        tolerance: The difference to Keras that `verify` accepts: root mean square of the difference over root mean
            square of the output. An output that is quantized itself may be off by one of its own steps on top.
        samples: How many samples of the data the recipe sees, and the check compares.
        agreement: The least part of the samples on which the file must decide as Keras does, where the output is
            known to decide something: a class, a yes or no. A file with less is refused.
    """

    tolerance: float = 1e-4
    samples: int = 128
    agreement: float = 0.5
    name: ClassVar[str]
    needs_data: ClassVar[bool] = False
    loops: ClassVar[bool] = True
    bits: ClassVar[int] = 0
    gentler: ClassVar[str] = ""
    beside: ClassVar[str] = ""
    package: ClassVar[str] = ""
    remedy: ClassVar[str] = "Use another recipe."

    def __post_init__(self):
        if not (isinstance(self.tolerance, numbers.Real) and 0 < self.tolerance < math.inf):
            raise OptionError(f"`tolerance` must be a number above 0. Received: tolerance={self.tolerance!r}.")
        if not (isinstance(self.samples, numbers.Integral) and self.samples >= 1):
            raise OptionError(f"`samples` must be a whole number of at least 1. Received: samples={self.samples!r}.")
        if not (isinstance(self.agreement, numbers.Real) and 0 <= self.agreement <= 1):
            raise OptionError(f"`agreement` must be a number from 0 to 1. Received: agreement={self.agreement!r}.")

    @abstractmethod
    def configure(self, converter: Any, samples: Sequence[np.ndarray], batch_size: int) -> None:
        """Set the options of a fresh `tf.lite.TFLiteConverter` that allows built-in ops only.

        Args:
            converter: The converter to change.
            samples: One array (n, ...) per model input.
            batch_size: How many samples one call of the converted model takes.
        """

    def finish(self, content: bytes) -> bytes:
        """What becomes of the converted file, with the names of its inputs and outputs; itself unless overridden."""
        return content

    def forbidden(self, operators: Sequence[tuple[str, str, bool]]) -> list[tuple[str, str]]:
        """Which built-in ops this recipe does not accept in its result; none unless overridden.

        Args:
            operators: Name, output tensor and "computes in float" of each op; see `flatbuffer.operators`.

        Returns:
            Name and output tensor of each op that makes the export fail.
        """
        return []

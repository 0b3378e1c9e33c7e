"""How a teacher takes part in a fine-tune."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import keras

from kerasprune.core import OptionError


@dataclass(frozen=True)
class Distill:
    """How the unpruned network teaches the smaller one while that trains.

    The loss of the training is `(1 - weight) * own + weight * soft`: what the network was compiled with (penalties on
    its weights included), and how far its outputs are from the teacher's. Outputs of a softmax or sigmoid, or their
    logits, are compared at the temperature; others by the loss of the user, with the teacher's outputs as labels.

    Args:
        temperature: What logits of teacher and student are divided by before they are compared.
        weight: Share of the teacher in the loss, in [0, 1].
        features: Patterns (`fnmatch`) of layers: what these read is compared with what they read in the teacher, of
            which the channels are taken that the student still has. "*" is all layers that make channels, "" none.
        feature_weight: What the comparison of features is multiplied by, before `weight`.
        teachers: More models with the same inputs and outputs; all of them teach the same share, which is the same as
            to average their predictions.

    Raises:
        OptionError: A value is out of its range, or a teacher is no model.

    Example:

    >>> def train(network):
    ...     network.compile("adam", "sparse_categorical_crossentropy")
    ...     network.fit(x, y, epochs=1, verbose=0)
    >>> result = compress(model, Budget(flops=0.5), train=train, distill=Distill(temperature=2.0, features="hidden"))
    >>> type(result.model).__name__
    'Functional'

    Reference:
        Hinton, Vinyals, Dean, Distilling the Knowledge in a Neural Network, arXiv 1503.02531:
        `L = (1 - w) CE(y, softmax(z)) + w T^2 KL(softmax(v / T), softmax(z / T))` with the logits z of the student and
        v of the teacher.
    """

    temperature: float = 4.0
    weight: float = 0.7
    features: str | Collection[str] = ""
    feature_weight: float = 1.0
    teachers: Collection[Any] = ()

    def __post_init__(self):
        if not self.temperature > 0:
            raise OptionError(f"`temperature` must be above 0. Received: temperature={self.temperature!r}.")
        if not 0 <= self.weight <= 1:
            raise OptionError(f"`weight` must be in [0, 1]. Received: weight={self.weight!r}. For 70 % use 0.7.")
        if not self.feature_weight >= 0:
            raise OptionError(f"`feature_weight` must be at least 0. Received: feature_weight={self.feature_weight!r}.")
        for teacher in self.teachers:
            if not isinstance(teacher, keras.Model):
                raise OptionError(f"`teachers` must be keras.Models. Received: {type(teacher).__name__}.")

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of `features`, as a tuple."""
        given = (self.features,) if isinstance(self.features, str) else tuple(self.features)
        return tuple(pattern for pattern in given if pattern)

    def __str__(self) -> str:
        shown: dict[str, object] = {"temperature": self.temperature, "weight": self.weight}
        shown |= {"features": ", ".join(self.patterns)} if self.patterns else {}
        shown |= {"teachers": 1 + len(self.teachers)} if self.teachers else {}
        return f"Distill({', '.join(f'{name}={value}' for name, value in shown.items())})"


def resolve_distill(distill: bool | Distill | None) -> Distill | None:
    """`True` is the defaults, `False` and `None` nothing.

    Raises:
        OptionError: It is something else.
    """
    if distill is None or distill is False:
        return None
    if distill is True:
        return Distill()
    if not isinstance(distill, Distill):
        raise OptionError(
            f"`distill` must be True, or an object such as Distill(temperature=2.0). Received: {distill!r}."
        )
    return distill

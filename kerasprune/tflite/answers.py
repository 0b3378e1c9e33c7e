"""Does a file answer as its Keras model does, and as well by the labels?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import keras
import numpy as np

from kerasprune.core.errors import DataError
from kerasprune.evidence.quality import more_is_better
from kerasprune.graph import align
from kerasprune.recipes import Recipe
from kerasprune.tflite.decision import agreement, decision_of, losses_of
from kerasprune.tflite.file_quality import quality_of

HOLDS = 0.9  # agreement with Keras from which on a file needs no remark, where no labels say more
_LOST = 0.01  # of an accuracy, or of another metric relative to its value: what a file may lose without a remark


@dataclass(frozen=True)
class Answers:
    """What a file answers, beside what its Keras model does.

    Attributes:
        samples: How many were compared.
        agreement: The part of the decisions that are the same, in the worst output that decides anything; None where
            the samples are random or no output does.
        decision: What is decided there: "top class" or "yes or no".
        quality: Loss and metrics of the file, where there are labels, and
        keras_quality: those of the Keras model on the same samples.
    """

    samples: int = 0
    agreement: float | None = None
    decision: str = ""
    quality: Mapping[str, float] = field(default_factory=dict)
    keras_quality: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, model: keras.Model, expected: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], labels
    ) -> "Answers":
        """Compare the outputs of a file with those of its model.

        Args:
            model: The user's model, with the loss and metrics that it is compiled with.
            expected: What Keras gives, by the name of the output.
            found: What the file gives.
            labels: Those of the samples; None for none.
        """
        names = list(expected)
        parts = [None] * len(names) if labels is None else align(labels, names)
        if len(parts) != len(names):
            parts = [None] * len(names)
        agreements = [
            (agreement(decision, expected[name], found[name]), decision.name)
            for name, label, loss in zip(names, parts, losses_of(model, names), strict=True)
            if (decision := _decision(name, expected[name], label, loss)) is not None
        ]
        worst, decision = min(agreements, default=(None, ""))
        quality, keras_quality = _qualities(model, expected, found, labels)
        return cls(len(expected[names[0]]), worst, decision, quality, keras_quality)

    def complaint(self, recipe: Recipe) -> str:
        """What is wrong with the answers, in one sentence with what to do; empty where nothing is."""
        lost = self._lost()
        if lost is None and self.agreement is not None and not self.quality and self.agreement < HOLDS:
            lost = self.said()
        if lost is None:
            return ""
        gentler = f" Try recipe={recipe.gentler!r}" if recipe.gentler else ""
        several = f", or recipe='{recipe.name},{recipe.gentler}' for the first that holds" if recipe.gentler else ""
        return f"The {recipe.name} file answers otherwise than Keras: {lost}.{gentler}{several}{'.' if gentler else ''}"

    def said(self) -> str:
        """What was compared, in words; empty where nothing was."""
        parts = []
        if self.agreement is not None:
            parts.append(f"{self.decision} as in Keras on {self.agreement:.1%} of {self.samples} samples")
        parts += [f"{name} {value:.4g} (Keras {self.keras_quality[name]:.4g})" for name, value in self.quality.items()]
        return ", ".join(parts).replace("%", " %")

    def _lost(self) -> str | None:
        """The first metric that is worse in the file by more than chance, in words; None where none is.

        Of n decisions of which a part a agrees, the difference of two accuracies has a standard error of at most
        sqrt((1 - a) / n).
        """
        for name, value in self.quality.items():
            if name == "loss":
                continue
            before = self.keras_quality[name]
            lost = before - value if more_is_better(name) else value - before
            chance = 0.0 if self.agreement is None else 2 * math.sqrt((1 - self.agreement) / self.samples)
            allowed = max(_LOST, chance) if more_is_better(name) else 10 * _LOST * abs(before)
            if lost > allowed:
                return f"{name} {value:.4g} instead of {before:.4g} on {self.samples} samples"
        return None


def _decision(name, values, label, loss):
    try:
        return decision_of(name, values, label, loss)
    except DataError:  # labels that are no numbers
        return None


def _qualities(model, expected, found, labels) -> tuple[dict[str, float], dict[str, float]]:
    if labels is None:
        return {}, {}
    try:
        return quality_of(found, labels, like=model), quality_of(expected, labels, like=model)
    except (DataError, ValueError):  # labels that do not fit were none for an export before, and are none now
        return {}, {}

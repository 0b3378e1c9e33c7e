"""A model that learns from a teacher whenever it is trained, by `fit` or otherwise."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
from keras import ops

from kerasprune.graph import align, as_outputs, functional, loss_weights
from kerasprune.scheduled import ScheduledModel
from kerasprune.training.distill import Distill
from kerasprune.training.soft_losses import RelativeSquaredError, Weighted, soft_loss


class Taught(NamedTuple):
    """What a pupil computes in a training step: its outputs, and what it is compared with its teachers by."""

    outputs: Any
    flat: list
    features: list


@dataclass(frozen=True, eq=False)
class Taps:
    """Where teachers and student are compared.

    Attributes:
        student: From the inputs to the outputs and to the tensors that are compared.
        teachers: The same of every teacher.
        pairs: For every teacher, for each of its tensors: what takes its channels that are left, and which of the
            student's tensors it is compared with.
        activations: Names of what makes the outputs.
    """

    student: keras.Model
    teachers: tuple[keras.Model, ...]
    pairs: tuple[tuple[tuple[Callable, int], ...], ...]
    activations: tuple[str | None, ...]


def tapped(model: keras.Model, tensors: list) -> keras.Model:
    """From the inputs of a model to its outputs and to some of its tensors; the layers are shared."""
    graph = functional(model)
    return keras.Model(graph.inputs, {"outputs": list(graph.outputs), "features": list(tensors)})


class Pupil(keras.Model):
    """The layers of a functional model, with teachers that add to its loss in every training step.

    To whoever trains it, it is the model itself: the same inputs, outputs, layers and trainable weights; metrics and
    validation see nothing of the teachers, and what is saved is the plain model.
    """

    def attend(
        self, distill: Distill, student: keras.Model, taps: Taps, again: Callable[[keras.Model], "Pupil"]
    ) -> None:
        """Meet the teachers.

        Args:
            distill: How they teach.
            student: The model whose layers these are.
            taps: Where both are compared.
            again: From a model like the student to a pupil of the same teachers.
        """
        self.teachers = list(taps.teachers)  # Keras hands the weights of attributes to the training step
        self._taught = _Untracked(distill, student, taps, again)

    @property
    def student(self) -> keras.Model:
        """The plain model with the same layers."""
        return self._taught.student

    def like(self, model: keras.Model) -> "Pupil":
        """A model like the student as a pupil of the same teachers."""
        return self._taught.again(model)

    def call(self, inputs, training=None, mask=None):
        """As the plain model; in training with all that is compared."""
        if not training:
            return super().call(inputs, training=training, mask=mask)
        found = self._taught.taps.student(self._aligned(inputs), training=True)
        return Taught(as_outputs(self.student, found["outputs"]), found["outputs"], found["features"])

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The loss that the model was compiled with and, in training, that of the teachers."""
        taught = isinstance(y_pred, Taught)
        distill = self._taught.distill
        soft = self._soft(x, y_pred, sample_weight) if taught and distill.weight else ops.zeros(())
        if y is None:
            return soft
        own = super().compute_loss(x, y, y_pred.outputs if taught else y_pred, sample_weight, training)
        return (1 - distill.weight) * own + distill.weight * soft if taught else own

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Those that the model was compiled with."""
        outputs = y_pred.outputs if isinstance(y_pred, Taught) else y_pred
        return super().compute_metrics(x, y, outputs, sample_weight)

    def save(self, *args, **kwargs):
        """Save the plain model."""
        self.student.save(*args, **kwargs)

    def save_weights(self, *args, **kwargs):
        """Save the weights of the plain model."""
        self.student.save_weights(*args, **kwargs)

    def load_weights(self, *args, **kwargs):
        """Load weights of the plain model."""
        self.student.load_weights(*args, **kwargs)

    def _aligned(self, inputs) -> list:
        return align(inputs, [tensor.name for tensor in functional(self.student).inputs])

    def _soft(self, x, taught: Taught, sample_weight):
        """What the teachers ask for, averaged over them: a scalar."""
        taps, names = self._taught.taps, functional(self.student).output_names
        losses, factors = _per_output(self.loss, names), _per_output(loss_weights(self), names)
        weights = _per_output(sample_weight, names)
        given, terms = self._aligned(x), []
        for teacher, pairs in zip(self.teachers, taps.pairs, strict=True):
            said = keras.tree.map_structure(ops.stop_gradient, teacher(given, training=False))
            rows = zip(losses, factors, weights, taps.activations, said["outputs"], taught.flat, strict=True)
            for loss, factor, weight, activation, wanted, found in rows:
                if loss is not None:
                    compare = soft_loss(loss, self._taught.distill.temperature, activation)
                    compared = compare.compute_loss(wanted, found, sample_weight=weight)
                    terms.append(compared * (1.0 if factor is None else factor))
            terms += self._felt(pairs, said["features"], taught.features, weights[0])
        return sum(terms) / len(self.teachers)

    def _felt(self, pairs, wanted, found, weight) -> list:
        """The comparison of features: scalars."""
        factor = self._taught.distill.feature_weight / max(len(pairs), 1)
        compare = Weighted(RelativeSquaredError())
        return [
            factor * compare.compute_loss(pick(tensor), found[at], sample_weight=weight)
            for (pick, at), tensor in zip(pairs, wanted, strict=True)
        ]


class ScheduledPupil(Pupil, ScheduledModel):
    """A pupil with layers that follow a schedule; `fit` tells them how long training lasts."""


@dataclass(frozen=True, eq=False)
class _Untracked:
    """What Keras shall not take for parts of the model."""

    distill: Distill
    student: keras.Model
    taps: Taps
    again: Callable[[keras.Model], Pupil]


def _per_output(structure, names: list[str]) -> list:
    """A user's structure with a part for every output, or one part for all, in the order of the outputs."""
    if isinstance(structure, (dict, list, tuple)):
        return align(structure, names) if len(names) > 1 or isinstance(structure, dict) else list(structure)
    return [structure] * len(names)

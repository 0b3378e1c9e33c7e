"""Which part of a loss judges which output by which labels, as Keras finds it out."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasprune.core import Batch, DataError, ValuesError
from kerasprune.evidence.chosen_loss import ChosenLoss
from kerasprune.evidence.inferred_loss import words
from kerasprune.evidence.per_position import values_rank
from kerasprune.graph import as_outputs, functional


@dataclass(frozen=True, eq=False)
class LossTerm:
    """One part of the loss of a batch.

    Attributes:
        place: The place of the output that it judges among the outputs.
        loss: What judges it: a `keras.losses.Loss`, or a function of labels and outputs.
        factor: Its weight in the sum.
        label: The labels.
        weight: The sample weights; None for none.
    """

    place: int
    loss: Any
    factor: float
    label: np.ndarray
    weight: np.ndarray | None


class LossTerms:
    """Finds the parts of the loss of a batch by letting Keras compute a loss whose parts only look at what they get.

    Args:
        model: The model.
        chosen: Its loss.
    """

    def __init__(self, model: keras.Model, chosen: ChosenLoss):
        self.model = functional(model)
        self.seen: list[tuple] = []
        self.width = max(len(keras.tree.flatten(chosen.loss)), 1) * len(self.model.outputs)
        spies = keras.tree.map_structure(lambda part: None if part is None else _Spy(part, self), chosen.loss)
        self.judge = _Named(self.model.output_names)
        self.judge.compile(loss=spies, loss_weights=chosen.weights)

    def of(self, batch: Batch) -> tuple[LossTerm, ...]:
        """The parts in the order in which Keras adds them.

        Args:
            batch: Samples with labels.

        Raises:
            DataError: Labels, sample weights, losses and outputs do not fit each other.
        """
        self.seen.clear()
        places = [np.full((batch.size, 1), place, "float32") for place in range(len(self.model.outputs))]
        try:
            total = self.judge.compute_loss(
                y=batch.y, y_pred=as_outputs(self.model, places), sample_weight=batch.sample_weight, training=False
            )
        except (KeyError, ValueError, TypeError, IndexError) as error:
            names = self.model.output_names
            raise DataError(
                f"The labels, sample weights or losses do not fit the {len(names)} outputs ({', '.join(names)}): "
                f"{' '.join(str(error).split())}"
            ) from error
        factors = ops.convert_to_numpy(total)
        terms = tuple(
            LossTerm(place, _resolved(part, label, self.model.outputs[place]), float(factor), label, weight)
            for (part, place, label, weight), factor in zip(self.seen, factors, strict=False)
        )
        for term in terms:
            _check(self.model.output_names[term.place], tuple(self.model.outputs[term.place].shape[1:]), term)
        return terms

    def fitted(self, batch: Batch) -> Batch:
        """The batch, checked; one weight for a sample counts for each of its positions, where the loss has several.

        Raises:
            DataError: As in `of`.
        """
        outputs, terms = self.model.outputs, self.of(batch)
        ranks = [self._rank(term) if _for_samples(term, batch) else 1 for term in terms]
        if max(ranks, default=1) == 1:
            return batch
        weights = [np.ones(batch.size, "float32") for _ in outputs]
        for term, rank in zip(terms, ranks, strict=True):
            if term.weight is not None:
                weights[term.place] = term.weight if rank == 1 else term.weight.reshape(-1, *[1] * (rank - 1))
        return batch._replace(sample_weight=as_outputs(self.model, weights))

    def _rank(self, term: LossTerm) -> int:
        output = self.model.outputs[term.place]
        return 1 if len(output.shape) < 3 else values_rank(term.loss, term.label, output) or 1


def _for_samples(term: LossTerm, batch: Batch) -> bool:
    """Whether there is one weight for every sample."""
    return term.weight is not None and term.weight.size == batch.size


class _Named(keras.Model):
    """A model that is never called; Keras asks it for the names of its outputs."""

    def __init__(self, names: list[str]):
        super().__init__(name="named", dtype="float32")
        self._names = tuple(names)

    @property
    def output_names(self) -> list[str]:
        return list(self._names)


class _Spy(keras.losses.Loss):
    """Stands for a part of the loss, and notes what it is called with."""

    def __init__(self, part, terms: LossTerms):
        super().__init__(name=getattr(part, "name", None) or str(getattr(part, "__name__", part)))
        self.part, self.terms = part, terms

    def __call__(self, y_true, y_pred, sample_weight=None):
        """A row with a 1 at the number of this call, so that the sum holds the weight of every part."""
        number = len(self.terms.seen)
        self.terms.seen.append((self.part, int(y_pred[0, 0]), y_true, sample_weight))
        return ops.convert_to_tensor(np.eye(self.terms.width, dtype="float32")[number])


def _resolved(part, label, output: keras.KerasTensor):
    """The loss that Keras takes for a name; "crossentropy" depends on labels and outputs."""
    if str(part).lower() not in ("crossentropy", "ce"):
        return keras.losses.get(part)
    if output.shape[-1] == 1:
        return keras.losses.get("binary_crossentropy")
    sparse = label is not None and (label.ndim < len(output.shape) or label.shape[-1] == 1)
    return keras.losses.get("sparse_categorical_crossentropy" if sparse else "categorical_crossentropy")


def _check(name: str, expected: tuple, term: LossTerm) -> None:
    """What a loss of Keras would take without a word, or fail on far from here; other losses know their labels."""
    label, weight = term.label, term.weight
    if label is None:
        raise DataError(f"The output {name!r} has a loss, and the data has no labels for it.")
    if label.dtype.kind not in "biuf":
        raise ValuesError(words(name, label))
    if label.dtype.kind == "f" and not np.isfinite(label).all():
        raise ValuesError(
            f"The labels for output {name!r} are not finite: they hold NaN or infinity. Leave these samples out, or "
            "mend them."
        )
    if weight is not None and len(expected) < 2 and np.size(weight) != len(label):
        raise DataError(f"Sample weights must be one number per sample. Received: shape {np.shape(weight)}.")
    function = getattr(term.loss, "fn", term.loss)  # the losses of Keras wrap a function
    if getattr(function, "__module__", "").partition(".")[0] == "keras":
        loss = getattr(function, "__name__", type(function).__name__)
        (_check_classes if "sparse" in loss else _check_shape)(name, expected, term, loss)


def _check_classes(name: str, expected: tuple, term: LossTerm, loss: str) -> None:
    label, classes = term.label, expected[-1]
    if not (_fits(label.shape[1:], expected[:-1]) or _fits(label.shape[1:], (*expected[:-1], 1))):
        raise DataError(
            f"The loss {loss!r} takes one class number for output {name!r} of shape {expected}. "
            f"Received labels of shape {label.shape}."
        )
    left_out = getattr(term.loss, "get_config", dict)().get("ignore_class")
    counted = label if left_out is None else label[label != left_out]
    if (counted != np.floor(counted)).any():
        raise DataError(f"The labels for output {name!r} must be class numbers. Received: {counted.ravel()[:4]}.")
    if classes is not None and counted.size and not 0 <= counted.min() <= counted.max() < classes:
        raise DataError(
            f"The labels for output {name!r} must be class numbers from 0 to {classes - 1}. "
            f"Received: {counted.min()} to {counted.max()}."
        )


def _check_shape(name: str, expected: tuple, term: LossTerm, loss: str) -> None:
    shape = term.label.shape[1:]
    if len(shape) + 1 == len(expected) and expected[-1] == 1:
        shape = (*shape, 1)
    elif len(shape) == len(expected) + 1 and shape[-1] == 1:
        shape = shape[:-1]
    spread = len(shape) == len(expected) and all(
        None in (want, got) or 1 in (want, got) or want == got for want, got in zip(expected, shape, strict=True)
    )
    if not spread:
        raise DataError(
            f"The loss {loss!r} takes labels of the shape of output {name!r}, {expected}. "
            f"Received labels of shape {term.label.shape}."
        )


def _fits(shape: tuple, expected: tuple) -> bool:
    return len(shape) == len(expected) and all(e in (None, s) for s, e in zip(shape, expected, strict=True))

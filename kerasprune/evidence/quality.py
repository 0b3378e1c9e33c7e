"""How good a model is on labelled data: its loss, and its own metrics or those that outputs and labels ask for."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from kerasprune.core import Batch, DataError
from kerasprune.evidence.chosen_loss import ChosenLoss, find_loss
from kerasprune.evidence.inferred_loss import loss_of_output
from kerasprune.evidence.loss_terms import LossTerm, LossTerms
from kerasprune.evidence.sampling import Sampling
from kerasprune.graph import as_outputs, compiled_metrics, functional

# Words in the names of metrics of which less is better; of all others more is.
LESS_IS_BETTER = (
    "loss",
    "error",
    "entropy",
    "divergence",
    "hinge",
    "poisson",
    "mse",
    "mae",
    "mape",
    "msle",
    "log_cosh",
)


class Quality:
    """Measures models of one architecture on the same data, as `evaluate` does.

    Args:
        model: Tells the loss and the metrics: those that it is compiled with, else those that outputs and labels ask
            for. It may lose channels, and its weights may change.
        sampling: Data with labels, and the loss where one is given.

    Attributes:
        chosen: The loss.
        samples: How many samples there are; 0 before the first measurement.

    Raises:
        DataError: The data has no labels, or does not fit the model.
    """

    def __init__(self, model: keras.Model, sampling: Sampling):
        self.chosen = find_loss(model, sampling)
        self.sampling = sampling
        first = next(sampling.batches())
        self.metrics = compiled_metrics(model) or inferred_metrics(model, self.chosen, first)
        self.samples = 0

    def __call__(self, model: keras.Model) -> dict[str, float]:
        """The "loss" and every metric by its name.

        Args:
            model: A model that may be wrapped in another one, such as a copy.
        """
        judged, terms = _Judged(model), LossTerms(model, self.chosen)
        judged.compile(loss=self.chosen.loss, loss_weights=self.chosen.weights, **self.metrics())
        self.samples, found = 0, {}
        for batch in self.sampling.tracked(self.sampling.feed(model, terms), "quality"):
            found = judged.test_on_batch(*batch, return_dict=True)
            self.samples += batch.size
        return {name: float(np.mean(value)) for name, value in found.items()}


class _Judged(keras.Model):
    """A model whose metrics go on from batch to batch."""

    def __init__(self, inner: keras.Model):
        super().__init__(name="judged", dtype="float32")
        self.inner = inner

    @property
    def output_names(self) -> list[str]:
        return functional(self.inner).output_names

    def call(self, inputs):
        return self.inner(inputs, training=False)

    def reset_metrics(self):
        """Nothing: what is asked for after the last batch counts for all."""


def inferred_metrics(model: keras.Model, chosen: ChosenLoss, first: Batch) -> Callable[[], dict]:
    """Makes the metrics that outputs and labels ask for, as arguments of `compile`.

    Args:
        model: The model.
        chosen: Its loss.
        first: Samples with labels.
    """
    outputs = [np.asarray(output, float) for output in keras.tree.flatten(model.predict_on_batch(first.x))]
    names = functional(model).output_names
    terms = {term.place: term for term in LossTerms(model, chosen).of(first)}
    makers: list = [
        _metrics_of(name, terms[place], output) if place in terms else list
        for place, (name, output) in enumerate(zip(names, outputs, strict=True))
    ]

    def make() -> dict:
        found: list[Any] = [maker() for maker in makers]
        return {"metrics": found[0] if len(found) == 1 else as_outputs(model, found)}

    return make


def _metrics_of(name: str, term: LossTerm, outputs: np.ndarray) -> Callable[[], list[keras.metrics.Metric]]:
    """Makes the metrics of one output."""
    loss = loss_of_output(name, outputs, term.label)
    given = getattr(term.loss, "name", getattr(term.loss, "__name__", ""))
    if "binary" in given and not isinstance(loss, keras.losses.BinaryCrossentropy):
        loss = keras.losses.BinaryCrossentropy(from_logits=bool(outputs.min() < 0 or outputs.max() > 1))
    logits = bool(loss.get_config().get("from_logits"))
    kind = next((kind for kind in METRICS if isinstance(loss, kind)), keras.losses.MeanSquaredError)
    return lambda: METRICS[kind](outputs.shape, logits)


def _of_classes(shape: tuple, logits: bool, sparse: bool) -> list[keras.metrics.Metric]:
    accuracy = keras.metrics.SparseCategoricalAccuracy if sparse else keras.metrics.CategoricalAccuracy
    found = [accuracy(name="accuracy")]
    if len(shape) == 4:  # an image of classes
        found.append(keras.metrics.MeanIoU(shape[-1], name="mean_iou", sparse_y_true=sparse, sparse_y_pred=False))
    return found


def _of_yes_or_no(shape: tuple, logits: bool) -> list[keras.metrics.Metric]:
    threshold = 0.0 if logits else 0.5
    found = [keras.metrics.BinaryAccuracy(name="accuracy", threshold=threshold)]
    if len(shape) == 4:
        return [*found, keras.metrics.BinaryIoU(target_class_ids=[1], threshold=threshold, name="iou")]
    many = {"multi_label": True, "num_labels": shape[-1]} if len(shape) == 2 and shape[-1] > 1 else {}
    return [*found, keras.metrics.AUC(name="auc", from_logits=logits, **many)]


def _of_numbers(shape: tuple, logits: bool) -> list[keras.metrics.Metric]:
    return [keras.metrics.MeanAbsoluteError(name="mean_absolute_error")]


# By the kind of loss that outputs and labels ask for what makes the metrics, of the shape of the outputs and whether
# they are logits.
METRICS: Mapping[type, Callable[[tuple, bool], list[keras.metrics.Metric]]] = {
    keras.losses.SparseCategoricalCrossentropy: lambda shape, logits: _of_classes(shape, logits, sparse=True),
    keras.losses.CategoricalCrossentropy: lambda shape, logits: _of_classes(shape, logits, sparse=False),
    keras.losses.BinaryCrossentropy: _of_yes_or_no,
    keras.losses.MeanSquaredError: _of_numbers,
}


def more_is_better(name: str) -> bool:
    """Whether more of a metric is better, as its name tells."""
    return not any(word in name.lower() for word in LESS_IS_BETTER)


def find_metric(
    model: keras.Model, sampling: Sampling, wanted: str | keras.metrics.Metric | None
) -> keras.metrics.Metric:
    """A metric by its name, or the first one that outputs and labels ask for.

    Args:
        model: The model.
        sampling: Data with labels.
        wanted: The metric itself; the name of one that the model is compiled with, that outputs and labels ask for, or
            that Keras has; None for the first that outputs and labels ask for.

    Raises:
        DataError: There is none of that name, or the data has no labels.
    """
    if isinstance(wanted, keras.metrics.Metric):
        return wanted
    chosen, first = find_loss(model, sampling), next(sampling.batches())
    asked = keras.tree.flatten(inferred_metrics(model, chosen, first)()["metrics"])
    own = keras.tree.flatten((compiled_metrics(model) or dict)())
    known = {metric.name: metric for metric in (*own, *asked) if isinstance(metric, keras.metrics.Metric)}
    if wanted is None:
        return asked[0]
    try:
        found = known[wanted] if wanted in known else keras.metrics.get(wanted)
    except ValueError as error:
        raise DataError(
            f"There is no metric {wanted!r}. Pass one of {', '.join(known)}, the name of a metric of Keras, or a "
            "keras.metrics.Metric."
        ) from error
    return found if isinstance(found, keras.metrics.Metric) else keras.metrics.MeanMetricWrapper(found, name=wanted)

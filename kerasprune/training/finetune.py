"""The fine-tuning of a model."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasprune.core import DataError, OptionError, quiet
from kerasprune.evidence import Sampling
from kerasprune.evidence.chosen_loss import ChosenLoss, chosen_loss
from kerasprune.evidence.loss_terms import LossTerms
from kerasprune.evidence.progress import countdown
from kerasprune.graph import as_inputs, as_outputs, compile_like, copied, first_not_finite, functional, loss_weights
from kerasprune.scheduled import ScheduledModel, scheduled_layers
from kerasprune.training.batch_norms import following
from kerasprune.training.distill import Distill, resolve_distill
from kerasprune.training.early_choice import EarlyChoice
from kerasprune.training.epochs import PART, Epochs, epochs_of
from kerasprune.training.lesson import lesson
from kerasprune.training.optimizer import optimizer_for
from kerasprune.training.pupil import Pupil
from kerasprune.training.smoothed import smoothed

SEEN = 256  # samples whose labels say what the loss is, where the model has none
POLICIES = ("mixed_float16", "mixed_bfloat16")


@dataclass(frozen=True, eq=False)
class Finetuned:
    """The result of `finetune`.

    Attributes:
        model: The trained model, compiled as the one that was given.
        history: By name, one number for every epoch: "loss" (that of the training, with the teacher's part and the
            smoothing), and with validation data "val_loss" and, for classes, "val_accuracy".
        best_epoch: The epoch, from 0, whose weights the model has; the last one where nothing was validated.
    """

    model: keras.Model
    history: Mapping[str, Sequence[float]]
    best_epoch: int


@quiet("tensorflow", "retracing")
def finetune(
    model: keras.Model,
    data: Any,
    epochs: int = 1,
    *,
    teacher: keras.Model | Collection[keras.Model] | None = None,
    distill: Distill | None = None,
    keep: np.ndarray | None = None,
    validation: Any = None,
    loss: Any = None,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    warmup: float = 0.05,
    weight_decay: float = 0.01,
    label_smoothing: float = 0.0,
    precision: str | None = None,
    steps_per_epoch: int | None = None,
    callbacks: Collection[keras.callbacks.Callback] = (),
    seed: int = 0,
    progress: bool = False,
) -> Finetuned:
    """Train a model further as one would choose to: AdamW with a warm-up and a cosine, and a teacher if there is one.

    Biases and norms do not decay; the moving statistics of batch norms follow the weights within a tenth of an epoch.
    With validation data, the weights of its best epoch are kept. It trains under the distribution that is in force:
    call it in the scope of a `tf.distribute` strategy, or after `keras.distribution.set_distribution`.

    Args:
        model: A Functional or Sequential model, or one that `unroll` takes apart; it is not touched.
        data: `(x, y)` or `(x, y, sample_weight)` of arrays, which are shuffled; a `tf.data.Dataset`, a
            `keras.utils.PyDataset`, a torch `DataLoader` or another iterable of batches. With a teacher, data may come
            without labels.
        epochs: Passes over the data.
        teacher: A model with the same inputs and outputs, or several, for example the model before pruning.
        distill: How the teacher teaches; None for the defaults of `Distill`.
        keep: bool (num_ids,), what `model` has of the first teacher, over the ids of `trace(teacher)`; features are
            then compared channel by channel. Else they can be where both have the same shape.
        validation: Data like `data`, or a float in (0, 1): the share of the arrays that is not trained on, but chooses
            the epoch. Not the test data.
        loss: A Keras loss by name or as an object, or a structure of these; None for the model's own, that of a
            teacher, or, with a warning, what outputs and labels say.
        batch_size: Samples per step, for arrays.
        learning_rate: The highest one.
        warmup: Share of the steps in which the rate rises to it; then it falls to zero along a cosine.
        weight_decay: By how much kernels shrink in a step, times the rate.
        label_smoothing: Share of a label that is spread over all classes, in [0, 1).
        precision: "mixed_float16" or "mixed_bfloat16" trains in it; weights and the result stay in float32.
        steps_per_epoch: Batches of an epoch; needed for generators and endless datasets.
        callbacks: For `fit`; they see the logs that `history` is made of.
        seed: Of the order of the arrays and of dropout; on torch, dropout draws from torch's own generator.
        progress: Whether to show a progress bar.

    Returns:
        The trained model and its history.

    Raises:
        DataError: There are no labels and no teacher, no loss, or nobody knows how long an epoch is; the data does not
            fit the model and the loss, or the weights have become NaN.
        GraphError: The model is subclassed and cannot be taken apart.
        OptionError: An option is out of its range, or a teacher does not fit.

    Example:

    >>> tuned = finetune(small, (x, y), epochs=2, teacher=model, validation=0.25)
    >>> sorted(tuned.history)
    ['learning_rate', 'loss', 'val_accuracy', 'val_loss']

    Reference:
        Loshchilov, Hutter, Decoupled Weight Decay Regularization, arXiv 1711.05101:
        `w <- w - r_t (m / (sqrt(v) + e) + decay * w)`, with `r_t = r (1 + cos(pi t / T)) / 2` after the warm-up.
    """
    _check(model, epochs, precision)
    given = epochs_of(data, validation, batch_size, seed, steps_per_epoch)
    source = model.student if isinstance(model, Pupil) else model
    losses, weights = _losses([source, *keras.tree.flatten(teacher or [])], loss, given)
    _check_samples(source, given, ChosenLoss(losses, weights))
    trained = copied(source, precision)
    shell = _shell(model, trained, teacher, distill, keep)
    if not given.labelled and not isinstance(shell, Pupil):
        raise DataError("Fine-tuning needs labels, and the data has none. Pass data=(x, y), or a teacher.")
    _seed(shell, seed)
    steps = epochs * given.steps
    optimizer = optimizer_for(shell, steps, learning_rate, warmup, weight_decay)
    shell.compile(optimizer, smoothed(losses, label_smoothing), loss_weights=weights)
    choice = _choice(trained, losses, weights, given, batch_size)
    told = {"epochs": epochs, "steps_per_epoch": given.told, "shuffle": False, "verbose": 0}
    with countdown("fine-tuning", progress) as advance, following(trained, given.steps):
        history = shell.fit(given.data, callbacks=[*choice, _Rate(), _Bar(advance, steps), *callbacks], **told).history
    result = trained if precision is None else _like(source, trained)
    compile_like(result, source)
    broken = first_not_finite(result)
    if broken is not None:
        raise DataError(
            f"The training has diverged: {broken} is NaN or infinite. Take a lower rate than "
            f"learning_rate={learning_rate}, or look for values in the data that are out of scale."
        )
    best = next((each.best_epoch for each in choice if each.best_epoch is not None), epochs - 1)
    return Finetuned(result, {name: [float(v) for v in values] for name, values in history.items()}, best)


def _check(model: keras.Model, epochs: int, precision: str | None) -> None:
    if not isinstance(model, keras.Model):
        raise OptionError(f"A model must be a keras.Model. Received: {type(model).__name__}.")
    if not isinstance(epochs, int) or epochs < 1:
        raise OptionError(f"`epochs` must be a whole number of at least 1. Received: epochs={epochs!r}.")
    if precision is not None and precision not in POLICIES:
        raise OptionError(f"`precision` must be one of {', '.join(POLICIES)}, or None. Received: {precision!r}.")


def _check_samples(model: keras.Model, given: Epochs, chosen: ChosenLoss) -> None:
    """Raise DataError where samples that are known do not fit the model and its loss, or hold NaN."""
    terms = LossTerms(model, chosen) if given.labelled else None
    for _ in Sampling(given.known, batch_size=PART).feed(model, terms) if given.known else ():
        pass


def _losses(models: Sequence[keras.Model], loss: Any, given: Epochs) -> tuple[Any, Any]:
    """The loss, or the losses of the outputs, and what each of them counts.

    Args:
        models: The model, and then its teachers, whose loss is that of a model without one.
        loss: As in `finetune`.
        given: The data.
    """
    if loss is not None:
        return loss, None
    for model in models:
        if getattr(model, "compiled", False) and model.loss is not None:
            return model.loss, loss_weights(model)
    if not given.known:
        raise DataError(
            f"{models[0].name!r} is not compiled with a loss. Pass one: loss='sparse_categorical_crossentropy'."
        )
    chosen = chosen_loss(models[0], Sampling([given.known[0].rows(slice(SEEN))]))
    return chosen.loss, chosen.weights


def _shell(model: keras.Model, trained: keras.Model, teacher: Any, distill: Any, keep: Any) -> keras.Model:
    """The same layers under another roof, in whose file the moments of the optimizer do not end up."""
    if teacher is not None:
        return lesson(resolve_distill(distill) or Distill(), teacher, keep is not None).pupil(trained, keep)
    if distill is not None:
        raise OptionError("`distill` says how a teacher teaches, and there is none. Pass teacher=..., a model.")
    if isinstance(model, Pupil):
        return model.like(trained)
    return _roof(trained)


def _roof(trained: keras.Model) -> keras.Model:
    graph = functional(trained)
    inputs, outputs = as_inputs(trained, graph.inputs), as_outputs(trained, graph.outputs)
    kind = ScheduledModel if scheduled_layers(trained) else keras.Model
    return kind(inputs, outputs, name=trained.name)


def _seed(model: keras.Model, seed: int) -> None:
    """Let the noise of dropout and its like follow from the seed."""
    states = [variable for variable in model.variables if variable.name == "seed_generator_state"]
    for number, state in enumerate(states):
        state.assign(np.array([seed, number], "uint32"))


def _choice(trained: keras.Model, losses: Any, weights: Any, given: Epochs, batch_size: int) -> list[EarlyChoice]:
    """The callback that chooses the epoch, if there is something to choose by."""
    if given.validation is None:
        return []
    judge = _roof(trained)
    metrics = ["accuracy"] if len(judge.outputs) == 1 and _of_classes(losses) else None
    judge.compile("sgd", losses, weighted_metrics=metrics, loss_weights=weights)
    return [EarlyChoice(judge, given.validation, batch_size)]


def _of_classes(losses: Any) -> bool:
    """Whether the loss of the one output is a cross-entropy."""
    (loss,) = keras.tree.flatten(losses)
    found = keras.losses.get(loss)
    function = getattr(found, "fn", found)
    return getattr(function, "__name__", "").endswith("crossentropy")


def _like(source: keras.Model, trained: keras.Model) -> keras.Model:
    """A model that computes as the source does, with the weights of one that computes in half precision."""
    result = copied(source)
    for weight, value in zip(result.weights, trained.weights, strict=True):
        weight.assign(keras.ops.copy(value))
    return result


class _Rate(keras.callbacks.Callback):
    """Notes the learning rate at the end of every epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))


class _Bar(keras.callbacks.Callback):
    """Tells a progress bar how far the training is."""

    def __init__(self, advance, steps: int):
        super().__init__()
        self.advance, self.steps, self.done, self.words = advance, steps, 0, ""

    def on_train_batch_end(self, batch, logs=None):
        self.done += 1
        self.advance(self.done / self.steps, self.words)

    def on_epoch_end(self, epoch, logs=None):
        self.words = ", ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items() if "rate" not in name)

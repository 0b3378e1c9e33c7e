"""Fine-tuning on labelled data, and how often a model is right."""

import itertools
from collections.abc import Callable

import numpy as np

from kerasprune_cli.console import say
from kerasprune_cli.data import Samples
from kerasprune_cli.errors import BadInput
from kerasprune_cli.lazy import evidence, graph, keras

BATCH_SIZE = 64


def tuner(samples: Samples, *, epochs: int, learning_rate: float, loss: str | None) -> Callable:
    """A function that trains the model it is given, in place; the model's own optimizer is not used.

    The rate falls from `learning_rate` to zero along a cosine, so that the last epoch settles.

    Args:
        samples: Labelled.
        epochs: Passes over the samples.
        learning_rate: Of Adam, at the start.
        loss: Name of a Keras loss; None for the one the model was compiled with.

    Raises:
        BadInput: There are no labels, or (raised by the returned function) no loss is known.
    """
    if samples.y is None:
        raise BadInput("Fine-tuning needs labels: the data holds inputs only; add them as the array y.")

    def tune(model) -> None:
        chosen = loss or getattr(model, "loss", None)
        if chosen is None:
            raise BadInput("The model was saved without a loss: name one, for example --loss mse.")
        steps = epochs * -(-samples.size // BATCH_SIZE)
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        # The same layers under another roof: the moments of this optimizer do not end up in the model's file.
        shell = keras.Model(model.input, model.output)
        shell.compile(keras.optimizers.Adam(rate), chosen)
        try:
            with evidence.progress.countdown("fine-tuning", True) as advance:
                shell.fit(
                    samples.x,
                    samples.y,
                    sample_weight=samples.weight,
                    batch_size=BATCH_SIZE,
                    epochs=epochs,
                    verbose=0,
                    callbacks=[_told(epochs, steps, advance)],
                )
        except ValueError as error:  # Keras has tried to put outputs and labels together
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise BadInput(f"The labels do not fit the loss {chosen!r}: {reason}. Name another with --loss.") from error
        if graph.first_not_finite(shell) is not None:
            raise BadInput(
                f"The fine-tuning diverged: its weights are no numbers any more. Take a lower --learning-rate than "
                f"{learning_rate:g}; nothing was written."
            )

    return tune


def require_loss(name: str) -> None:
    """Raise BadInput unless Keras has a loss of this name."""
    try:
        found = keras.losses.get(name)
    except ValueError:
        found = None
    if found is None:
        raise BadInput(f"Keras has no loss {name!r}: name one such as --loss mse.")


def _told(epochs: int, steps: int, advance: Callable[[float, str], None]):
    """A callback that tells how far the training is, and the loss of every epoch."""
    done = itertools.count(1)
    return keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: advance(next(done) / steps, f"loss {logs['loss']:.4f}"),
        on_epoch_end=lambda epoch, logs: say(f"epoch {epoch + 1} of {epochs}: loss {logs['loss']:.4f}"),
    )


def accuracy(predict: Callable[..., np.ndarray], samples: Samples | None) -> float | None:
    """The share of samples whose class is predicted, or None where there are no classes.

    Args:
        predict: Inputs to outputs (n, classes), or (n, 1) with the probability of class 1.
        samples: Labels are classes as integers (n,) or (n, 1), or one-hot (n, classes).
    """
    if samples is None or samples.y is None:
        return None
    outputs = predict(samples.x)
    if not isinstance(outputs, np.ndarray) or outputs.ndim != 2:
        return None
    expected = _classes(samples.y)
    if expected is None:
        return None
    predicted = outputs.argmax(axis=1) if outputs.shape[1] > 1 else outputs[:, 0] > 0.5
    return float((predicted == expected).mean())


def _classes(y: np.ndarray) -> np.ndarray | None:
    """Labels as integers (n,); None where they are not classes."""
    if y.ndim == 2 and y.shape[1] > 1:
        one_hot = np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()
        return y.argmax(axis=1) if one_hot else None
    if y.dtype.kind in "biu" and y.size == len(y):
        return y.reshape(-1)
    return None

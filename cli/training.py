"""Fine-tuning on labelled data, and how often a model is right."""

from collections.abc import Callable

import numpy as np

from kerasprune_cli.console import say
from kerasprune_cli.data import Samples
from kerasprune_cli.errors import BadInput
from kerasprune_cli.lazy import keras, kp


def tuner(
    samples: Samples, *, epochs: int, learning_rate: float, loss: str | None, validation: float = 0.0, seed: int = 0
) -> Callable:
    """A function that returns the model it is given, fine-tuned; see `kerasprune.finetune`.

    Args:
        samples: Labelled.
        epochs: Passes over the samples.
        learning_rate: The highest.
        loss: Name of a Keras loss; None for the one the model was compiled with.
        validation: Share of the samples that is not trained on, but chooses the epoch.
        seed: Of what is drawn at random.

    Raises:
        BadInput: There are no labels, or (raised by the returned function) they do not fit the loss.
    """
    if samples.y is None:
        raise BadInput("Fine-tuning needs labels: the data holds inputs only; add them as the array y.")

    def tune(model):
        try:
            return kp.finetune(
                model,
                samples.pair,
                epochs,
                validation=validation or None,
                loss=loss,
                learning_rate=learning_rate,
                callbacks=[_told(epochs)],
                seed=seed,
                progress=True,
            ).model
        except kp.KeraspruneError:
            raise
        except ValueError as error:  # Keras has tried to put outputs and labels together
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise BadInput(f"The labels do not fit the loss: {reason}. Name another with --loss.") from error

    return tune


def require_loss(name: str) -> None:
    """Raise BadInput unless Keras has a loss of this name."""
    try:
        found = keras.losses.get(name)
    except ValueError:
        found = None
    if found is None:
        raise BadInput(f"Keras has no loss {name!r}: name one such as --loss mse.")


def _told(epochs: int):
    """A callback that tells the losses of every epoch, and the accuracy where one is measured."""

    def tell(epoch, logs):
        told = (f"{name} {value:.4f}" for name, value in logs.items() if name != "learning_rate")
        say(f"epoch {epoch + 1} of {epochs}: {', '.join(told)}")

    return keras.callbacks.LambdaCallback(on_epoch_end=tell)


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

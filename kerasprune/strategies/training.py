"""A training that the user gives, and what it must leave."""

from collections.abc import Callable

import keras
import numpy as np

from kerasprune.core import DataError, OptionError, arrays_of
from kerasprune.evidence import Sampling
from kerasprune.evidence.chosen_loss import ChosenLoss
from kerasprune.graph import is_graph, operations
from kerasprune.training import finetune

EPOCHS = {"quick": 1, "normal": 3, "thorough": 10}  # by the effort
_HELD_OUT = 0.1  # of the samples, where there are enough of them to choose the epoch by
_ENOUGH = 500


def standard_training(sampling: Sampling, effort: str) -> Callable[..., keras.Model]:
    """A function that returns the model that it gets after a `finetune` on all data.

    Args:
        sampling: The data and how it is read.
        effort: Says for how many epochs.
    """
    arrays = arrays_of(sampling.data)
    enough = arrays is not None and arrays.y is not None and arrays.size >= _ENOUGH
    loss = sampling.loss.loss if isinstance(sampling.loss, ChosenLoss) else sampling.loss

    def train(network: keras.Model, **span: int) -> keras.Model:
        if span:
            raise OptionError(
                "A strategy that goes back to an early step has to train up to that step, which train='auto' does "
                "not. Pass a function that takes `start` and `stop`."
            )
        return finetune(
            network,
            sampling.data,
            EPOCHS[effort],
            validation=_HELD_OUT if enough else None,
            loss=loss,
            batch_size=sampling.batch_size,
            seed=sampling.seed,
            progress=sampling.progress,
        ).model

    return train


def trained_by(
    train: Callable[[keras.Model], keras.Model | None], given: keras.Model, student: keras.Model | None = None
) -> keras.Model:
    """The model that a user's function has trained: the one that it got, or the one that it returns.

    Args:
        train: Trains the model in place and returns None, or returns the trained model, of the same architecture.
        given: The model to train.
        student: The model whose layers that one has, if it is a pupil; what is returned may have its architecture.

    Raises:
        OptionError: It returns something else, or a model of another architecture.
        DataError: Weights are not finite.
    """
    wanted = _architecture(given if student is None else student)
    trained = train(given)
    trained = given if trained is None else trained
    if not isinstance(trained, keras.Model):
        raise OptionError(
            "`train` must train the model it is given and return None, or return the trained model. "
            f"It returned: {type(trained).__name__}."
        )
    found = wanted if trained is given else _architecture(trained)
    if found != wanted:
        raise OptionError(
            f"`train` must return a model of the architecture that it is given. {_difference(wanted, found)} "
            "To change the architecture, do so before `compress`, or in its result."
        )
    for weight in trained.weights:
        values = keras.ops.convert_to_numpy(weight)
        if values.dtype.kind in "fV" and not np.isfinite(values.astype("float32")).all():
            raise DataError(
                f"After `train` the weight {weight.path!r} holds NaN or infinity. Use a lower learning rate, or "
                "`clipnorm=1.0` in the optimizer, and look at the data for such values."
            )
    return trained


def _architecture(model: keras.Model) -> list[tuple]:
    """Of each operation in order: its class, its name and the shapes of its weights."""
    if not is_graph(model):
        return [(type(model).__name__, model.name, ())]
    return [
        (type(part).__name__, path, tuple(tuple(weight.shape) for weight in getattr(part, "weights", ())))
        for path, part in operations(model).items()
    ]


def _difference(wanted: list[tuple], found: list[tuple]) -> str:
    """A sentence on the first place in which two architectures differ."""
    if len(wanted) != len(found):
        return f"It has {len(wanted)} layers and operations, and what `train` returned has {len(found)}."
    first, other = next(pair for pair in zip(wanted, found, strict=True) if pair[0] != pair[1])
    return f"It has {_told(first)}, and what `train` returned has {_told(other)}."


def _told(part: tuple) -> str:
    kind, path, shapes = part
    return f"a {kind} `{path}` {'with weights of ' + ', '.join(map(str, shapes)) if shapes else 'without weights'}"

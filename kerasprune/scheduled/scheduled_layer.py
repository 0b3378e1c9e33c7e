"""The schedule of a layer that decides, while a model trains, what of it stays."""

import keras
import numpy as np
from keras import ops

from kerasprune.core import OptionError


class ScheduledLayer(keras.layers.Layer):
    """A layer whose state goes through three phases of training, counted in steps.

    While `ramp` lasts, limits fall from everything to what is wanted; until `settle` the layer explores there; from
    then on what it keeps stays as it is, and only the weights of the model are trained. Everything that changes is a
    weight of the layer, the state of its noise is saved too, and so a run that was interrupted goes on like one that
    was not.

    Args:
        steps: Number of training steps (batches) of the whole schedule; None lets `fit` say it.
        ramp: Share of the steps in which limits fall.
        settle: Share of the steps after which what is kept stays as it is.
        seed: Of what is drawn at random.

    Raises:
        OptionError: An argument is outside its range.
    """

    assumed_progress = 1.0  # how far training is taken to be where nobody says how long it lasts
    learns = True  # whether `fit` itself teaches the layer what to keep

    def __init__(
        self, steps: int | None = None, ramp: float = 0.5, settle: float = 0.75, seed: int | None = None, **kwargs
    ):
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        if not 0 < ramp <= settle <= 1:
            raise OptionError(
                f"`ramp` and `settle` must be 0 < ramp <= settle <= 1. Received: ramp={ramp}, settle={settle}."
            )
        if steps is not None and (int(steps) != steps or steps < 1):
            raise OptionError(f"`steps` must be a whole number of at least 1. Received: steps={steps!r}.")
        self.steps, self.ramp, self.settle, self.seed = steps, ramp, settle, seed
        self.random = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    @property
    def settled(self) -> bool:
        """Whether training has come so far that what is kept stays as it is."""
        step, total = float(read(self.step)), float(read(self.total))
        return step > 0 and step >= max(np.floor(self.settle * total + _ROUNDING), 1)

    @property
    def is_told(self) -> bool:
        """Whether it is known how long training lasts, or training has begun."""
        return self.steps is not None or float(read(self.step)) > 0

    def build_schedule(self) -> None:
        """Make the weights of the schedule."""
        self.step = self.state((), "zeros", "step")
        self.total = self.state((), keras.initializers.Constant(self.steps or 0), "total")

    def state(self, shape, initializer, name: str):
        """A weight that is not trained and is the same on all replicas."""
        return self.add_weight(
            shape=shape, initializer=initializer, trainable=False, name=name, aggregation="only_first_replica"
        )

    def progress(self):
        """The share of the steps that are done: float ()."""
        return ops.where(self.total > 0, self.step / ops.maximum(self.total, 1.0), self.assumed_progress)

    def ramped(self):
        """How far limits have fallen: 0 in the first step, 1 in the last one of the ramp and after it; float ()."""
        last = ops.floor(self.ramp * self.total + _ROUNDING) - 1
        told = ops.where(self.step >= last, 1.0, self.step / ops.maximum(last, 1.0))
        return ops.where(self.total > 0, told, self.assumed_progress)

    def is_settled(self):
        """The same as `settled` for the step that is going on, of which there may be no last one: bool ()."""
        told = ops.logical_or(self.total > 0, self.assumed_progress >= 1)
        return ops.logical_and(self.step >= self.first_settled(), told)

    def first_settled(self):
        """The first step in which nothing is decided any more: float ()."""
        return ops.maximum(ops.floor(self.settle * self.total + _ROUNDING), 1.0)

    def prepare(self, training) -> None:
        """Compute what this layer shares with others in this step, before a scope hides their weights from it."""

    def advance(self) -> None:
        """This step is done."""
        self.step.assign(self.step + 1)

    def learned(self) -> np.ndarray:
        """What is another after training, unless something is wrong."""
        return read(self.step)

    def counts(self) -> dict[str, int]:
        """Numbers for the logs of `fit` that are added up over all layers of a model."""
        return {}

    def report(self) -> dict[str, float]:
        """Other entries for the logs of `fit`."""
        return {}

    def reason_for_rest(self) -> str:
        """Why nothing was learned, where `learned` is after `fit` what it was before."""
        if not self.learns:
            return "it is ranked from outside; pass the callback `Rerank` to `fit`"
        if not self.trainable or not self.trainable_variables:
            return "it is not trainable; set `trainable = True` on it and compile again"
        return "its gradients or the learning rate are zero; check the loss and the optimizer"

    def save_own_variables(self, store):
        """The weights and the state of the noise, which Keras does not save."""
        super().save_own_variables(store)
        store["random"] = read(self.random.state)

    def load_own_variables(self, store):
        """Counterpart of `save_own_variables`."""
        self.random.state.assign(store["random"])
        names = [name for name in store.keys() if name != "random"]  # noqa: SIM118  (a store cannot be iterated)
        super().load_own_variables({name: store[name] for name in names})

    def get_config(self):
        own = {name: getattr(self, name) for name in ("steps", "ramp", "settle", "seed")}
        return {**super().get_config(), **own}


_ROUNDING = 1e-4  # of steps, in single precision


def read(variable) -> np.ndarray:
    """The value of a variable, of the first replica where there are several."""
    return ops.convert_to_numpy(ops.convert_to_tensor(variable))

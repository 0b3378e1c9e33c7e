"""The schedule of a layer that decides, while a model trains, what of it stays."""

from itertools import combinations

import keras
import numpy as np
from keras import ops

from kerasprune.core import OptionError


class ScheduledLayer(keras.layers.Layer):
    """A layer whose state goes through three phases of training, counted in steps.

    From `begin` to `ramp` limits fall from everything to what is wanted; until `settle` the layer explores there; from
    then on what it keeps stays as it is, and only the weights of the model are trained. Everything that changes is a
    weight of the layer, the state of its noise is saved too, and so a run that was interrupted goes on like one that
    was not.

    Each of the three moments is a share of the steps, from 0 to 1, or above 1 a number of steps.

    Args:
        steps: Number of training steps (batches) of the whole schedule; None lets `fit` say it, unless `settle` is a
            number of steps, which is then the length of the schedule.
        begin: When limits begin to fall.
        ramp: When they have fallen.
        settle: When what is kept is decided and stays as it is.
        seed: Of what is drawn at random.

    Raises:
        OptionError: An argument is outside its range.
    """

    assumed_progress = 1.0  # how far training is taken to be where nobody says how long it lasts
    learns = True  # whether `fit` itself teaches the layer what to keep

    def __init__(
        self,
        steps: int | None = None,
        begin: float = 0.0,
        ramp: float = 0.5,
        settle: float = 0.75,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        if steps is not None and (int(steps) != steps or steps < 1):
            raise OptionError(f"`steps` must be a whole number of at least 1. Received: steps={steps!r}.")
        self.steps, self.begin, self.ramp, self.settle, self.seed = steps, begin, ramp, settle, seed
        self._check_order()
        self.random = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def _check_order(self) -> None:
        moments = {"begin": self.begin, "ramp": self.ramp, "settle": self.settle}
        given = ", ".join(f"{name}={value}" for name, value in moments.items())
        for name, value in moments.items():
            if value < 0 or (value > 1 and int(value) != value):
                raise OptionError(
                    f"`{name}` must be a share of the steps in [0, 1], or a whole number of steps above 1. "
                    f"Received: {name}={value}."
                )
        total = self.length
        places = [value if value > 1 or total is None else value * total for value in moments.values()]
        # A share and a number of steps can be compared only where the length is known.
        pairs = [pair for pair in combinations(places, 2) if total is not None or (pair[0] > 1) == (pair[1] > 1)]
        if self.ramp == 0 or any(earlier > later for earlier, later in pairs):
            raise OptionError(
                f"`begin`, `ramp` and `settle` must be in this order: 0 <= begin <= ramp <= settle, 0 < ramp. "
                f"Received: {given}."
            )

    @property
    def length(self) -> int | None:
        """The number of steps of the whole schedule as far as it was given; None lets `fit` say it."""
        return int(self.settle) if self.steps is None and self.settle > 1 else self.steps

    @property
    def settled(self) -> bool:
        """Whether training has come so far that what is kept stays as it is."""
        step, total = float(read(self.step)), float(read(self.total))
        place = self.settle if self.settle > 1 else np.floor(self.settle * total + _ROUNDING)
        return step > 0 and step >= max(place, 1)

    @property
    def is_told(self) -> bool:
        """Whether it is known how long training lasts, or training has begun."""
        return self.length is not None or float(read(self.step)) > 0

    def build_schedule(self) -> None:
        """Make the weights of the schedule."""
        self.step = self.state((), "zeros", "step")
        self.total = self.state((), keras.initializers.Constant(self.length or 0), "total")

    def state(self, shape, initializer, name: str):
        """A weight that is not trained and is the same on all replicas."""
        return self.add_weight(
            shape=shape, initializer=initializer, trainable=False, name=name, aggregation="only_first_replica"
        )

    def progress(self):
        """The share of the steps that are done: float ()."""
        return ops.where(self.total > 0, self.step / ops.maximum(self.total, 1.0), self.assumed_progress)

    def ramped(self):
        """How far limits have fallen: 0 until they begin to, 1 in the last step of the ramp and after it; float ()."""
        first = self._place(self.begin)
        last = ops.minimum(self._place(self.ramp), self.first_settled()) - 1
        done = ops.clip((self.step - first) / ops.maximum(last - first, 1.0), 0.0, 1.0)
        return ops.where(self.total > 0, ops.where(self.step >= last, 1.0, done), self.assumed_progress)

    def has_begun(self):
        """Whether limits have begun to fall, which they have where nobody says how long training lasts: bool ()."""
        return ops.where(self.total > 0, self.step >= self.first_step(), self.assumed_progress >= 1)

    def first_step(self):
        """The step in which limits begin to fall: float ()."""
        return self._place(self.begin)

    def is_settled(self):
        """The same as `settled` for the step that is going on, of which there may be no last one: bool ()."""
        told = ops.logical_or(self.total > 0, self.assumed_progress >= 1)
        return ops.logical_and(self.step >= self.first_settled(), told)

    def first_settled(self):
        """The first step in which nothing is decided any more: float ()."""
        return ops.maximum(self._place(self.settle), 1.0)

    def _place(self, moment: float):
        """The number of steps done at a moment that may be a share: float ()."""
        return ops.convert_to_tensor(float(moment)) if moment > 1 else ops.floor(moment * self.total + _ROUNDING)

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
        own = {name: getattr(self, name) for name in ("steps", "begin", "ramp", "settle", "seed")}
        return {**super().get_config(), **own}


_ROUNDING = 1e-4  # of steps, in single precision


def read(variable) -> np.ndarray:
    """The value of a variable, of the first replica where there are several."""
    return ops.convert_to_numpy(ops.convert_to_tensor(variable))

"""A model whose loss grows with the weights of its channels, so that training brings those to zero."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from kerasprune.core import Labels, OptionError, Registry
from kerasprune.graph import Opened, Plain, Rebuild, Site, accepted_by, is_graph, opener, operations, rule, trained_like
from kerasprune.scheduled import ScheduledLayer, ScheduledModel, model_around, read

PENALTIES = Registry("penalty on channels")

# From the layer and the sum of the squares of what belongs to each channel, float (num_ids,), to a scalar.
Penalty = Callable[["PenalizedChannels", object], object]

_CONTRAST = 4.0  # how many times a penalty doubles from the heaviest channel of a group to the lightest
_TINY = 1e-12  # under a root, whose derivative at zero is not finite


@keras.saving.register_keras_serializable(package="kerasprune")
class PenalizedChannels(ScheduledLayer):
    """Calls a model, and adds to its loss in training a penalty on all that belongs to a channel.

    To a channel belong the entries of every trainable weight that have its label on any axis: what makes it, what
    scales it, and what reads it.

    Args:
        layer: The model; it becomes part of this layer.
        labels: For every labelled axis the position of the weight in `layer.weights`, the axis and its ids.
        groups: The ids that are penalized, by group.
        kind: "lasso", "importance" or "growing".
        factor: Of the penalty.
        **options: Those of a layer with a schedule.

    Raises:
        OptionError: `factor` is negative.
    """

    def __init__(
        self,
        layer: keras.Model,
        labels: list,
        groups: list[list[int]],
        kind: str = "lasso",
        factor: float = 1e-3,
        **options,
    ):
        super().__init__(**{"ramp": 0.75, "settle": 1.0, **options})
        if not factor >= 0:
            raise OptionError(f"`factor` must be a number of at least 0. Received: factor={factor!r}.")
        PENALTIES[kind]
        self.layer, self.labels, self.groups = layer, labels, groups
        self.kind, self.factor = kind, factor

    def build(self, input_shape=None):
        self.num_ids = 1 + max(max(ids) for _, _, ids in self.labels)
        self.member_of = np.full(self.num_ids, len(self.groups))  # the last one is of those that are not penalized
        for number, ids in enumerate(self.groups):
            self.member_of[ids] = number
        self.pressed = (self.member_of < len(self.groups)).astype("float32")
        self.sizes = np.zeros(self.num_ids, "float32")
        for position, axis, ids in self.labels:
            shape = self.layer.weights[position].shape
            np.add.at(self.sizes, ids, np.prod(shape) / shape[axis])
        self.build_schedule()

    def call(self, inputs, training=None, mask=None):
        given = accepted_by(self.layer, {"training": training} | ({} if mask is None else {"mask": mask}))
        outputs = self.layer(inputs, **given)
        if training:
            self.add_loss(self.factor * PENALTIES[self.kind](self, self.squares()))
            self.advance()
        return outputs

    def squares(self):
        """The sum of the squares of what belongs to each channel: float (num_ids,)."""
        total = ops.zeros((self.num_ids,))
        for position, axis, ids in self.labels:
            weight = ops.square(ops.cast(self.layer.weights[position], "float32"))
            others = [other for other in range(len(weight.shape)) if other != axis]
            total += ops.segment_sum(ops.sum(weight, others), ops.convert_to_tensor(ids, "int32"), self.num_ids)
        return total

    def report(self) -> dict[str, float]:
        """The root of the mean square of what is penalized."""
        share = float(np.sum(read(self.squares()) * self.pressed) / max(np.sum(self.sizes * self.pressed), 1))
        return {"penalized_weights": share**0.5}

    def get_config(self):
        own = {name: getattr(self, name) for name in ("labels", "groups", "kind", "factor")}
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer), **own}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """As in Keras."""
        layer = keras.saving.deserialize_keras_object(config["layer"], custom_objects=custom_objects)
        return cls(**{**config, "layer": layer})


@PENALTIES.register("lasso")
def lasso(layer: PenalizedChannels, squares):
    """The norm of a channel times the root of its size, which brings whole channels to zero.

    Reference:
        Yuan and Lin, Model selection and estimation in regression with grouped variables, 2006, eq. 2.1; for the
        channels of networks: Wen et al., Learning Structured Sparsity in Deep Neural Networks, NeurIPS 2016, eq. 2.
    """
    weights = ops.convert_to_tensor(layer.pressed * np.sqrt(layer.sizes))
    return ops.sum(weights * ops.sqrt(squares + _TINY))


@PENALTIES.register("importance")
def importance(layer: PenalizedChannels, squares):
    """Half of the square of the norm of a channel, 1 to 16 times, the more the lighter it is in its group.

    Reference:
        Fang et al., DepGraph: Towards Any Structural Pruning, CVPR 2023, eq. 5: `2 ** (4 * (max - I) / (max - min))`.
    """
    norms = ops.stop_gradient(ops.sqrt(squares))
    count, ids = len(layer.groups) + 1, ops.convert_to_tensor(layer.member_of, "int32")
    highest = ops.take(ops.segment_max(norms, ids, count), ids)
    lowest = -ops.take(ops.segment_max(-norms, ids, count), ids)
    place = (highest - norms) / ops.maximum(highest - lowest, _TINY)
    pressed = ops.convert_to_tensor(layer.pressed)
    return 0.5 * ops.sum(pressed * ops.power(2.0, _CONTRAST * place) * squares)


@PENALTIES.register("growing")
def growing(layer: PenalizedChannels, squares):
    """Half of the square of the norm of a channel, times a factor that grows from 0 to 1 by the schedule.

    Reference:
        Wang, Qin, Zhang and Fu, Neural Pruning via Growing Regularization, ICLR 2021.
    """
    return 0.5 * layer.ramped() * ops.sum(ops.convert_to_tensor(layer.pressed) * squares)


def penalized(opened: Opened, groups: list[np.ndarray], kind: str, factor: float, **options) -> ScheduledModel:
    """A copy of a model whose channels are penalized while it trains; slimmed, it is the plain model again.

    Args:
        opened: The model.
        groups: The ids to penalize, by group: int (ids,) each.
        kind: The penalty.
        factor: Of the penalty.
        **options: Of `PenalizedChannels`.

    Returns:
        A model with the inputs, outputs and weights of the opened one, compiled with its settings.
    """
    runs = opened.runs
    copy = Rebuild(runs.graph).run(runs.flat)
    layer = PenalizedChannels(
        copy,
        _labels(runs, copy),
        [ids.tolist() for ids in groups],
        kind,
        factor,
        name="penalized_channels",
        **options,
    )
    return trained_like(model_around(layer, opened.model.name), runs.model, ScheduledModel)


def _labels(opened: Opened, model: keras.Model) -> list:
    """The labelled axes of the trainable weights of a model with the architecture of the opened one."""
    place = {id(weight): position for position, weight in enumerate(model.weights)}
    found = operations(model)
    rows = []
    for each in opened.graph.weights:
        weight = found[each.layer].weights[each.index]
        for axis, ids in enumerate(each.axes):
            if ids is not None and weight.trainable and np.any(ids):
                rows.append([place[id(weight)], axis, np.asarray(ids).tolist()])
    return rows


@rule(PenalizedChannels, behaviour="barrier")
def penalized_channels(site: Site) -> list[Labels]:
    """What is left is not decided yet."""
    return site.decline(f"the channels of {site.name} are being penalized; `slim` the model that it was made for")


@opener(PenalizedChannels)
def open_model(model: keras.Model) -> Plain | None:
    """The model inside, with the weights that it has."""
    plain = (keras.layers.InputLayer, keras.layers.Identity)
    parts = [layer for layer in model.layers if not isinstance(layer, plain)]
    if len(parts) != 1 or not isinstance(parts[0], PenalizedChannels) or not is_graph(parts[0].layer):
        return None
    return Plain(parts[0].layer)

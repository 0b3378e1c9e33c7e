"""What a teacher's outputs ask of those of a student: one loss for each kind of output."""

from typing import Any

import keras
from keras import ops

_SMALLEST = 1e-30  # of a probability; the reciprocal, times a gradient, is finite in single precision


class SoftClasses(keras.losses.Loss):
    """The divergence of the student's classes from the teacher's at a temperature, times its square.

    Args:
        temperature: What the logits of both are divided by.
        from_logits: Whether outputs are logits; probabilities are taken back to logits.
        axis: Along which the classes lie.

    Reference:
        Hinton, Vinyals, Dean, Distilling the Knowledge in a Neural Network, arXiv 1503.02531: with
        `q_i = exp(z_i / T) / sum_j exp(z_j / T)` and the teacher's `p` likewise, `T^2 sum_i p_i log(p_i / q_i)`. The
        derivative in a logit, `T (q_i - p_i)`, stays of one size whatever T is.
    """

    def __init__(self, temperature: float, from_logits: bool = False, axis: int = -1):
        super().__init__(name="soft_classes")
        self.temperature, self.from_logits, self.axis = temperature, from_logits, axis

    def call(self, y_true, y_pred):
        """From the teacher's and the student's outputs (..., classes) to the loss of every position (...)."""
        wanted, found = (self._logarithms(outputs) for outputs in (y_true, y_pred))
        return self.temperature**2 * ops.sum(ops.exp(wanted) * (wanted - found), axis=self.axis)

    def _logarithms(self, outputs):
        """Of the probabilities at the temperature."""
        logits = outputs if self.from_logits else ops.log(ops.maximum(outputs, _SMALLEST))
        return ops.log_softmax(logits / self.temperature, axis=self.axis)


class SoftChances(keras.losses.Loss):
    """The same for outputs that are each a probability of its own, or its logit; the mean over the last axis.

    Args:
        temperature: As in `SoftClasses`.
        from_logits: As there.
    """

    def __init__(self, temperature: float, from_logits: bool = False):
        super().__init__(name="soft_chances")
        self.temperature, self.from_logits = temperature, from_logits

    def call(self, y_true, y_pred):
        """From outputs (..., n) to the loss of every position (...)."""
        teacher, student = (self._logits(outputs) / self.temperature for outputs in (y_true, y_pred))
        chance = ops.sigmoid(teacher)
        yes = ops.log_sigmoid(teacher) - ops.log_sigmoid(student)
        no = ops.log_sigmoid(-teacher) - ops.log_sigmoid(-student)
        return self.temperature**2 * ops.mean(chance * yes + (1 - chance) * no, axis=-1)

    def _logits(self, outputs):
        if self.from_logits:
            return outputs
        return ops.log(ops.maximum(outputs, _SMALLEST)) - ops.log(ops.maximum(1 - outputs, _SMALLEST))


class RelativeSquaredError(keras.losses.Loss):
    """The mean of `(s - t)^2` over that of `t^2`: whatever scale the teacher's tensor has, 1 is as bad as zeros."""

    def call(self, y_true, y_pred):
        """From tensors (batch, ..., n) to the loss of every position (batch, ...)."""
        return ops.mean(ops.square(y_pred - y_true), axis=-1) / (ops.mean(ops.square(y_true)) + keras.config.epsilon())


class Weighted(keras.distillation.FeatureDistillation):
    """A loss between tensors of teacher and student that knows sample weights.

    Args:
        loss: Compares the two, sample by sample.
    """

    def __init__(self, loss: keras.losses.Loss):
        super().__init__(loss=loss)

    def compute_loss(self, teacher_outputs, student_outputs, sample_weight=None, **kwargs):
        """The weighted mean over the batch: a scalar."""
        return self.loss(teacher_outputs, student_outputs, sample_weight)


# What is known of outputs by the name of the loss that judges them; of others, by the activation that makes them.
_BY_LOSS = {
    "categorical_crossentropy": SoftClasses,
    "sparse_categorical_crossentropy": SoftClasses,
    "categorical_focal_crossentropy": SoftClasses,
    "kl_divergence": SoftClasses,
    "binary_crossentropy": SoftChances,
    "binary_focal_crossentropy": SoftChances,
}
_BY_ACTIVATION = {"softmax": SoftClasses, "sigmoid": SoftChances}


def soft_loss(loss: Any, temperature: float, activation: str | None = None) -> keras.distillation.DistillationLoss:
    """How the outputs of a student are compared with the teacher's.

    Args:
        loss: The loss of the user for these outputs: a name, an object or a function of labels and outputs.
        temperature: For outputs that are probabilities or logits.
        activation: Name of the activation that makes the outputs, as far as it is known.

    Returns:
        Probabilities and logits are compared at the temperature. Other outputs are compared by the user's own loss
        where it is one of Keras', with the teacher's outputs as labels; by their squared error where it is not.
    """
    loss = keras.losses.get(loss)
    function = getattr(loss, "fn", loss)
    name = getattr(function, "__name__", type(function).__name__)
    of_keras = getattr(function, "__module__", "").partition(".")[0] == "keras"
    options = loss.get_config() if of_keras and isinstance(loss, keras.losses.Loss) else {}
    kind = _BY_LOSS.get(name) if of_keras else _BY_ACTIVATION.get(activation or "")
    if kind is None:
        own = of_keras and "sparse" not in name
        return Weighted(_as_object(loss) if own else keras.losses.MeanSquaredError())
    axis = {"axis": options["axis"]} if kind is SoftClasses and isinstance(options.get("axis"), int) else {}
    return Weighted(kind(temperature, bool(options.get("from_logits")), **axis))


def _as_object(loss) -> keras.losses.Loss:
    """A loss that takes sample weights."""
    return loss if isinstance(loss, keras.losses.Loss) else _OfFunction(loss)


class _OfFunction(keras.losses.Loss):
    """A loss given as a function, such as `keras.losses.mean_squared_error`."""

    def __init__(self, function):
        super().__init__(name=function.__name__)
        self.function = function

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred)

"""The optimizer of a fine-tune."""

import keras

from kerasprune.core import OptionError
from kerasprune.graph import layers_inside


def optimizer_for(
    model: keras.Model, steps: int, learning_rate: float, warmup: float, weight_decay: float
) -> keras.optimizers.Optimizer:
    """AdamW whose rate rises along a line and falls to zero along a cosine.

    Args:
        model: What it trains. Kernels and embeddings decay; vectors do not: biases, and the scales and offsets of
            norms; nor do weights of layers that learn which of others to keep.
        steps: Of the whole training.
        learning_rate: The highest.
        warmup: Share of the steps in which it rises.
        weight_decay: By how much weights shrink in a step, times the rate.

    Returns:
        An optimizer that scales the loss where layers compute in float16.

    Raises:
        OptionError: A value is out of its range.
    """
    if not learning_rate > 0:
        raise OptionError(f"`learning_rate` must be above 0. Received: learning_rate={learning_rate!r}.")
    if not 0 <= warmup < 1:
        raise OptionError(f"`warmup` must be a share of the steps in [0, 1). Received: warmup={warmup!r}.")
    if not weight_decay >= 0:
        raise OptionError(f"`weight_decay` must be at least 0. Received: weight_decay={weight_decay!r}.")
    rising = round(steps * warmup)
    if rising:
        first = learning_rate / (rising + 1)
        rate = keras.optimizers.schedules.CosineDecay(
            first, max(steps - rising, 1), warmup_target=learning_rate, warmup_steps=rising
        )
    else:
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay(var_list=_that_stay(model))
    half = any(layer.compute_dtype == "float16" for layer in layers_inside(model))
    return keras.optimizers.LossScaleOptimizer(optimizer) if half else optimizer


def _that_stay(model: keras.Model) -> list[keras.Variable]:
    """The trainable weights that do not decay."""
    norms = (keras.layers.BatchNormalization, keras.layers.LayerNormalization, keras.layers.GroupNormalization)
    own = [w for layer in layers_inside(model) if isinstance(layer, norms) for w in layer.trainable_variables]
    vectors = [weight for weight in model.trainable_variables if len(weight.shape) < 2]
    return [*own, *vectors]

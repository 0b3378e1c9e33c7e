"""Layers inside layers."""

import inspect
from collections.abc import Callable

import keras


def build_inside(layer: keras.layers.Layer, input_shape) -> None:
    """Build the layer that a wrapper holds, if it is not; see `with_shape`."""
    if not layer.built:
        with_shape(layer.build, input_shape)
        layer.built = True


def with_shape(function: Callable, input_shape):
    """Call `build` or `compute_output_shape` of a layer with the shape of its first input for all that it needs.

    Attention takes the shapes of query and value. Where they differ, the layer must be built before it is wrapped.
    """
    parameters = inspect.signature(function).parameters.values()
    required = [each for each in parameters if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD]
    return function(*[input_shape] * max(len(required), 1))


def accepted_by(layer: Callable, options: dict) -> dict:
    """What of the keyword arguments of a wrapper the `call` of the layer inside takes; not every layer takes a mask."""
    parameters = inspect.signature(layer.call if isinstance(layer, keras.layers.Layer) else layer).parameters
    free = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    return options if free else {name: value for name, value in options.items() if name in (*parameters, "training")}


def call_with(layer: keras.layers.Layer, values: dict[int, object], args: tuple, kwargs: dict) -> tuple[object, list]:
    """Call the layer that a wrapper holds while some of its weights have other values.

    What the call changes, such as moving statistics and the states of random numbers, stays.

    Args:
        layer: The layer.
        values: The other values, by the `id` of the weight.
        args: Arguments of the call.
        kwargs: Likewise, by name.

    Returns:
        The outputs, and the losses that the layer adds in this call.
    """
    outer = {id(variable): variable.value for variable in layer.variables} | values
    # All variables are listed, because on JAX their values are those of an outer scope, which this one hides.
    scope = keras.StatelessScope([(v, outer[id(v)]) for v in layer.variables], collect_losses=True)
    with scope:
        outputs = layer(*args, **kwargs)
    for variable in layer.non_trainable_variables:
        value = scope.get_current_value(variable)
        if value is not outer[id(variable)]:
            variable.assign(value)
    return outputs, scope.losses

"""From a Keras model on the TensorFlow backend to the bytes of a TFLite model."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kerasprune.core.errors import ExportError
from kerasprune.recipes import Recipe
from kerasprune.tflite.captured_output import captured_output
from kerasprune.tflite.flatbuffer import custom_operators, operators, parse, with_integer_inputs
from kerasprune.tflite.layer_of_tensor import place
from kerasprune.tflite.remembered import States
from kerasprune.tflite.rewrite import read_as_float, rewritten
from kerasprune.tflite.signature import InputSpec

_log = logging.getLogger(__name__)


def convert(model: keras.Model, specs: Sequence[InputSpec], recipe: Recipe, samples: Sequence[np.ndarray]) -> bytes:
    """Convert with built-in ops only.

    What the model remembers from call to call, its `States`, become inputs and outputs behind its own.

    The model is traced as one function of its inputs and converted from that function without an object to track, which
    makes the converter freeze the variables in memory. Of the ways in (TensorFlow 2.21, Keras 3.15), `from_keras_model`
    and `model.export(format="litert")` lose the output names, the latter allows Flex ops; a SavedModel takes three
    times as long and scrambles the order of inputs; a tracked function keeps every weight in a variable and fuses
    nothing.

    Args:
        model: A functional or Sequential model that computes in float32.
        specs: The shapes to convert for, of the inputs and the states.
        recipe: Sets up the converter.
        samples: One array (n, ...) per input and state, for the recipe.

    Returns:
        A model without signature: its inputs and outputs are in the order of `model.inputs` and `model.outputs`.

    Raises:
        ExportError: TFLite has no built-in op for something in the model.
    """
    with captured_output() as written:
        traced = _concrete_function(model, specs)
        _check_graph(model, traced, recipe)
        function = rewritten(traced, recipe.bits)
        bytes_in = read_as_float(traced) if recipe.bits and function is not traced else []
        integers = {place: specs[place].dtype for place in bytes_in}
        converter = _converter(function)
        recipe.configure(converter, _as_read(samples, integers), specs[0].shape[0] or 1)
        failure: Exception | None = None
        try:
            content = converter.convert()
        except Exception as error:  # the converter raises its own class, ValueError, RuntimeError and more
            failure = error
        output = written()
    _log.debug("%s", output)
    if failure is not None:
        raise ExportError(_explain(model, function, recipe, failure)) from failure
    _check_ops(model, parse(content), recipe)
    return with_integer_inputs(content, integers) if integers else content


def _as_read(samples: Sequence[np.ndarray], integers: Mapping[int, str]) -> list[np.ndarray]:
    """The samples, with floating numbers for the inputs of some places, the ends of the range of bytes among them."""
    arrays = list(samples)
    for position, name in integers.items():
        arrays[position] = arrays[position].astype("float32")
        limits = np.iinfo(name)
        if limits.bits == 8 and arrays[position].size > 1:
            arrays[position].flat[:2] = limits.min, limits.max  # so that every byte has an integer of its own
    return arrays


def _concrete_function(model: keras.Model, specs: Sequence[InputSpec]) -> Any:
    """The model in inference mode as one traced function of its flat inputs."""
    import tensorflow as tf  # noqa: PLC0415

    signature = [tf.TensorSpec(spec.shape, spec.dtype, name=f"input_{i}") for i, spec in enumerate(specs)]
    count = len(model.inputs)
    states = States.of(model, specs[:count]) if len(specs) > count else States()

    def serve(*tensors):
        return states.call(model, tensors)

    try:
        return tf.function(serve, input_signature=signature, autograph=False).get_concrete_function()
    except Exception as error:  # whatever a layer's own `call` raises
        lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()
        reason = next((line for line in lines[1:] if line.strip()), lines[0] if lines else type(error).__name__)
        shapes = ", ".join(f"{spec.name}: {spec.shape}" for spec in specs)
        raise ExportError(f"The model {model.name!r} cannot be called with {shapes}: {reason[:300]}") from error


def _check_graph(model: keras.Model, function: Any, recipe: Recipe) -> None:
    """Refuse what the converter would answer in riddles, or not survive."""
    for node in function.graph.get_operations():
        layer = place(node.name, model)
        if node.type.startswith("Assign"):
            raise ExportError(
                f"The model changes a tf.Variable at inference {layer}. Keep what it remembers in a weight of the "
                "layer: self.add_weight(trainable=False)."
            )
        if node.type in ("While", "StatelessWhile") and not recipe.loops:
            raise ExportError(
                f"The recipe {recipe.name!r} cannot convert the loop {layer}: give the layer a fixed number of steps "
                "and unroll=True, or use another recipe."
            )


def _check_ops(model: keras.Model, parsed: Any, recipe: Recipe) -> None:
    """Refuse a result with ops that the runtime does not have, or that the recipe does not accept."""
    foreign = custom_operators(parsed)
    if foreign:
        raise ExportError(_foreign_ops(model, foreign))
    forbidden = recipe.forbidden(list(operators(parsed)))
    if forbidden:
        found = dict.fromkeys(f"{op} {place(tensor, model)}" for op, tensor in forbidden)
        raise ExportError(f"The recipe {recipe.name!r} does not accept the ops {', '.join(found)}. {recipe.remedy}")


def _converter(function: Any) -> Any:
    import tensorflow as tf  # noqa: PLC0415

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter


def _explain(model: keras.Model, function: Any, recipe: Recipe, error: Exception) -> str:
    """Why a conversion failed: the foreign ops and their layers if there are any, else the converter's first words."""
    foreign = _ops_with_fallback(function)
    if not foreign:
        foreign = _ops_blamed(function, str(error))
    if foreign:
        return _foreign_ops(model, foreign)
    lines = [line for line in str(error).splitlines() if line.strip()]
    reason = next((line for line in lines if "error:" in line), lines[0] if lines else type(error).__name__)
    reason = re.sub(r"^.*?error: ", "", reason)[:300]
    return f"The recipe {recipe.name!r} cannot convert the model {model.name!r}: {reason}"


def _ops_with_fallback(function: Any) -> list[tuple[str, str]]:
    """The ops for which the converter would fall back to TensorFlow kernels, had it been allowed to."""
    import tensorflow as tf  # noqa: PLC0415

    with captured_output():
        converter = _converter(function)
        converter.target_spec.supported_ops.append(tf.lite.OpsSet.SELECT_TF_OPS)
        try:
            return custom_operators(parse(converter.convert()))
        except Exception:  # nothing to learn here: the first error stands
            return []


def _ops_blamed(function: Any, message: str) -> list[tuple[str, str]]:
    """The ops that a converter error names, with the nodes of the graph that are such ops."""
    blamed = set(re.findall(r"'tf\.(\w+)' op", message))
    return [(node.type, node.name) for node in function.graph.get_operations() if node.type in blamed]


def _foreign_ops(model: keras.Model, foreign: list[tuple[str, str]]) -> str:
    """The sentence for ops that are not built into TFLite."""
    found = dict.fromkeys(f"{op.removeprefix('Flex')} {place(tensor, model)}" for op, tensor in foreign)
    return (
        f"TFLite has no built-in op for {', '.join(found)}. Replace the layer by one made of supported ops; "
        "for a recurrent layer, a fixed batch size helps."
    )

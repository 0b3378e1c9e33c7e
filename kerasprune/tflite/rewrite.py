"""A traced TensorFlow function with some of its operations written in others."""

from collections.abc import Iterator
from typing import Any

from kerasprune.tflite.forms import FORMS, Occurrence


def rewritten(function: Any, bits: int) -> Any:
    """The function itself where none of its operations has a form, else one of the same values in which all have.

    Args:
        function: A `ConcreteFunction`.
        bits: Of the integers that activations will be, 0 where they stay floating. With integers, inputs of an integer
            type that are only read as floating numbers become floating ones, too; see `read_as_float`.
    """
    import tensorflow as tf  # noqa: PLC0415

    operations = list(_needed(function))
    has_form = any(_form(operation, bits) for operation in operations)
    if not (has_form or (bits and read_as_float(function))) or any(map(_calls_a_function, operations)):
        return function
    given = _given(function)
    floating = set(read_as_float(function)) if bits else set()
    signature = [
        tf.TensorSpec(tensor.shape, tf.float32 if place in floating else tensor.dtype, name=tensor.op.name)
        for place, tensor in enumerate(given)
    ]

    def serve(*tensors):
        replay = _Replay(function, bits)
        replay.begin(tensors)
        for operation in operations:
            replay.make(operation)
        return [replay.env[tensor.ref()] for tensor in function.outputs]

    return tf.function(serve, input_signature=signature, autograph=False).get_concrete_function()


def read_as_float(function: Any) -> list[int]:
    """The places of the integer inputs of a function that it only ever casts to float32."""
    return [
        place
        for place, tensor in enumerate(_given(function))
        if tensor.dtype.is_integer and tensor.consumers() and all(map(_makes_float, tensor.consumers()))
    ]


class _Replay:
    """The state of one replay: what stands for the tensors of the old graph, and which of them vary."""

    def __init__(self, function: Any, bits: int):
        self.function = function
        self.bits = bits
        self.env: dict[Any, Any] = {}
        self.varying: set[Any] = set()

    def begin(self, tensors) -> None:
        """Put new tensors in the places of the function's arguments, and the variables in theirs."""
        for variable in self.function.variables:
            variable.read_value()  # the converter knows the variables of a function by what was read in it
        given = _given(self.function)
        self.varying.update(tensor.ref() for tensor in given)
        outer = [*tensors, *self.function.captured_inputs]
        self.env.update((old.ref(), new) for old, new in zip(self.function.inputs, outer, strict=True))

    def make(self, operation: Any) -> None:
        """Write one operation anew, or copy it."""
        if all(output.ref() in self.env for output in operation.outputs):
            return
        if any(tensor.ref() in self.varying for tensor in operation.inputs):
            self.varying.update(output.ref() for output in operation.outputs)
        outputs = self._written(operation)
        if outputs is None:
            outputs = self._copied(operation)
        self.env.update((old.ref(), new) for old, new in zip(operation.outputs, outputs, strict=True))

    def _written(self, operation: Any) -> list | None:
        import tensorflow as tf  # noqa: PLC0415

        inputs = self._inputs(operation)
        if _makes_float(operation) and inputs[0].dtype == operation.outputs[0].dtype:
            return inputs
        form = _form(operation, self.bits)
        if form is None:
            return None
        occurrence = Occurrence(
            operation, inputs, lambda old: self.env[old.ref()], lambda old: old.ref() in self.varying
        )
        with tf.name_scope(f"{operation.name}/"):
            written = form.write(occurrence)
        return written if written is None or isinstance(written, list) else [written]

    def _copied(self, operation: Any) -> list:
        import tensorflow as tf  # noqa: PLC0415

        attributes = dict(operation.node_def.attr)
        types = [output.dtype for output in operation.outputs]
        graph = tf.compat.v1.get_default_graph()
        new = graph.create_op(operation.type, self._inputs(operation), types, name=operation.name, attrs=attributes)
        return list(new.outputs)

    def _inputs(self, operation: Any) -> list:
        return [self.env[tensor.ref()] for tensor in operation.inputs]


def _given(function: Any) -> list:
    """The arguments of a function, without the variables that it reads."""
    return function.inputs[: len(function.inputs) - len(function.captured_inputs)]


def _needed(function: Any) -> Iterator[Any]:
    """The operations on which the outputs of a function depend, in an order of execution."""
    needed = set()
    pending = [tensor.op for tensor in function.outputs]
    while pending:
        operation = pending.pop()
        if operation.name not in needed:
            needed.add(operation.name)
            pending += [tensor.op for tensor in operation.inputs]
    return (operation for operation in function.graph.get_operations() if operation.name in needed)


def _form(operation: Any, bits: int):
    known = operation.type in FORMS and bits in FORMS[operation.type].bits
    return FORMS[operation.type] if known else None


def _makes_float(operation: Any) -> bool:
    return operation.type == "Cast" and operation.outputs[0].dtype.name == "float32"


def _calls_a_function(operation: Any) -> bool:
    return any(attribute.HasField("func") for attribute in operation.node_def.attr.values())

"""Running a `.tflite` file on arrays."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerasprune.core.errors import DataError, ExportError, ModelFileError, OptionError
from kerasprune.tflite.captured_output import captured_output
from kerasprune.tflite.flatbuffer import custom_operators, parse, signature_tensors
from kerasprune.tflite.requirements import needed


class Runner:
    """A TFLite model that takes and gives arrays by name, whatever types it computes in.

    Args:
        model: The path of a `.tflite` file, or its bytes.
        threads: CPU threads of the interpreter.
        keep_all: Keep what every op makes, for `all_tensors`; slower, because no kernels are fused.

    Attributes:
        inputs: Name to the interpreter's details (shape, dtype, quantization) of each input.
        outputs: The same for the outputs.

    Raises:
        ModelFileError: The file is missing, damaged or no TFLite model.
        ExportError: It needs ops that this runtime does not have.

    Example:

    >>> runner = Runner("small.tflite")
    >>> runner(samples)["classes"].shape
    (16, 3)
    """

    def __init__(self, model: str | os.PathLike | bytes, threads: int = 1, keep_all: bool = False):
        content, origin = read_model(model)
        parsed = parse(content, origin)
        foreign = sorted({name for name, _ in custom_operators(parsed)})
        if foreign:
            raise ExportError(f"{origin} needs ops that are not built into TFLite: {', '.join(foreign)}.")
        self._interpreter = _interpreter(content, origin, threads, keep_all)
        inputs, outputs = signature_tensors(parsed)
        details = {d["index"]: d for d in self._interpreter.get_input_details()}
        self.inputs = {name: details[index] for name, index in inputs.items()}
        details = {d["index"]: d for d in self._interpreter.get_output_details()}
        self.outputs = {name: details[index] for name, index in outputs.items()}
        self._origin = origin

    def __call__(self, x: Any) -> dict[str, np.ndarray]:
        """The outputs for any number of samples.

        Args:
            x: One array (n, ...), a list of them in the file's order, or a dict by input name. Real numbers given to a
                quantized input are quantized with its scale and zero point; integers of its own type go in as they are.

        Returns:
            Name to array (n, ...); the integers of a quantized output are turned back into real numbers.

        Raises:
            DataError: The arrays do not fit the inputs.
        """
        arrays = self._arrays(x)
        count = len(next(iter(arrays.values())))
        size = self._fit(arrays)
        pieces = [self._invoke(_piece(arrays, start, size)) for start in range(0, count, size)]
        return {name: np.concatenate([piece[name] for piece in pieces])[:count] for name in self.outputs}

    def all_tensors(self, x: Any) -> Iterator[list[tuple[str, np.ndarray]]]:
        """For each call, name and value of every tensor of a model with `keep_all`; integers as real numbers."""
        arrays = self._arrays(x)
        size = self._fit(arrays)
        for start in range(0, len(next(iter(arrays.values()))), size):
            self.set_inputs(_piece(arrays, start, size))
            self.invoke()
            yield [
                (detail["name"], _to_real(self._interpreter.get_tensor(detail["index"]), detail))
                for detail in self._interpreter.get_tensor_details()
                if len(detail["quantization_parameters"]["scales"]) < 2 and detail["dtype"] in _NUMBERS
            ]

    def set_inputs(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Copy one batch into the interpreter; real numbers are quantized where the input is."""
        for name, array in arrays.items():
            detail = self.inputs[name]
            self._interpreter.set_tensor(detail["index"], _to_tensor(array, detail))

    def invoke(self) -> None:
        """Run the model on what `set_inputs` left there."""
        self._interpreter.invoke()

    def _invoke(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.set_inputs(arrays)
        self.invoke()
        return {
            name: _to_real(self._interpreter.get_tensor(detail["index"]), detail)
            for name, detail in self.outputs.items()
        }

    def _fit(self, arrays: Mapping[str, np.ndarray]) -> int:
        """Set the open dimensions to those of the arrays; returns samples per call, 32 at most where open."""
        sizes = {int(detail["shape_signature"][0]) for detail in self.inputs.values()}
        size = max(sizes) if max(sizes) > 0 else min(32, len(next(iter(arrays.values()))))
        if any(-1 in detail["shape_signature"] for detail in self.inputs.values()):
            for name, detail in self.inputs.items():
                self._interpreter.resize_tensor_input(detail["index"], [size, *arrays[name].shape[1:]])
            self._interpreter.allocate_tensors()
        return size

    def _arrays(self, x: Any) -> dict[str, np.ndarray]:
        values = x if isinstance(x, (Mapping, list, tuple)) else [x]
        if not isinstance(values, Mapping):
            values = dict(zip(self.inputs, values, strict=False)) if len(values) == len(self.inputs) else {}
        if set(values) != set(self.inputs):
            raise DataError(
                f"{self._origin} has the inputs {list(self.inputs)}. Received: "
                f"{list(x) if isinstance(x, Mapping) else f'{len(x) if isinstance(x, (list, tuple)) else 1} arrays'}."
            )
        arrays = {name: np.asarray(value) for name, value in values.items()}
        for name, array in arrays.items():
            expected = tuple(self.inputs[name]["shape_signature"][1:])
            fits = array.ndim == len(expected) + 1 and len(array)
            if not fits or any(want not in (-1, got) for want, got in zip(expected, array.shape[1:], strict=True)):
                raise DataError(f"Input {name!r} expects samples of shape {expected}. Received: {array.shape}.")
        if len({len(array) for array in arrays.values()}) > 1:
            raise DataError("All inputs need the same number of samples.")
        return arrays


def run_tflite(model: str | os.PathLike | bytes, x: Any, threads: int = 1) -> dict[str, np.ndarray]:
    """The outputs of a `.tflite` file for the samples `x`; see `Runner`."""
    return Runner(model, threads)(x)


def read_model(model: str | os.PathLike | bytes) -> tuple[bytes, str]:
    """The bytes of a model and what to call it in errors."""
    if isinstance(model, bytes):
        return model, "The TFLite model"
    path = Path(model)
    if not path.is_file():
        raise ModelFileError(f"There is no file {str(path)!r}.")
    return path.read_bytes(), repr(str(path))


_NUMBERS = (np.float32, np.int8, np.uint8, np.int16)


def _interpreter(content: bytes, origin: str, threads: int, keep_all: bool = False) -> Any:
    """An interpreter that is ready to run, built without remarks on the terminal."""
    if threads < 1:
        raise OptionError(f"`threads` must be at least 1. Received: threads={threads}. For one thread use 1.")
    litert = needed("ai_edge_litert.interpreter")
    with captured_output():
        try:
            kept = {
                "experimental_preserve_all_tensors": True,
                "experimental_op_resolver_type": litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            }
            interpreter = litert.Interpreter(model_content=content, num_threads=threads, **(kept if keep_all else {}))
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelFileError(f"{origin} cannot be run: {str(error).splitlines()[0]}") from error
    return interpreter


def _piece(arrays: Mapping[str, np.ndarray], start: int, size: int) -> dict[str, np.ndarray]:
    """`size` samples of each array; a last, shorter piece is filled up with its last sample."""
    pieces = {name: array[start : start + size] for name, array in arrays.items()}
    return {
        name: np.concatenate([piece, np.repeat(piece[-1:], size - len(piece), axis=0)]) if len(piece) < size else piece
        for name, piece in pieces.items()
    }


def _to_tensor(array: np.ndarray, detail: dict) -> np.ndarray:
    """Real numbers as the integers of a quantized input; anything else in the input's own type."""
    scale, zero_point = detail["quantization"]
    if scale == 0 or array.dtype == detail["dtype"]:
        return np.ascontiguousarray(array, dtype=detail["dtype"])
    limits = np.iinfo(detail["dtype"])
    integers = np.round(np.asarray(array, "float64") / scale) + zero_point
    return np.clip(integers, limits.min, limits.max).astype(detail["dtype"])


def _to_real(array: np.ndarray, detail: dict) -> np.ndarray:
    scale, zero_point = detail["quantization"]
    return array if scale == 0 else ((array.astype("float64") - zero_point) * scale).astype("float32")

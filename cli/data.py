"""What `--data` names, as arrays that fit the model: an .npz file, a folder of images, or a function."""

import importlib
import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerasprune_cli.errors import BadInput
from kerasprune_cli.images import read_folder
from kerasprune_cli.lazy import core

HELP = (
    "An .npz file with the arrays x and, where labels are needed, y (or x_train, y_train; x_test and y_test are then "
    "used to measure; a model with several inputs has one array per input name instead of x); a folder with one "
    "sub-folder of images per class; or package.module:function, which is called without arguments and returns "
    "arrays, (x, y), a dict with the keys above, a tf.data.Dataset or another iterable of batches."
)


class Samples(NamedTuple):
    """Inputs, an array or a dict of arrays by input name, and labels or None."""

    x: Any
    y: np.ndarray | None

    @property
    def pair(self):
        """As Keras and kerasprune take data: `(x, y)`, or `x` alone where there are no labels."""
        return self.x if self.y is None else (self.x, self.y)

    @property
    def size(self) -> int:
        """The number of samples."""
        return len(next(iter(self.x.values()))) if isinstance(self.x, Mapping) else len(self.x)

    def head(self, limit: int | None) -> "Samples":
        """The first `limit` samples, all of them for None."""
        x = {k: v[:limit] for k, v in self.x.items()} if isinstance(self.x, Mapping) else self.x[:limit]
        return Samples(x, None if self.y is None else self.y[:limit])


class Data(NamedTuple):
    """`train` serves for scoring, fine-tuning and calibration; `test`, where there is one, only to measure."""

    train: Samples
    test: Samples | None


def read_data(source: str, model, pixel_range: tuple[float, float] | None = None) -> Data:
    """Read `source` and check that it fits `model`.

    Args:
        source: See `HELP`.
        model: The Keras model that shall read the data.
        pixel_range: What the values 0 to 255 of images and of uint8 arrays become; None leaves them.

    Raises:
        BadInput: The source is missing, damaged or empty, or its shapes or labels do not fit the model.
    """
    arrays = _read(source, model)
    train = _samples(arrays, "train", model, source)
    if train is None:
        raise BadInput(
            f"{source!r} holds no inputs: expected the array x or x_train, or one per input name "
            f"({_input_names(model)}); found {', '.join(arrays) or 'nothing'}."
        )
    test = _samples(arrays, "test", model, source)
    return Data(*(part and _converted(part, model, pixel_range) for part in (train, test)))


def _read(source: str, model) -> dict[str, np.ndarray]:
    path = Path(source)
    if path.is_dir():
        return read_folder(path, model.input_shape)
    if path.suffix == ".npz":
        return _read_npz(path)
    if ":" in source and not path.exists():
        return _named(_call(source))
    if not path.exists():
        raise BadInput(f"There is no data {source!r}: expected an .npz file, a folder of images or module:function.")
    raise BadInput(f"The data {source!r} is of no known kind: expected .npz, a folder of images or module:function.")


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise BadInput(f"There is no file {str(path)!r}.")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (OSError, EOFError, ValueError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(f"{str(path)!r} is not a readable .npz file of plain arrays: {error}.") from error


def _call(source: str) -> Any:
    """Import `package.module` as seen from the working folder and call `function`."""
    module_name, _, function_name = source.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadInput(f"The data function {source!r} cannot be imported: {error}.") from error
    if not isinstance(function, Callable):
        raise BadInput(f"{source!r} is not a function but a {type(function).__name__}.")
    return function()


def _named(result: Any) -> dict[str, np.ndarray]:
    """What a data function returned, with the keys of an .npz file."""
    if isinstance(result, Mapping):
        return {key: np.asarray(value) for key, value in result.items()}
    batch = core.as_arrays(result)
    x = {"x": batch.x} if not isinstance(batch.x, Mapping) else dict(batch.x)
    return x if batch.y is None else {**x, "y": batch.y}


def _samples(arrays: Mapping[str, np.ndarray], part: str, model, source: str) -> Samples | None:
    """The samples of one part, checked; None where the arrays hold no such part."""
    names = ("x", "y") if part == "train" and "x" in arrays else (f"x_{part}", f"y_{part}")
    if names[0] in arrays:
        x, y = arrays[names[0]], arrays.get(names[1])
    elif part == "train" and {tensor.name for tensor in model.inputs} <= set(arrays):
        x, y = {tensor.name: arrays[tensor.name] for tensor in model.inputs}, arrays.get("y")
    else:
        return None
    samples = Samples(_fit_inputs(x, model, source), y)
    if not samples.size:
        raise BadInput(f"{source!r} is empty: its {part} part holds no sample.")
    _check_labels(samples, model, source)
    return samples


def _fit_inputs(x, model, source: str):
    if isinstance(x, Mapping):
        lengths = {name: len(array) for name, array in x.items()}
        if len(set(lengths.values())) > 1:
            raise BadInput(f"The inputs in {source!r} have different numbers of samples: {lengths}.")
        return {tensor.name: _fit(x[tensor.name], tensor.shape, source) for tensor in model.inputs}
    if len(model.inputs) != 1:
        raise BadInput(
            f"The model has {len(model.inputs)} inputs: name one array in {source!r} after each of "
            f"{_input_names(model)}."
        )
    return _fit(x, model.inputs[0].shape, source)


def _fit(array: np.ndarray, shape: tuple, source: str) -> np.ndarray:
    """Check one array against an input shape; grey images may lack their last axis of size 1."""
    if array.dtype.kind not in "biuf":
        raise BadInput(f"The inputs in {source!r} must be numbers; received dtype {array.dtype}.")
    if shape[-1] == 1 and array.ndim == len(shape) - 1:
        array = array[..., None]
    fits = array.ndim == len(shape) and all(
        want in (None, got) for want, got in zip(shape[1:], array.shape[1:], strict=True)
    )
    if not fits:
        raise BadInput(f"The inputs in {source!r} have shape {array.shape}; the model expects {tuple(shape)}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise BadInput(f"The inputs in {source!r} hold NaN or infinite values.")
    return array


def _check_labels(samples: Samples, model, source: str) -> None:
    y = samples.y
    if y is None:
        return
    if len(y) != samples.size:
        raise BadInput(f"{source!r} holds {samples.size} inputs but {len(y)} labels.")
    if len(model.outputs) != 1:
        return
    shape = tuple(model.outputs[0].shape)
    is_class = y.dtype.kind in "iu" and (y.ndim == len(shape) - 1 or (y.ndim == len(shape) and y.shape[-1] == 1))
    if is_class and shape[-1] not in (None, 1):
        if y.min() < 0 or y.max() >= shape[-1]:
            raise BadInput(
                f"The labels in {source!r} run from {y.min()} to {y.max()}; the model has {shape[-1]} classes, "
                f"0 to {shape[-1] - 1}."
            )
    elif any(want not in (None, got) for want, got in zip(shape[1:], y.shape[1:], strict=False)):
        raise BadInput(f"The labels in {source!r} have shape {y.shape}; the model's output is {shape}.")


def _converted(samples: Samples, model, pixel_range: tuple[float, float] | None) -> Samples:
    """The inputs in the dtypes of the model's, after the rescaling of pixels that was asked for."""

    def convert(array, tensor):
        if pixel_range is not None:
            array = _rescaled(array, *pixel_range)
        return array.astype(tensor.dtype, copy=False)

    if isinstance(samples.x, Mapping):
        x = {tensor.name: convert(samples.x[tensor.name], tensor) for tensor in model.inputs}
    else:
        x = convert(samples.x, model.inputs[0])
    return Samples(x, samples.y)


def _rescaled(array: np.ndarray, low: float, high: float) -> np.ndarray:
    if array.dtype != np.uint8:
        raise BadInput(f"--pixel-range is for images and uint8 arrays; these inputs are {array.dtype} already.")
    return array.astype("float32") * ((high - low) / 255) + low


def _input_names(model) -> str:
    return ", ".join(tensor.name for tensor in model.inputs)

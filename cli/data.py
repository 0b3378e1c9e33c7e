"""What `--data` names, as arrays that fit the model: a file of arrays, a folder of images, or a function."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerasprune_cli.array_files import READERS
from kerasprune_cli.console import alive
from kerasprune_cli.data_function import read_function
from kerasprune_cli.errors import BadInput
from kerasprune_cli.images import read_folder
from kerasprune_cli.labels import check_labels, check_weights

HELP = (
    "An .npz file with the arrays x and, where labels are needed, y (or x_train, y_train; x_test and y_test are then "
    "used to measure; a model with several inputs has one array per input name instead of x; sample_weight weighs the "
    "samples); a .npy file with the inputs; a .csv file with a header, labels in the column y and one column per "
    "feature; a folder with one sub-folder of images per class, or with two such folders, train and test; or "
    "package.module:function, which is called without arguments and returns arrays, (x, y), a dict with the keys "
    "above, a tf.data.Dataset or another iterable of batches."
)
_KINDS = "an .npz, .npy or .csv file, a folder of images or module:function"


class Samples(NamedTuple):
    """Inputs, an array or a dict of arrays by input name, labels or None, and what every sample weighs, or None."""

    x: Any
    y: np.ndarray | None
    weight: np.ndarray | None = None

    @property
    def pair(self):
        """As Keras and kerasprune take data: `(x, y)`, with weights if there are any, or `x` alone without labels."""
        if self.y is None:
            return self.x
        return (self.x, self.y) if self.weight is None else (self.x, self.y, self.weight)

    @property
    def size(self) -> int:
        """The number of samples."""
        return len(next(iter(self.x.values()))) if isinstance(self.x, Mapping) else len(self.x)

    def head(self, limit: int | None) -> "Samples":
        """The first `limit` samples, all of them for None."""
        x = {k: v[:limit] for k, v in self.x.items()} if isinstance(self.x, Mapping) else self.x[:limit]
        return Samples(x, *(None if part is None else part[:limit] for part in (self.y, self.weight)))


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
    with alive(f"Reading {source}"):
        arrays = _read(source, model)
    train = _samples(arrays, "train", model, source)
    if train is None:
        raise BadInput(
            f"{source!r} holds no inputs: expected the array x or x_train, or one per input name "
            f"({_input_names(model)}); found {', '.join(arrays) or 'nothing'}."
        )
    test = _samples(arrays, "test", model, source)
    return Data(*(part and _converted(part, model, pixel_range) for part in (train, test)))


def _read(source: str, model) -> dict[str, Any]:
    path = Path(source)
    names = [tensor.name for tensor in model.inputs]
    if path.is_dir():
        return read_folder(path, model.input_shape)
    if path.suffix in READERS and ":" not in path.name:
        if not path.is_file():
            raise BadInput(f"There is no file {source!r}; expected {_KINDS}.")
        return READERS[path.suffix](path, names)
    if ":" in source and not path.exists():
        return read_function(source, names)
    if not path.exists():
        raise BadInput(f"There is no data {source!r}; expected {_KINDS}.")
    raise BadInput(
        f"The data {source!r} is of no known kind; expected {_KINDS}. A function can read other files, as .tfrecord."
    )


def _samples(arrays: Mapping[str, np.ndarray], part: str, model, source: str) -> Samples | None:
    """The samples of one part, checked; None where the arrays hold no such part."""
    names = ("x", "y") if part == "train" and "x" in arrays else (f"x_{part}", f"y_{part}")
    if names[0] in arrays:
        x, y = arrays[names[0]], arrays.get(names[1])
    elif part == "train" and {tensor.name for tensor in model.inputs} <= set(arrays):
        x, y = {tensor.name: arrays[tensor.name] for tensor in model.inputs}, arrays.get("y")
    else:
        return None
    samples = Samples(_fit_inputs(x, model, source), y, arrays.get("sample_weight") if part == "train" else None)
    if not samples.size:
        raise BadInput(f"{source!r} is empty: its {part} part holds no sample; give at least one.")
    if y is not None:
        check_labels(y, samples.size, model, source)
    if samples.weight is not None:
        check_weights(samples.weight, samples.size, source)
    return samples


def _fit_inputs(x, model, source: str):
    """The inputs checked: an array, or for a model with several inputs a dict of arrays by input name."""
    if isinstance(x, (list, tuple)) and len(x) == len(model.inputs):  # in the order of the model
        x = {tensor.name: array for tensor, array in zip(model.inputs, x, strict=True)}
    elif isinstance(x, (list, tuple)):
        raise BadInput(f"{source!r} holds {len(x)} inputs; the model has {len(model.inputs)} ({_input_names(model)}).")
    if isinstance(x, Mapping):
        fitted = {tensor.name: _fit(x[tensor.name], tensor, source) for tensor in model.inputs}
        lengths = {name: len(array) for name, array in fitted.items()}
        if len(set(lengths.values())) > 1:
            raise BadInput(
                f"The inputs in {source!r} have different numbers of samples: {lengths}; give as many of each."
            )
        return fitted if len(fitted) > 1 else next(iter(fitted.values()))
    if len(model.inputs) != 1:
        raise BadInput(
            f"The model has {len(model.inputs)} inputs: name one array in {source!r} after each of "
            f"{_input_names(model)}."
        )
    return _fit(x, model.inputs[0], source)


def _fit(array: np.ndarray, tensor, source: str) -> np.ndarray:
    """Check one array against an input; grey images may lack their last axis of size 1."""
    array, shape = np.asarray(array), tuple(tensor.shape)
    if array.dtype.kind not in ("U" if tensor.dtype == "string" else "biuf"):
        raise BadInput(
            f"The inputs in {source!r} must be {'words' if tensor.dtype == 'string' else 'numbers'}; received dtype "
            f"{array.dtype}."
        )
    if shape and shape[-1] == 1 and array.ndim == len(shape) - 1:
        array = array[..., None]
    fits = array.ndim == len(shape) and all(
        want in (None, got) for want, got in zip(shape[1:], array.shape[1:], strict=True)
    )
    if not fits or not shape:
        raise BadInput(f"The inputs in {source!r} have shape {array.shape}; the model expects {shape}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise BadInput(f"The inputs in {source!r} hold NaN or infinite values; leave these samples out, or mend them.")
    return array


def _converted(samples: Samples, model, pixel_range: tuple[float, float] | None) -> Samples:
    """The inputs in the dtypes of the model's, after the rescaling of pixels that was asked for."""

    def convert(array, tensor):
        if pixel_range is not None:
            array = _rescaled(array, *pixel_range)
        return array if tensor.dtype == "string" else array.astype(tensor.dtype, copy=False)

    if isinstance(samples.x, Mapping):
        x = {tensor.name: convert(samples.x[tensor.name], tensor) for tensor in model.inputs}
    else:
        x = convert(samples.x, model.inputs[0])
    return samples._replace(x=x)


def _rescaled(array: np.ndarray, low: float, high: float) -> np.ndarray:
    if array.dtype != np.uint8:
        raise BadInput(f"--pixel-range is for images and uint8 arrays; these inputs are {array.dtype} already.")
    return array.astype("float32") * ((high - low) / 255) + low


def _input_names(model) -> str:
    return ", ".join(tensor.name for tensor in model.inputs)

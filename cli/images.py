"""A folder with one sub-folder of images per class, or with two such folders, train and test, as arrays."""

import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from kerasprune_cli.errors import BadInput

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# Names of folders that hold the classes of one part, and the part that they are.
PARTS = {"train": "train", "training": "train", "test": "test", "val": "test", "valid": "test", "validation": "test"}


def read_folder(folder: Path, input_shape: tuple) -> dict[str, np.ndarray]:
    """Read every image below the class folders of `folder`.

    Args:
        folder: Its sub-folders are the classes, numbered in alphabetical order; or they are called train and test (or
            val), and theirs are the classes, the same in both.
        input_shape: Of the model: (batch, height, width, channels). Images are resized to height and width; where
            these are None they must all have one size.

    Returns:
        `x` uint8 (n, height, width, channels) and `y` int64 (n,); of parts `x_train`, `y_train`, `x_test`, `y_test`.

    Raises:
        BadInput: There are no classes or only one, a class has no images, one cannot be read, or the model does not
            take images.
    """
    if not isinstance(input_shape, tuple) or len(input_shape) != 4 or input_shape[-1] not in MODES:
        raise BadInput(f"Images fit an input of shape (batch, height, width, 1, 3 or 4); the model's is {input_shape}.")
    below = _folders(folder)
    parts = {path: PARTS[path.name.lower()] for path in below if path.name.lower() in PARTS}
    if "train" not in parts.values() or len(parts) < len(below):
        images, labels = _read_classes(folder, [path.name for path in below], input_shape)
        return {"x": images, "y": labels}
    if len(set(parts.values())) < len(parts):
        raise BadInput(
            f"The folder {str(folder)!r} has more than two parts, {', '.join(path.name for path in parts)}; leave one "
            "for training and one for measuring."
        )
    classes = sorted({path.name for part in parts for path in _folders(part)})
    arrays = {}
    for path, part in parts.items():
        arrays[f"x_{part}"], arrays[f"y_{part}"] = _read_classes(path, classes, input_shape)
    return arrays


def _read_classes(folder: Path, classes: list[str], input_shape: tuple) -> tuple[np.ndarray, np.ndarray]:
    """The images of all classes and the numbers of their classes."""
    if not classes:
        raise BadInput(f"The folder {str(folder)!r} holds no sub-folders; expected one per class, with images in it.")
    found = {name: _files(folder / name) for name in classes}
    if not any(found.values()):
        raise BadInput(f"The class folders of {str(folder)!r} hold no images ({', '.join(sorted(SUFFIXES))}).")
    empty = [name for name, files in found.items() if not files]
    if empty:
        raise BadInput(
            f"The class {empty[0]!r} has no images in {str(folder)!r}; add some, or remove the folder of the class."
        )
    images = [_read(file, input_shape) for files in found.values() for file in files]
    sizes = {image.shape for image in images}
    if len(sizes) > 1:
        raise BadInput(f"The model has no fixed input size and the images of {str(folder)!r} have {len(sizes)} sizes.")
    if len(classes) == 1:
        raise BadInput(
            f"The folder {str(folder)!r} holds the images of one class only, {classes[0]!r}; expected one sub-folder "
            "for every class. Give images without labels as an .npz file."
        )
    labels = [label for label, files in enumerate(found.values()) for _ in files]
    return np.stack(images), np.array(labels)


def _folders(folder: Path) -> list[Path]:
    """The sub-folders in alphabetical order."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _files(folder: Path) -> list[Path]:
    """The images below a folder; what cannot be listed is an error, and a missing folder has none."""

    def fail(error: OSError):
        raise error

    if not folder.exists():
        return []
    walk = os.walk(folder, onerror=fail, followlinks=True)
    files = [Path(place, name) for place, _, names in walk for name in names if not name.startswith(".")]
    return sorted(file for file in files if file.suffix.lower() in SUFFIXES)


def _read(file: Path, input_shape: tuple) -> np.ndarray:
    """One image, uint8 (height, width, channels)."""
    _, height, width, channels = input_shape
    try:
        with warnings.catch_warnings(), Image.open(file) as image:
            warnings.simplefilter("ignore")  # what Pillow finds odd and reads all the same
            image = image.convert(MODES[channels])
            if height and width and image.size != (width, height):
                image = image.resize((width, height), Image.Resampling.BILINEAR)
            return np.asarray(image).reshape(image.height, image.width, channels)
    except Exception as error:  # a damaged image makes Pillow raise nearly everything
        reason = f"{error}".rstrip(".") or type(error).__name__
        raise BadInput(f"The image {str(file)!r} cannot be read: {reason}. Replace or remove it.") from error

"""A folder with one sub-folder of images per class, as arrays."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from kerasprune_cli.errors import BadInput

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def read_folder(folder: Path, input_shape: tuple) -> dict[str, np.ndarray]:
    """Read every image below the class folders of `folder`.

    Args:
        folder: Its sub-folders are the classes, numbered in alphabetical order.
        input_shape: Of the model: (batch, height, width, channels). Images are resized to height and width; where
            these are None they must all have one size.

    Returns:
        `x` uint8 (n, height, width, channels) and `y` int64 (n,).

    Raises:
        BadInput: There are no classes or no images, one cannot be read, or the model does not take images.
    """
    if not isinstance(input_shape, tuple) or len(input_shape) != 4 or input_shape[-1] not in MODES:
        raise BadInput(f"Images fit an input of shape (batch, height, width, 1, 3 or 4); the model's is {input_shape}.")
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not classes:
        raise BadInput(f"The folder {str(folder)!r} holds no sub-folders; expected one per class, with images in it.")
    images, labels = [], []
    for label, path in enumerate(classes):
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        images += [_read(file, input_shape) for file in files]
        labels += [label] * len(files)
    if not images:
        raise BadInput(f"The class folders of {str(folder)!r} hold no images ({', '.join(sorted(SUFFIXES))}).")
    sizes = {image.shape for image in images}
    if len(sizes) > 1:
        raise BadInput(f"The model has no fixed input size and the images of {str(folder)!r} have {len(sizes)} sizes.")
    return {"x": np.stack(images), "y": np.array(labels)}


def _read(file: Path, input_shape: tuple) -> np.ndarray:
    """One image, uint8 (height, width, channels)."""
    _, height, width, channels = input_shape
    try:
        with Image.open(file) as image:
            image = image.convert(MODES[channels])
            if height and width and image.size != (width, height):
                image = image.resize((width, height), Image.Resampling.BILINEAR)
            return np.asarray(image).reshape(image.height, image.width, channels)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise BadInput(f"The image {str(file)!r} cannot be read: {error}.") from error

"""A trained network and real images that ship with kerasprune; README.md in this folder says where they come from."""

import contextlib
import importlib.resources
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["CLASS_NAMES", "Images", "fashion_cnn", "fashion_mnist"]

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


class Images(NamedTuple):
    """Images of Fashion-MNIST: x uint8 (n, 28, 28, 1), 0 to 255; y uint8 (n,), an index into `CLASS_NAMES`."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


@contextlib.contextmanager
def fashion_cnn() -> Iterator[Path]:
    """The path of the trained network, as a file for as long as the block lasts.

    Example:

    >>> import keras
    >>> with fashion_cnn() as path:
    ...     model = keras.saving.load_model(path)
    >>> model.output_shape
    (None, 10)
    """
    with importlib.resources.as_file(importlib.resources.files(__name__) / "fashion_cnn.keras") as path:
        yield path


def fashion_mnist() -> Images:
    """The shipped images: 4000 of the training part and 2000 of the test part.

    Example:

    >>> fashion_mnist().x_test.shape
    (2000, 28, 28, 1)
    """
    sample = importlib.resources.files(__name__) / "fashion_mnist_sample.npz"
    with sample.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return Images(arrays["x_train"][..., None], arrays["y_train"], arrays["x_test"][..., None], arrays["y_test"])

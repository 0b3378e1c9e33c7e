"""The files that benchmark scripts read, by their names below one folder."""

import sys
from pathlib import Path

import numpy as np

MNIST = "mnist/mnist.npz"
FASHION_MNIST = "fashion_mnist/fashion_mnist.npz"
CIFAR10 = "cifar10/cifar10_lossless_subset.npz"
CIFAR10_JPEG = "cifar10/cifar10_jpegq75.npz"
RESNET8 = "mlperf_tiny/ic_resnet8_cifar10.keras"
RESNET20, RESNET56 = (f"cifar10_resnets/resnet{depth}.npz" for depth in (20, 56))
SHRINKING_NETWORKS = "shrinking_networks/shrinking_networks.npz"


def find(folder: Path, *names: str) -> None:
    """Make sure of files before hours are spent; ends the script with exit code 2 and a sentence if one is missing."""
    for name in names:
        if not (folder / name).is_file():
            print(f"There is no {folder / name}. Pass the folder that holds {name} as --data.", file=sys.stderr)
            raise SystemExit(2)


def arrays(folder: Path, name: str) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file, by their names; ends the script if there is none."""
    find(folder, name)
    with np.load(folder / name, allow_pickle=False) as archive:
        return dict(archive)


def mnist(folder: Path) -> dict[str, np.ndarray]:
    """`x_train` and `x_test`, float32 (images, 28, 28, 1) in [0, 1], and the digits `y_train` and `y_test`, int32."""
    found = arrays(folder, MNIST)
    images = {key: (found[key][..., None] / 255).astype("float32") for key in ("x_train", "x_test")}
    return images | {key: found[key].astype("int32") for key in ("y_train", "y_test")}

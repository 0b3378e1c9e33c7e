"""The tasks of `benchmarks.shrinking_experiments`, and what was published about them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import datasets

Samples = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Task:
    """A network to train, the samples for it, and the published brute-force curve.

    Attributes:
        title: For tables and figures.
        widths: Of the layers, which are all sigmoid.
        samples: From the folder of the data and a seed to training and test samples.
        measure: What is published, "error" or "accuracy".
        published: The brute-force curve: percent of the neurons removed to the value.
        published_samples: Over how many samples the published errors are summed.
        start: The published accuracy before pruning, in percent; None for a regression.
        training: Batch size, epochs and learning rate.
        stop: Training accuracy at which training ends, for a network that shall be as far from perfect as the
            published one; None to train to the end.
        needs: The file below the folder of the data that it needs; "" for none.
    """

    title: str
    widths: tuple[int, ...]
    samples: Callable[[Path | None, int], tuple[Samples, Samples]]
    measure: str
    published: Mapping[float, float]
    published_samples: int
    start: float | None = None
    training: tuple[int, int, float] = (256, 60, 1e-2)
    stop: float | None = None
    needs: str = field(default="")


def cosine(folder: Path | None, seed: int) -> tuple[Samples, Samples]:
    """The cosine of numbers in [0, 1]."""
    x = np.random.default_rng(seed).uniform(size=(20_000, 1))
    return _halves(x, np.cos(x), 10_000)


def diamond(folder: Path | None, seed: int) -> tuple[Samples, Samples]:
    """Whether a point of the square lies in the diamond of half its area."""
    x = np.random.default_rng(seed).uniform(-1, 1, (148_562, 2))
    return _halves(x, np.abs(x).sum(axis=1, keepdims=True) < 1, 48_563)


def random_shape(folder: Path | None, seed: int) -> tuple[Samples, Samples]:
    """Whether a point of the square lies in a polygon of twelve corners made from the seed."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 12))
    corners = rng.uniform(0.35, 1.0, (12, 1)) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    x = rng.uniform(-1, 1, (132_066, 2))
    return _halves(x, inside(corners, x)[:, None], 66_033)


def inside(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether each point lies in the polygon: a ray to the right crosses its sides an odd number of times.

    Args:
        corners: float (corners, 2).
        points: float (points, 2).

    Returns:
        bool (points,).
    """
    crossings = np.zeros(len(points), int)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        between = (y0 > points[:, 1]) != (y1 > points[:, 1])
        at = x0 + (points[:, 1] - y0) * (x1 - x0) / (y1 - y0)
        crossings += between & (points[:, 0] < at)
    return crossings % 2 == 1


def one_against_rest(digit: int) -> Callable[[Path | None, int], tuple[Samples, Samples]]:
    """Whether an image shows the digit; pixels from 0 to 255, as published."""

    def samples(folder: Path | None, seed: int) -> tuple[Samples, Samples]:
        arrays = datasets.arrays(folder, datasets.MNIST)
        return tuple(
            (arrays[f"x_{part}"].reshape(-1, 784).astype("float32"), np.eye(2, dtype="float32")[1 * (y == digit)])
            for part in ("train", "test")
            for y in (arrays[f"y_{part}"],)
        )

    return samples


def _halves(x: np.ndarray, y: np.ndarray, first: int) -> tuple[Samples, Samples]:
    x, y = x.astype("float32"), y.astype("float32")
    return (x[:first], y[:first]), (x[first:], y[first:])


_TENTHS = range(10, 100, 10)

TASKS = {
    "cosine_10": Task(
        "cosine, 1-10-10-1",
        (1, 10, 10, 1),
        cosine,
        "error",
        dict(
            zip(
                (5, 10, 20, 30, 40, 50, 60, 70, 80, 90),
                (0.043, 1.39, 0.67, 25.3, 2.7, 30.6, 301, 1450, 2900, 3500),
                strict=True,
            )
        ),
        10_000,
        training=(100, 150, 2e-2),
    ),
    "cosine_50": Task(
        "cosine, 1-50-50-1",
        (1, 50, 50, 1),
        cosine,
        "error",
        dict(zip(_TENTHS, (0.018, 0.44, 0.28, 1.5, 4.8, 4.7, 4.8, 13.0, 37.7), strict=True)),
        10_000,
        training=(100, 150, 1e-2),
    ),
    "diamond": Task(
        "diamond, 2-50-50-1",
        (2, 50, 50, 1),
        diamond,
        "accuracy",
        dict(zip(_TENTHS, (99.36, 99.36, 99.36, 99.35, 98.84, 98.09, 96.66, 94.08, 84.8), strict=True)),
        48_563,
        start=99.2,
    ),
    "random_shape": Task(
        "random shape, 2-50-50-1",
        (2, 50, 50, 1),
        random_shape,
        "accuracy",
        dict(zip(_TENTHS, (99.12, 99.12, 99.11, 97.38, 88.13, 78.8, 74.7, 60.4, 70.7), strict=True)),
        66_033,
        start=98.6,
    ),
    **{
        f"digit_{digit}": Task(
            f"{digit} against the rest, 784-100-2",
            (784, 100, 2),
            one_against_rest(digit),
            "error",
            dict(zip((1, 10, 20, 40, 50, 60, 70, 80, 90), errors, strict=True)),
            60_000,
            start=start,
            training=(10, 1, 0.1),
            stop=start / 100,
            needs=datasets.MNIST,
        )
        for digit, start, errors in (
            (0, 97.57, (2756, 2293, 2135, 2082, 2099, 2237, 2444, 2878, 3871)),
            (1, 98.81, (2132, 1628, 1501, 1488, 1437, 1556, 1553, 1850, 3042)),
            (2, 95.13, (5651, 3787, 3658, 3620, 3551, 3719, 3816, 3989, 4495)),
        )
    },
}

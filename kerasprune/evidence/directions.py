"""Losses with a known curvature: along which directions of the outputs it is measured."""

import itertools
from collections.abc import Iterator

import keras
import numpy as np

from kerasprune.core import Registry

AT_ONCE = 16  # directions; their derivatives are held together
ROUNDING = 1e-5  # of the largest entry

# By the name of a loss of Keras: from the outputs of a batch, float64 (batch, positions, outputs), and the options of
# the loss, to rows of the same shape. The squares of what the outputs change by along the rows add up to the second
# derivative of the loss at each position, in the direction of that change.
DIRECTIONS = Registry("loss with a known curvature")


@DIRECTIONS.register("mean_squared_error")
def _squared_error(outputs: np.ndarray, options: dict) -> Iterator[np.ndarray]:
    # The second derivative of the mean of (o - y)^2 over n outputs is 2/n.
    size = outputs.shape[-1]
    for row in np.sqrt(2 / size) * np.eye(size):
        yield np.broadcast_to(row, outputs.shape)


@DIRECTIONS.register("categorical_crossentropy")
@DIRECTIONS.register("sparse_categorical_crossentropy")
def _softmax(outputs: np.ndarray, options: dict) -> Iterator[np.ndarray]:
    """The variance of the change of the logits `z` under the probabilities `p`, in one row less than there are classes.

    It is the sum over the classes k of `p_k q_k / (p_k + q_k) * (dz_k - mean of dz over the classes behind k)^2`, with
    `q_k` the probability of those. A change of `p_k` is one of `z_k` times `p_k`.
    """
    logits = options.get("from_logits")
    p = _probabilities(outputs) if logits else outputs + keras.config.epsilon() ** 2
    behind = np.cumsum(p[..., ::-1], axis=-1)[..., ::-1]  # of each class and those behind it
    for k in range(p.shape[-1] - 1):
        here, rest = p[..., k : k + 1], behind[..., k + 1 : k + 2]
        row = np.zeros_like(p)
        row[..., k : k + 1] = 1 if logits else 1 / here
        row[..., k + 1 :] = -p[..., k + 1 :] / rest if logits else -1 / rest
        yield row * np.sqrt(here * rest / behind[..., k : k + 1])


def directions(name: str, options: dict, outputs: np.ndarray) -> Iterator[np.ndarray]:
    """Every direction along which the outputs of a batch are derived, some at a time.

    Args:
        name: The loss, one of `DIRECTIONS`.
        options: How it was made.
        outputs: (batch, ..., outputs).

    Yields:
        float32 (directions, *shape of the outputs), at most `AT_ONCE`. The loss of a sample is the mean over its
        positions.
    """
    flat = np.asarray(outputs, float).reshape(len(outputs), -1, outputs.shape[-1])
    found = (_at(position, row) for row in DIRECTIONS[name](flat, options) for position in range(flat.shape[1]))
    while part := list(itertools.islice(found, AT_ONCE)):
        yield np.stack(part).reshape(-1, *outputs.shape).astype("float32")


def combination(rows: np.ndarray, wanted: np.ndarray) -> np.ndarray | None:
    """With which factors directions add up to another one, sample by sample.

    Args:
        rows: (directions, batch, ...).
        wanted: (batch, ...).

    Returns:
        float64 (directions, batch); None if they do not add up to it.
    """
    basis = rows.reshape(*rows.shape[:2], -1).swapaxes(0, 1).astype(float)  # (batch, directions, outputs)
    wanted = wanted.reshape(len(wanted), -1, 1).astype(float)
    lengths = np.linalg.norm(basis, axis=2, keepdims=True)
    unit = np.divide(basis, lengths, out=np.zeros_like(basis), where=lengths > 0)
    gram = unit @ unit.swapaxes(1, 2) + np.eye(len(rows)) * (lengths == 0)
    try:
        factors = np.linalg.solve(gram, unit @ wanted)
    except np.linalg.LinAlgError:
        return None
    rest = np.abs(wanted - unit.swapaxes(1, 2) @ factors).max()
    if not rest <= ROUNDING * np.abs(wanted).max():
        return None
    return np.divide(factors, lengths, out=np.zeros_like(factors), where=lengths > 0)[..., 0].T


def _at(position: int, row: np.ndarray) -> np.ndarray:
    """The row at one position, zeros at the others: (batch, positions, outputs)."""
    found = np.zeros_like(row)
    found[:, position] = row[:, position] / np.sqrt(row.shape[1])
    return found


def _probabilities(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True) + keras.config.epsilon() ** 2

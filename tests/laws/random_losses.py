"""Random models with losses, labels, weights and data as people have them, and what `evaluate` makes of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

import kerasprune as kp
from kerasprune.criteria import score
from kerasprune.evidence import Probe, Sampling

SAMPLES, BATCH, STEPS, FEATURES = 5, 3, 4, 5
REDUCTIONS = ["sum_over_batch_size", "sum", "mean_with_sample_weight", "none"]


class OwnLoss(keras.losses.Loss):
    """A loss of the user's own class."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred) ** 1.5, axis=-1)


def own_loss(y_true, y_pred):
    """A loss of the user's own, one number for a position."""
    return ops.mean(ops.square(y_true - y_pred) + 0.1 * ops.abs(y_pred), axis=-1)


def whole_loss(y_true, y_pred):
    """A loss of the user's own, one number for a batch."""
    return ops.mean(ops.square(y_true - y_pred))


def unreduced_loss(y_true, y_pred):
    """A loss of the user's own, one number for every output."""
    return ops.square(y_true - y_pred)


# From random numbers to the labels of outputs of a shape; by kind, with an activation and losses that go with them.
KINDS: dict[str, tuple[str | None, Callable, list[Callable]]] = {
    "numbers": (
        None,
        lambda rng, shape: rng.normal(size=shape).astype(rng.choice(["float32", "float64"])),
        [
            lambda reduction: "mse",
            lambda reduction: "mae",
            lambda reduction: "log_cosh",
            lambda reduction: "mean_absolute_percentage_error",
            lambda reduction: "cosine_similarity",
            lambda reduction: keras.losses.mean_squared_error,
            lambda reduction: keras.losses.MeanSquaredError(reduction=reduction),
            lambda reduction: keras.losses.Huber(delta=0.5, reduction=reduction),
            lambda reduction: keras.losses.CosineSimilarity(reduction=reduction),
            lambda reduction: OwnLoss(reduction=reduction),
            lambda reduction: own_loss,
            lambda reduction: whole_loss,
            lambda reduction: unreduced_loss,
        ],
    ),
    "counts": (
        "softplus",
        lambda rng, shape: rng.poisson(2.0, shape),
        [
            lambda reduction: "poisson",
            lambda reduction: keras.losses.Poisson(reduction=reduction),
            lambda reduction: "mean_squared_logarithmic_error",
            lambda reduction: own_loss,
        ],
    ),
    "yes or no": (
        "sigmoid",
        lambda rng, shape: rng.integers(0, 2, shape).astype(rng.choice(["int32", "float32", "bool"])),
        [
            lambda reduction: "binary_crossentropy",
            lambda reduction: "hinge",
            lambda reduction: keras.losses.BinaryCrossentropy(label_smoothing=0.1, reduction=reduction),
            lambda reduction: "binary_focal_crossentropy",
            lambda reduction: keras.losses.SquaredHinge(reduction=reduction),
            lambda reduction: keras.losses.Dice(reduction=reduction),
        ],
    ),
    "classes": (
        "softmax",
        lambda rng, shape: rng.integers(0, shape[-1], shape[:-1]),
        [
            lambda reduction: "sparse_categorical_crossentropy",
            lambda reduction: "crossentropy",
            lambda reduction: keras.losses.SparseCategoricalCrossentropy(reduction=reduction),
            lambda reduction: keras.losses.SparseCategoricalCrossentropy(ignore_class=0),
        ],
    ),
    "rows": (
        "softmax",
        lambda rng, shape: np.eye(shape[-1], dtype="float32")[rng.integers(0, shape[-1], shape[:-1])],
        [
            lambda reduction: "categorical_crossentropy",
            lambda reduction: "kl_divergence",
            lambda reduction: keras.losses.CategoricalCrossentropy(label_smoothing=0.2, reduction=reduction),
            lambda reduction: keras.losses.CategoricalFocalCrossentropy(reduction=reduction),
            lambda reduction: keras.losses.categorical_crossentropy,
        ],
    ),
}


class Sequence(keras.utils.PyDataset):
    """Batches by number."""

    def __init__(self, parts: list):
        super().__init__()
        self.parts = parts

    def __len__(self):
        return len(self.parts)

    def __getitem__(self, index):
        return self.parts[index]


@dataclass
class LossDraw:
    """A compiled model, its data as arrays, and the same data as somebody else has it."""

    model: keras.Model
    x: Any
    y: Any
    weight: Any
    data: Any
    words: str
    tolerance: float

    def evaluate(self) -> float:
        """The loss that Keras gives."""
        found = self.model.evaluate(self.x, self.y, batch_size=BATCH, sample_weight=self.weight, verbose=0)
        return float(np.ravel(found)[0])


def draw_loss(seed: int) -> LossDraw:
    """A random model with a random loss and data."""
    keras.utils.set_random_seed(seed % 2**31)
    rng = np.random.default_rng(seed)
    steps = bool(rng.random() < 0.35)
    count, structure = int(rng.integers(1, 4)), rng.choice(["list", "dict"])
    kinds = [str(rng.choice(list(KINDS))) for _ in range(count)]
    units = [int(rng.integers(2 if kind in ("classes", "rows") else 1, 4)) for kind in kinds]
    reduction = str(
        rng.choice(["sum_over_batch_size", "sum", "mean_with_sample_weight", "none"], p=[0.7, 0.1, 0.1, 0.1])
    )
    dtype = "mixed_float16" if rng.random() < 0.1 and keras.backend.backend() == "tensorflow" else "float32"
    model = _model(rng, steps, kinds, units, structure, dtype)
    x = rng.normal(size=(SAMPLES, STEPS, FEATURES) if steps else (SAMPLES, FEATURES)).astype("float32")
    if steps:
        x[np.arange(STEPS) >= rng.integers(1, STEPS + 1, (SAMPLES, 1))] = 0.0  # masked, where there is a Masking layer
    shapes = [(SAMPLES, STEPS, width) if steps else (SAMPLES, width) for width in units]
    labels = [_labels(rng, kind, shape) for kind, shape in zip(kinds, shapes, strict=True)]
    losses: list = [rng.choice(KINDS[kind][2])(reduction) for kind in kinds]
    names = list("abc"[:count])
    if count > 1 and rng.random() < 0.25:
        losses[int(rng.integers(count))] = None
    weights = [round(float(value), 2) for value in rng.uniform(0.2, 2, count)] if rng.random() < 0.4 else None
    loss, loss_weights = _packed(rng, losses, names, structure), None
    if weights and None not in losses:
        loss_weights = weights[0] if count == 1 else _like(loss, weights, names)
    weight = _sample_weight(rng, count, names, structure, steps)
    y = labels[0] if count == 1 else dict(zip(names, labels, strict=True)) if structure == "dict" else labels
    model.compile("sgd", loss=loss, loss_weights=loss_weights)
    kind = str(rng.choice(["arrays", "batches", "generator", "lists", "PyDataset", "tf.data", "DataLoader"]))
    data = DATA[kind](x, y, weight)
    words = f"{kinds} {units} {losses} {loss_weights} {structure} {reduction} {dtype} {kind} {np.shape(weight)} {steps}"
    return LossDraw(model, x, y, weight, data, words, 2e-2 if dtype != "float32" else 2e-4)


def _model(rng, steps, kinds, units, structure, dtype) -> keras.Model:
    inputs = keras.Input((STEPS, FEATURES) if steps else (FEATURES,))
    hidden = layers.Masking()(inputs) if steps and rng.random() < 0.5 else inputs
    hidden = layers.Dense(
        4,
        "tanh",
        name="hidden",
        dtype=dtype,
        kernel_regularizer="l2" if rng.random() < 0.15 else None,
        activity_regularizer=keras.regularizers.L2(0.1) if rng.random() < 0.1 else None,
    )(hidden)
    heads = [
        layers.Dense(width, KINDS[kind][0], name=name, dtype=dtype)(hidden)
        for kind, width, name in zip(kinds, units, "abc", strict=False)
    ]
    return keras.Model(
        inputs, heads[0] if len(heads) == 1 else dict(zip("abc", heads, strict=False)) if structure == "dict" else heads
    )


def _labels(rng, kind: str, shape: tuple) -> np.ndarray:
    labels = KINDS[kind][1](rng, shape)
    if kind == "classes":
        return labels[..., None] if rng.random() < 0.4 else labels
    return labels[..., 0] if shape[-1] == 1 and rng.random() < 0.6 else labels


def _packed(rng, losses: list, names: list[str], structure: str):
    if len(losses) == 1:
        return losses[0]
    if structure == "dict" or rng.random() < 0.4:
        return dict(zip(names, losses, strict=True))
    return losses


def _like(loss, weights: list, names: list[str]):
    return dict(zip(names, weights, strict=True)) if isinstance(loss, dict) else weights


def _sample_weight(rng, count: int, names: list[str], structure: str, steps: bool):
    """One for each sample, or for each step of each."""
    if rng.random() < 0.5:
        return None
    shape = (SAMPLES, STEPS) if steps else (SAMPLES, 1) if rng.random() < 0.2 else (SAMPLES,)
    if count == 1 or rng.random() < 0.5:
        return rng.uniform(0, 2, shape).astype("float32")
    weights = [rng.uniform(0, 2, shape).astype("float32") for _ in range(count)]
    return dict(zip(names, weights, strict=True)) if structure == "dict" else weights


def _parts(x, y, weight) -> list[tuple]:
    whole = (x, y) if weight is None else (x, y, weight)
    return [
        keras.tree.map_structure(lambda array, start=start: array[start : start + BATCH], whole)
        for start in range(0, SAMPLES, BATCH)
    ]


def _lists(x, y, weight):
    if isinstance(y, list) or isinstance(weight, list):  # a list of lists is one array
        return _parts(x, y, weight)
    whole = (x, y) if weight is None else (x, y, weight)
    return keras.tree.map_structure(lambda array: array.tolist(), whole)


def _tf_data(x, y, weight):
    if keras.backend.backend() != "tensorflow" or keras.tree.is_nested(y) or keras.tree.is_nested(weight):
        return _parts(x, y, weight)
    import tensorflow as tf  # noqa: PLC0415  (heavy, and not every backend has it)

    return tf.data.Dataset.from_tensor_slices((x, y) if weight is None else (x, y, weight)).batch(BATCH)


def _data_loader(x, y, weight):
    if keras.backend.backend() != "torch" or keras.tree.is_nested(y) or keras.tree.is_nested(weight):
        return _parts(x, y, weight)
    import torch  # noqa: PLC0415

    arrays = [x, y] if weight is None else [x, y, weight]
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*map(torch.as_tensor, arrays)), BATCH)


DATA = {
    "arrays": lambda x, y, weight: (x, y) if weight is None else (x, y, weight),
    "batches": _parts,
    "generator": lambda x, y, weight: iter(_parts(x, y, weight)),
    "lists": _lists,
    "PyDataset": lambda x, y, weight: Sequence(_parts(x, y, weight)),
    "tf.data": _tf_data,
    "DataLoader": _data_loader,
}


def check_loss(seed: int) -> bool:
    """Compare our mean loss, and the oracle of a channel, with `evaluate`; False where that refuses the draw.

    Raises:
        AssertionError: They differ.
    """
    draw = draw_loss(seed)
    try:
        expected = draw.evaluate()
    except Exception:  # each backend refuses in its own way
        return False
    if not np.isfinite(expected):
        return False
    graph, sampling = kp.trace(draw.model), Sampling(draw.data, batch_size=BATCH)
    scale = draw.tolerance * max(abs(expected), 1.0)
    found = Probe(draw.model, graph, Sampling(batch_size=BATCH)).mean_loss(sampling.data)
    assert abs(found - expected) <= scale, f"seed {seed}: {found} for {expected}: {draw.words}"
    ids, (channel,) = graph.free_groups[0].ids, np.random.default_rng(seed).integers(0, 4, 1)
    change = score(draw.model, graph, "oracle", sampling.data, batch_size=BATCH)[ids[channel]]
    for layer in draw.model.layers:
        if layer.name in "abc":
            kernel, bias = layer.get_weights()
            kernel[channel] = 0.0
            layer.set_weights([kernel, bias])
    without = draw.evaluate() - expected
    assert abs(change - without) <= 2 * scale, f"seed {seed}: oracle {change} for {without}: {draw.words}"
    return True

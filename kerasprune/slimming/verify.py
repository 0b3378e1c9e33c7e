"""The proof that ships with every slimmed model: it equals the masked one, on given or random inputs."""

from dataclasses import replace

import keras
import numpy as np

from kerasprune.core import ChannelGraph, VerificationError, cut
from kerasprune.evidence.random_inputs import first_samples, random_inputs
from kerasprune.graph import Call, Rebuild, align, fresh_states, trace, unrolled
from kerasprune.slimming.opener import open_model
from kerasprune.slimming.slim import masked, masking, slim


def verify(
    model: keras.Model,
    graph: ChannelGraph | None = None,
    keep: np.ndarray | None = None,
    small: keras.Model | None = None,
    inputs=None,
    *,
    tolerance: float | None = None,
    seed: int = 0,
) -> float:
    """Check that `small` computes the same function as `masked(model, graph, keep)`, or as the gates of `model` say.

    Of a model with gates, masks or sparse weights, `verify(model)` is enough: in inference it must compute what
    `slim(model)` computes.

    A copy of the model in which nothing is masked is compared with the model itself, too, so that a mistake in copying
    cannot hide in both sides.

    Args:
        model: The model before.
        graph: Its trace; needed with `keep` only.
        keep: bool (num_ids,), what `small` was made with; None where gates, masks or zeros in the model say it.
        small: The slimmed model; made here by `slim` where None.
        inputs: A batch of inputs, or any data that `kerasprune.core.batches` takes, of which the first samples are
            used; by default two random samples, or one if it is large.
        tolerance: Largest allowed difference, as a fraction of the largest output of the masked model; by default
            1e-4, and 2e-2 where the model computes with 16 bits.
        seed: For the random inputs.

    Returns:
        The largest difference of an output element, divided by the largest output element of the masked model.

    Raises:
        VerificationError: The difference is larger than the tolerance or not a number; the message has the difference
            and the layer where it first appears.
    """
    if keep is None:
        return _verify_gates(model, slim(model) if small is None else small, inputs, tolerance, seed)
    flat, _ = unrolled(model)
    graph = trace(flat) if graph is None else graph
    small = slim(model, graph, keep) if small is None else small
    x = random_inputs(flat, graph, seed) if inputs is None else first_samples(inputs)
    tolerance = _tolerance(model) if tolerance is None else tolerance
    with fresh_states(model):
        copied = _difference(model(x, training=False), Rebuild(graph).run(flat)(x, training=False))
    if not copied <= tolerance:
        raise VerificationError(
            f"A copy of {model.name!r} with nothing masked differs from it by {copied:.3g} of the output's scale "
            f"(allowed: {tolerance:g}): a layer computes with something that is neither weight nor configuration."
        )
    expected = masked(flat, graph, keep)(x, training=False)
    with fresh_states(small):
        difference = _difference(expected, small(x, training=False))
    if not difference <= tolerance:
        where = _first_difference(flat, graph, graph.complete(keep), small, x, tolerance)
        raise VerificationError(
            f"The slimmed model differs from the masked one by {difference:.3g} of the output's scale "
            f"(allowed: {tolerance:g}), first at `{where}`."
        )
    return difference


def _verify_gates(model, small, inputs, tolerance, seed: int) -> float:
    """The largest difference between a model with gates in inference and the slimmed one."""
    opened = open_model(model).model
    x = random_inputs(opened, trace(opened), seed) if inputs is None else first_samples(inputs)
    tolerance = _tolerance(model) if tolerance is None else tolerance
    with fresh_states(model, small):
        difference = _difference(model(x, training=False), small(x, training=False))
    if not difference <= tolerance:
        raise VerificationError(
            f"The slimmed model differs from {model.name!r} in inference by {difference:.3g} of the output's scale "
            f"(allowed: {tolerance:g})."
        )
    return difference


def measure_inexact(
    model: keras.Model, graph: ChannelGraph, keep: np.ndarray, small: keras.Model, inputs=None, *, seed: int = 0
) -> float:
    """How far `small` is from the model in which the layers of `graph.inexact` read zero for removed channels.

    Args:
        model: The model before.
        graph: Its trace.
        keep: bool (num_ids,), what `small` was made with.
        small: The slimmed model.
        inputs: As in `verify`.
        seed: As there.

    Returns:
        The largest difference of an output element, divided by the largest output element of that model; 0 up to
        rounding where `graph.inexact` is empty.
    """
    flat, _ = unrolled(model)
    x = random_inputs(flat, graph, seed) if inputs is None else first_samples(inputs)
    with fresh_states(small):
        return _difference(masked(flat, replace(graph, inexact={}), keep)(x, training=False), small(x, training=False))


def _tolerance(model: keras.Model) -> float:
    half = any(getattr(layer, "compute_dtype", "float32") in ("float16", "bfloat16") for layer in model.layers)
    return 2e-2 if half else 1e-4


def _difference(first, second) -> float:
    """The largest over the tensors of two structures; infinite where structure or shape differ."""
    first, second = ([_array(t) for t in keras.tree.flatten(side)] for side in (first, second))
    if [a.shape for a in first] != [b.shape for b in second]:
        return float("inf")
    return max((_relative(a, b) for a, b in zip(first, second, strict=True)), default=0.0)


def _relative(first: np.ndarray, second: np.ndarray) -> float:
    if first.size == 0 or np.array_equal(first, second):
        return 0.0
    scale = np.abs(first).max() or 1.0
    return float(np.abs(first - second).max() / scale)


def _array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor).astype("float64")


def _first_difference(model, graph, keep, small, x, tolerance) -> str:
    """The first call whose outputs differ between the two models, by the path of its operation."""
    expected = _tensors(model, graph, x, keep)
    actual = _tensors(small, trace(small), x)
    for labels in graph.calls:
        pairs = zip(expected[labels.key], actual.get(labels.key, ()), labels.outputs, strict=False)
        if not all(_difference(cut(_array(a), axes, keep), b) <= tolerance for a, b, axes in pairs):
            return labels.operation
    return "the outputs"


def _tensors(model, graph, x, keep=None) -> dict[str, list]:
    """The outputs of every call of the model, those inside nested models too, by the key of the call."""
    found = {}
    mask = None if keep is None else masking(graph, keep)

    def at_call(call: Call, operation, args, kwargs):
        outputs = mask(call, operation, args, kwargs) if mask else operation(*args, **kwargs)
        found[call.key] = keras.tree.flatten(outputs)
        return outputs

    flat = Rebuild(graph, silent=keep).run(model, at_call, nested=False)
    arrays = align(x, [tensor.name for tensor in flat.inputs])
    return keras.Model(flat.inputs, found)(arrays, training=False)

"""The proof that ships with every slimmed model: it equals the masked one, on given or random inputs."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from kerasprune.core import ChannelGraph, VerificationError, cut, quiet
from kerasprune.evidence.random_inputs import first_samples, random_inputs
from kerasprune.graph import Execution, Opened, fresh_states, runnable, unroll
from kerasprune.slimming.slim import run_masked, slim


@quiet("tensorflow", "retracing")
def verify(
    model: keras.Model,
    graph: ChannelGraph | None = None,
    keep: np.ndarray | None = None,
    small: keras.Model | None = None,
    inputs: Any = None,
    *,
    tolerance: float | None = None,
    seed: int = 0,
) -> float:
    """Check that `small` computes the same function as `masked(model, graph, keep)`, or as the gates of `model` say.

    Of a model with gates, masks or sparse weights, `verify(model)` is enough: in inference it must compute what
    `slim(model)` computes.

    The masked side is computed by the layers of the model itself, call by call, so that a mistake in copying cannot
    hide in both sides; where the model had to be taken apart or opened, the result of that is compared with it, too.
    Where the backend cannot run channels first, the twins of both models are compared, see `channels_last`.

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

    Example:

    >>> verify(model, graph, keep, slim(model, graph, keep)) < 1e-5
    True
    """
    if keep is None:
        return _verify_gates(model, slim(model) if small is None else small, inputs, tolerance, seed)
    opened = Opened.of(model, graph)
    small = opened.cut(keep).flat if small is None else small
    x = samples_for(opened, inputs, seed)
    check_opened(opened, x, tolerance)
    return compare(opened, keep, runnable(unroll(small)).runs, x, tolerance)


def samples_for(opened: Opened, inputs=None, seed: int = 0):
    """Inputs on which models are compared; see `verify`."""
    return random_inputs(opened.flat, opened.graph, seed) if inputs is None else first_samples(inputs)


def check_opened(opened: Opened, x, tolerance: float | None = None) -> None:
    """Check that the plain model, under what the gates of the model keep, computes what the model does.

    Args:
        opened: The model; needed once for each.
        x: Inputs.
        tolerance: As in `verify`.

    Raises:
        VerificationError: It does not.
    """
    if opened.flat is opened.model or opened.runs is not opened:
        return
    tolerance = _tolerance(opened.model) if tolerance is None else tolerance
    keep = opened.graph.keep_all() if opened.gated is None else opened.gated
    with fresh_states(opened.model, opened.flat):
        expected = opened.model(x, training=False)
        difference = _difference(expected, run_masked(opened, keep, x)[0])
    if not difference <= tolerance:
        raise VerificationError(
            f"The parts of {opened.model.name!r} laid open differ from it by {difference:.3g} of the output's scale "
            f"(allowed: {tolerance:g}): a layer computes with something that is neither weight nor configuration."
        )


def compare(opened: Opened, keep: np.ndarray, small: keras.Model, x, tolerance: float | None = None) -> float:
    """As `verify`, of a model that was opened before.

    Args:
        opened: The model before.
        keep: bool (num_ids,), what `small` was made with.
        small: The slimmed model, or the twin that runs in its place.
        x: Inputs.
        tolerance: As in `verify`.

    Raises:
        VerificationError: As there.
    """
    tolerance = _tolerance(opened.flat) if tolerance is None else tolerance
    keep, opened = opened.graph.complete(keep), opened.runs
    with fresh_states(opened.flat):
        expected, tensors = run_masked(opened, keep, x)
    with fresh_states(small):
        difference = _difference(expected, small(x, training=False))
    if difference <= tolerance:
        return difference
    _check_copy(opened, x, tolerance)
    where = _first_difference(opened.graph, keep, tensors, small, x, tolerance)
    raise VerificationError(
        f"The slimmed model differs from the masked one by {difference:.3g} of the output's scale "
        f"(allowed: {tolerance:g}), first at `{where}`."
    )


def _verify_gates(model, small, inputs, tolerance, seed: int) -> float:
    """The largest difference between a model with gates in inference and the slimmed one."""
    x = samples_for(Opened.of(model), inputs, seed)
    tolerance = _tolerance(model) if tolerance is None else tolerance
    first, second = _running(model), _running(small)
    with fresh_states(first, second):
        difference = _difference(first(x, training=False), second(x, training=False))
    if not difference <= tolerance:
        raise VerificationError(
            f"The slimmed model differs from {model.name!r} in inference by {difference:.3g} of the output's scale "
            f"(allowed: {tolerance:g})."
        )
    return difference


def _running(model: keras.Model) -> keras.Model:
    """The model itself, or the twin that the backend can run in its place."""
    found = runnable(unroll(model))
    return model if found.twin is None else found.runs


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
    opened, small = Opened.of(model, replace(graph, inexact={})).runs, runnable(unroll(small)).runs
    x = samples_for(opened, inputs, seed)
    with fresh_states(opened.flat, small):
        return _difference(run_masked(opened, graph.complete(keep), x)[0], small(x, training=False))


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


def _check_copy(opened: Opened, x, tolerance: float) -> None:
    """Raise where a copy of the model is another function: then the slimmed model is one for the same reason."""
    with fresh_states(opened.flat):
        copied = _difference(opened.flat(x, training=False), opened.copy()(x, training=False))
    if np.isnan(copied):
        raise VerificationError(
            f"The outputs of {opened.model.name!r} are NaN or infinite on the samples of the check. Repair the model, "
            "or pass data that it is made for."
        )
    if not copied <= tolerance:
        raise VerificationError(
            f"A copy of {opened.model.name!r} with nothing masked differs from it by {copied:.3g} of the output's "
            f"scale (allowed: {tolerance:g}): a layer computes with something that is neither weight nor configuration."
        )


def _first_difference(graph: ChannelGraph, keep, expected: dict[str, list], small, x, tolerance: float) -> str:
    """The first call whose outputs differ between the two models, by the path of its operation."""
    _, actual = Execution().run(unroll(small), x)
    for labels in graph.calls:
        pairs = zip(expected[labels.key], actual.get(labels.key, ()), labels.outputs, strict=False)
        if not all(_difference(cut(_array(a), axes, keep), b) <= tolerance for a, b, axes in pairs):
            return labels.operation
    return "the outputs"

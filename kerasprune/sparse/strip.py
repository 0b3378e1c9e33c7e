"""From a sparse model in training to the plain model with zeros in its weights."""

import warnings

import keras

from kerasprune.core import OptionError
from kerasprune.graph import Plain, Rebuild, compile_like, opener, restored, trace
from kerasprune.sparse.scheduled_weights import ScheduledWeights
from kerasprune.sparse.sparse_weights import SparseWeights


def strip(sparse: keras.Model) -> keras.Model:
    """Build the plain model that computes what `sparse` computes in inference, with zeros where a gate is closed.

    Args:
        sparse: A model from `sparsify`, trained; it is not touched.

    Returns:
        A model of the layers of the model that was given to `sparsify`. It is compiled if `sparse` is.

    Raises:
        OptionError: The model is not one from `sparsify`.

    Example:

    >>> sparse = sparsify(dense, sparsity=0.5, method="magnitude", steps=4)
    >>> sparse.compile("adam", "mse")
    >>> history = sparse.fit(samples, np.zeros((16, 3)), batch_size=8, epochs=2, verbose=0)
    >>> plain = strip(sparse)
    >>> small = slim(plain)
    """
    found = [layer for layer in sparse.layers if isinstance(layer, SparseWeights)]
    if not found:
        raise OptionError(f"{sparse.name!r} is no model from `sparsify`, so there is nothing to strip.")
    (layer,) = found
    if isinstance(layer, ScheduledWeights) and int(layer.step) <= layer.last_ranking:
        warnings.warn(
            f"{sparse.name!r} has been trained for {int(layer.step)} of {layer.steps} steps: "
            f"{int(keras.ops.sum(layer.keep)):,} weights are left where {layer.kept:,} were asked for. "
            "Train on, or pass `sparsify` the number of steps that training has."
        )
    plain = Rebuild(trace(layer.layer)).run(layer.layer)
    gates = layer.split(layer.settled())
    for position, (kernel, gate) in zip(layer.gated, gates, strict=True):
        plain.weights[position].assign(kernel * keras.ops.cast(gate, kernel.dtype))
    plain = restored(layer.origin, plain)
    compile_like(plain, sparse)
    return plain


@opener(SparseWeights)
def open_sparse(model: keras.Model) -> Plain:
    """The plain model with zeros in its weights, of which `slim` takes out what is dead."""
    return Plain(strip(model))

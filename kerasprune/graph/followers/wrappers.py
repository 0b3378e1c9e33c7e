"""Wrappers: as the layer inside."""

import keras

from kerasprune.graph.follow import Handling, Reading, follows, handling_for

layers = keras.layers


@follows(layers.TimeDistributed)
def time_distributed(reading: Reading) -> Handling | None:
    """As the layer inside, of which the tensors have no steps."""
    if len(reading.held) != 1:
        return None
    inside = Reading(
        reading.operation.layer,
        (max(reading.held[0] - 1, 0),),
        tuple((shape[0], *shape[2:]) for shape in reading.shapes),
        tuple((shape[0], *shape[2:]) for shape in reading.output_shapes),
    )
    return _wrapped(handling_for(inside), 1)


@follows(layers.SpectralNormalization)
def spectral_normalization(reading: Reading) -> Handling | None:
    """As the layer inside; its own weight belongs to the kernel, which does not move."""
    handling = handling_for(Reading(reading.operation.layer, reading.held, reading.shapes, reading.output_shapes))
    return _wrapped(handling, 0)


def _wrapped(handling: Handling | None, without: int) -> Handling | None:
    """What a wrapper does whose layer inside does this, on tensors that lack so many axes behind the first."""
    if handling is None:
        return None
    inputs, outputs = (
        tuple(layout + without if layout else 0 for layout in side) for side in (handling.inputs, handling.outputs)
    )
    return Handling(
        inputs, outputs, {f"layer/config/{key}": value for key, value in handling.changes.items()}, handling.weights
    )

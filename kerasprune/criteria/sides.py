"""Which axes of a weight speak for the channels along them: those on which it makes channels, or reads them."""

from kerasprune.core import Registry, WeightLabels

SIDES = Registry("side of a weight")


@SIDES.register("made")
def made_axes(labels: WeightLabels) -> tuple[int, ...]:
    """The labelled axes on which the weight makes channels, or carries them."""
    read = read_axes(labels)
    return tuple(axis for axis in labelled_axes(labels) if axis not in read)


@SIDES.register("read")
def read_axes(labels: WeightLabels) -> tuple[int, ...]:
    """The labelled axes on which the weight consumes channels."""
    reads = {axis % len(labels.axes) for axis in labels.reads}
    return tuple(axis for axis in labelled_axes(labels) if axis in reads)


@SIDES.register("all")
def labelled_axes(labels: WeightLabels) -> tuple[int, ...]:
    """All labelled axes."""
    return tuple(axis for axis, vector in enumerate(labels.axes) if vector is not None)

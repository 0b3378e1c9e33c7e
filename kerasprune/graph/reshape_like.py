"""A reshape to sizes that another tensor has."""

from collections.abc import Sequence

import keras


@keras.saving.register_keras_serializable(package="kerasprune")
class ReshapeLike(keras.layers.Layer):
    """Reshapes a tensor to a shape of which some sizes are those of another tensor, open until the model runs.

    It stands for `ops.reshape(x, (shape[0], shape[1], shape[2], 8))` with `shape = ops.shape(y)` in a model that leaves
    these sizes open; where at most one is open, a plain reshape with -1 does the same. It is called on `[x, y]`.

    Args:
        target_shape: The sizes, batch included; None where it is that of the other tensor, and at most one -1.
        axes: The axes of the other tensor, one for every None in their order.

    Raises:
        ValueError: There are not as many axes as None in `target_shape`.

    Example:

    >>> layer = ReshapeLike(target_shape=(None, None, None, 1), axes=(0, 1, 2))
    >>> tuple(layer([keras.ops.ones((2, 6)), keras.ops.ones((2, 3, 2, 5))]).shape)
    (2, 3, 2, 1)
    """

    def __init__(self, target_shape: Sequence[int | None], axes: Sequence[int], **options):
        super().__init__(**options)
        if list(target_shape).count(None) != len(axes):
            raise ValueError(
                "`axes` must have one entry for every None in `target_shape`. "
                f"Received: target_shape={tuple(target_shape)}, axes={tuple(axes)}."
            )
        self.target_shape = tuple(target_shape)
        self.axes = tuple(axes)

    def call(self, inputs):
        tensor, other = inputs
        return keras.ops.reshape(tensor, self._sizes(keras.ops.shape(other)))

    def compute_output_spec(self, inputs):
        tensor, other = inputs
        shape = self._sizes(other.shape)
        if -1 in shape and None not in (*shape, *tensor.shape):
            shape = tuple(keras.ops.reshape(tensor, shape).shape)
        return keras.KerasTensor([None if size == -1 else size for size in shape], dtype=tensor.dtype)

    def get_config(self):
        return {**super().get_config(), "target_shape": self.target_shape, "axes": self.axes}

    def _sizes(self, shape: Sequence) -> tuple:
        """The target for another tensor of this shape."""
        axes = iter(self.axes)
        return tuple(shape[next(axes)] if size is None else size for size in self.target_shape)

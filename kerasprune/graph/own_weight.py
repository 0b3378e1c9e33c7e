"""A layer that is nothing but a weight."""

from collections.abc import Sequence

import keras


@keras.saving.register_keras_serializable(package="kerasprune")
class OwnWeight(keras.layers.Layer):
    """Returns its weight, whatever it is called on.

    A layer that computes with weights of its own is taken apart into the operations that it is made of; this layer
    gives them the weight where no stock layer can hold it.

    Args:
        shape: The shape of the weight.
        weight_dtype: Its dtype; by default that of the layer's policy.
        regularizer: Its regularizer.
        constraint: Its constraint.
        options: As for `keras.layers.Layer`.

    Example:

    >>> import numpy as np
    >>> OwnWeight((3,))(np.ones((2, 5))).shape[0], OwnWeight((1, 4, 3))(np.ones((2, 5)), rank=3).shape[0]
    (3, 2)
    """

    def __init__(self, shape: Sequence[int], weight_dtype=None, regularizer=None, constraint=None, **options):
        super().__init__(**options)
        self.shape = tuple(shape)
        self.weight_dtype = weight_dtype
        self.regularizer = keras.regularizers.get(regularizer)
        self.constraint = keras.constraints.get(constraint)
        self.supports_masking = True
        self.weight = None

    def build(self, input_shape):
        self.weight = self.add_weight(
            name="weight",
            shape=self.shape,
            dtype=self.weight_dtype,
            initializer="zeros",
            regularizer=self.regularizer,
            constraint=self.constraint,
        )

    def call(self, inputs, rank: int | None = None):
        """The weight; with `rank` the same for every sample of the inputs, along a first axis.

        Args:
            inputs: Any tensor.
            rank: The rank of the result: that of the weight where its first axis, of length 1, becomes that of the
                samples, or one more. None gives the weight as it is.
        """
        weight = keras.ops.convert_to_tensor(self.weight)
        if rank is None:
            return weight
        return keras.ops.broadcast_to(weight, (keras.ops.shape(inputs)[0], *self._rest(rank)))

    def compute_output_spec(self, inputs, rank: int | None = None):
        floating = keras.backend.is_float_dtype(self.weight_dtype or self.variable_dtype)
        dtype = self.compute_dtype if floating and self.autocast else self.weight_dtype or self.variable_dtype
        shape = self.shape if rank is None else (inputs.shape[0], *self._rest(rank))
        return keras.KerasTensor(shape, dtype=dtype)

    def compute_mask(self, inputs, previous_mask):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "shape": self.shape,
            "weight_dtype": self.weight_dtype,
            "regularizer": keras.regularizers.serialize(self.regularizer),
            "constraint": keras.constraints.serialize(self.constraint),
        }

    def _rest(self, rank: int) -> tuple[int, ...]:
        return self.shape[1:] if rank == len(self.shape) else self.shape

"""A model of one layer that holds another model."""

import keras

from kerasprune.graph import as_inputs, as_outputs, functional


def model_around(layer: keras.layers.Layer, name: str) -> keras.Model:
    """The functional model that consists of one layer around a model, with the names of the model inside.

    Args:
        layer: A layer that holds the other model as its `layer`.
        name: Of the result.
    """
    inner = functional(layer.layer)
    inputs = [
        keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name, sparse=tensor.sparse)
        for tensor in inner.inputs
    ]
    structured = as_inputs(inner, inputs)
    outputs = keras.tree.flatten(layer(structured))
    named = [
        keras.layers.Identity(name=title)(tensor) for title, tensor in zip(inner.output_names, outputs, strict=True)
    ]
    return keras.Model(structured, as_outputs(inner, named), name=name)

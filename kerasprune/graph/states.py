"""The states that stateful recurrent layers carry from call to call."""

import contextlib

import keras

from kerasprune.graph.walk import layers_inside


@contextlib.contextmanager
def fresh_states(*models: keras.Model):
    """In this context the recurrent layers of the models start from zero; afterwards they have their states again."""
    kept = []
    for model in models:
        for layer in layers_inside(model):
            if isinstance(layer, keras.layers.RNN) and layer.states is not None:
                kept += [(state, keras.ops.copy(state)) for state in keras.tree.flatten(layer.states)]
                for state in keras.tree.flatten(layer.states):
                    state.assign(keras.ops.zeros(state.shape, state.dtype))
    try:
        yield
    finally:
        for state, value in kept:
            state.assign(value)

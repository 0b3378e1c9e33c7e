"""Growths by recurrent layers, and by layers around a layer."""

import keras

from tests.laws.growth import WIDTHS, growth

layers = keras.layers

KINDS = (layers.SimpleRNN, layers.GRU, layers.LSTM)
CELLS = (layers.SimpleRNNCell, layers.GRUCell, layers.LSTMCell)


def options_of(pick, kind) -> dict:
    options = {"use_bias": pick((True, True, False)), "return_sequences": pick((True, False))}
    if kind is layers.GRU:
        options["reset_after"] = pick((True, False))
    return options


@growth(3)
def recurrent(pick, pool, tensor):
    kind = pick(KINDS)
    return kind(pick(WIDTHS), go_backwards=pick((False, False, True)), **options_of(pick, kind))(tensor)


@growth(3)
def recurrent_with_states(pick, pool, tensor):
    """The states of one layer are where another one starts, or are used themselves."""
    kind, width = pick(KINDS), pick(WIDTHS)
    first, *states = kind(width, return_state=True, return_sequences=True)(tensor)
    use = pick(("start", "start", "join", "sum"))
    if use == "start":
        return kind(width, **options_of(pick, kind))(pick((first, tensor)), initial_state=states)
    if use == "join":
        return layers.Concatenate()([states[-1], layers.Flatten()(first)])
    return layers.Add()([states[0], states[-1]])


@growth(3)
def start_from_anything(pick, pool, tensor):
    """A state from a tensor of the pool, of which some carry channels and some do not."""
    vector = pick([other for other in pool if len(other.shape) == 2] or [layers.Dense(3)(tensor[:, 0])])
    kind = pick((layers.SimpleRNN, layers.GRU))
    return kind(vector.shape[-1])(tensor, initial_state=[vector])


@growth(3)
def bidirectional(pick, pool, tensor):
    kind, states = pick(KINDS), pick((False, False, True))
    inner = kind(pick(WIDTHS), return_state=states, **options_of(pick, kind))
    merged = layers.Bidirectional(inner, merge_mode=pick(("concat", "sum", "mul", "ave", None)))(tensor)
    if not isinstance(merged, (list, tuple)):
        return merged
    return pick(merged)


@growth(3)
def cells(pick, pool, tensor):
    stack = [pick(CELLS)(pick(WIDTHS)) for _ in range(pick((1, 2, 3)))]
    rnn = layers.RNN(stack if len(stack) > 1 else stack[0], return_sequences=pick((True, False)))
    return layers.Bidirectional(rnn)(tensor) if pick((False, False, True)) else rnn(tensor)


@growth(4, 5)
def convolutional_recurrent(pick, pool, tensor):
    kind = layers.ConvLSTM1D if len(tensor.shape) == 4 else layers.ConvLSTM2D
    padding = pick(("same", "valid")) if min(tensor.shape[2:-1]) > 1 else "same"
    layer = kind(pick(WIDTHS), 2, padding=padding, use_bias=pick((True, False)), return_sequences=pick((True, False)))
    return layers.Bidirectional(layer)(tensor) if pick((False, False, True)) else layer(tensor)


@growth(3, 4, 5)
def time_distributed(pick, pool, tensor):
    """A layer for every step, now and then called twice."""
    options = [layers.Dense(pick(WIDTHS), activation="relu"), layers.BatchNormalization(), layers.Flatten()]
    if len(tensor.shape) == 4:
        options += [layers.Conv1D(pick(WIDTHS), 2, padding="same"), layers.GRU(pick(WIDTHS)), layers.Permute((2, 1))]
    if len(tensor.shape) == 5:
        options += [layers.Conv2D(pick(WIDTHS), 2, padding="same"), layers.GlobalMaxPooling2D()]
    layer = layers.TimeDistributed(pick(options))
    result = layer(tensor)
    return layer(result) if result.shape == tensor.shape and pick((True, False)) else result


@growth(2, 3, 4)
def spectral_normalization(pick, pool, tensor):
    layer = layers.Dense(pick(WIDTHS))
    if len(tensor.shape) == 4:
        layer = pick((layer, layers.Conv2D(pick(WIDTHS), 1), layers.Conv2DTranspose(pick(WIDTHS), 2)))
    return layers.SpectralNormalization(layer)(tensor)


@growth(3)
def masked_recurrent(pick, pool, tensor):
    """Steps that are all zero are hidden from what follows."""
    hidden = layers.Masking(mask_value=pick((0.0, 0.0, 1.0)))(layers.ReLU()(tensor))
    kind = pick(KINDS)
    return kind(pick(WIDTHS), **options_of(pick, kind))(hidden)


@growth(2)
def masked_embedding(pick, pool, tensor):
    index = keras.ops.cast(keras.ops.clip(tensor * 3.0, 0, 4), "int32")
    embedded = layers.Embedding(5, pick(WIDTHS), mask_zero=True)(index)
    kind = pick(KINDS)
    options = options_of(pick, kind)
    return layers.Bidirectional(kind(pick(WIDTHS), **options))(embedded)

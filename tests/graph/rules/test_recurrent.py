"""Recurrent layers: which slices a unit has, what starts and wraps them, and that the slimmed ones are right."""

import itertools

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.graph import fresh_states
from tests.backends import numbers
from tests.laws.check_slim import BATCH, assert_slims_right

pytestmark = pytest.mark.backend

layers = keras.layers
KINDS = (layers.SimpleRNN, layers.GRU, layers.LSTM)
MERGES = ("concat", "sum", "mul", "ave", None)


def model_of(function, shape=(5, 3), batch_size=None):
    """An input, a Dense with 6 channels, the function, and a Dense on each of its outputs."""
    x = keras.Input(shape, batch_size=batch_size)
    results = keras.tree.flatten(function(layers.Dense(6, name="before")(x)))
    return keras.Model(x, [layers.Dense(2)(layers.Flatten()(result)) for result in results])


def weights_of(graph, layer):
    return [weight for weight in graph.weights if weight.layer == layer]


def group(graph, maker):
    return next(group for group in graph.groups if maker in group.makers)


@pytest.mark.parametrize(
    ("layer", "gates", "bias"),
    [
        (layers.SimpleRNN(2, name="rnn"), 1, 1),
        (layers.LSTM(2, name="rnn"), 4, 1),
        (layers.GRU(2, name="rnn"), 3, 2),
        (layers.GRU(2, reset_after=False, name="rnn"), 3, 1),
    ],
)
def test_a_unit_has_a_slice_of_every_gate_and_a_row_that_reads_it(layer, gates, bias):
    graph = kp.trace(model_of(layer))
    kernel, recurrent, offset = weights_of(graph, "rnn")
    units = [7, 8]
    assert kernel.axes[1].tolist() == recurrent.axes[1].tolist() == offset.axes[-1].tolist() == units * gates
    assert kernel.axes[0].tolist() == [1, 2, 3, 4, 5, 6]
    assert recurrent.axes[0].tolist() == units
    assert (kernel.reads, kernel.inner, recurrent.reads, recurrent.inner) == ((0,), (), (0,), (0,))
    assert len(offset.axes) == bias


def test_every_step_costs_both_kernels():
    graph = kp.trace(model_of(layers.LSTM(2, name="rnn")))
    assert graph.cost_table.per_layer(graph.keep_all())["rnn"] == (6 * 8 + 2 * 8 + 8, 5 * (6 * 8 + 2 * 8))


@pytest.mark.parametrize(("kind", "sequences"), list(itertools.product(KINDS, (True, False))))
def test_what_is_slimmed_is_right(kind, sequences):
    options = {"return_sequences": sequences, "return_state": True, "go_backwards": not sequences}
    assert assert_slims_right(model_of(kind(4, **options)), np.random.default_rng(0)) > 0.5


@pytest.mark.parametrize(("kind", "merge"), list(itertools.product(KINDS, MERGES)))
def test_both_directions_are_right_however_they_merge(kind, merge):
    layer = layers.Bidirectional(kind(4, return_sequences=True, return_state=True), merge_mode=merge)
    assert assert_slims_right(model_of(layer), np.random.default_rng(0)) > 0.4


def test_directions_keep_their_own_settings_and_stay_equally_wide():
    backward = layers.LSTM(4, go_backwards=True, activation="relu")
    model = model_of(layers.Bidirectional(layers.LSTM(4), backward_layer=backward, name="both"))
    graph = kp.trace(model)
    assert group(graph, "both").width == 4
    keep = graph.keep_all()
    keep[group(graph, "both").ids[0]] = False
    small = kp.slim(model, graph, keep).get_layer("both")
    assert (small.forward_layer.units, small.backward_layer.units) == (3, 3)
    assert small.backward_layer.activation is keras.activations.relu


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_that_starts_from_the_states_of_another_shares_its_units(kind):
    def function(tensor):
        _, *states = kind(4, return_state=True, name="first")(tensor)
        return kind(4, name="second")(tensor, initial_state=states)

    model = model_of(function)
    assert group(kp.trace(model), "first").makers == ("first", "second")
    assert_slims_right(model, np.random.default_rng(0))


def test_units_that_start_from_no_channels_stay():
    sequence, start = keras.Input((5, 3)), keras.Input((4,))
    model = keras.Model([sequence, start], layers.Dense(2)(layers.GRU(4, name="rnn")(sequence, initial_state=start)))
    assert group(kp.trace(model), "rnn").frozen == "`rnn` starts from this state"


def test_stacked_cells_read_what_the_cell_before_makes():
    cells = [layers.LSTMCell(4), layers.GRUCell(5), layers.SimpleRNNCell(3)]
    model = model_of(layers.RNN(cells, return_sequences=True, name="rnn"))
    graph = kp.trace(model)
    assert [group.width for group in graph.free_groups] == [6, 4, 5, 3]
    assert [weight.inner for weight in weights_of(graph, "rnn") if weight.reads] == [(), (0,), (0,), (0,), (0,), (0,)]
    assert_slims_right(model, np.random.default_rng(0))


@keras.saving.register_keras_serializable("tests")
class Cell(layers.SimpleRNNCell):
    pass


def test_a_cell_of_ones_own_holds_its_channels():
    graph = kp.trace(model_of(layers.RNN(Cell(4), name="rnn")))
    assert "`rnn` has the cell Cell" in group(graph, "before").frozen


def test_states_are_left_as_they_are_and_start_at_zero_in_the_slimmed_model():
    model = model_of(layers.LSTM(4, stateful=True, name="rnn"), batch_size=BATCH)
    x = np.random.default_rng(0).standard_normal((BATCH, 5, 3)).astype("float32")
    model(x)
    before = [keras.ops.convert_to_numpy(state) for state in model.get_layer("rnn").states]
    assert np.abs(before[0]).max() > 0
    graph = kp.trace(model)
    small = kp.slim(model, graph)
    kp.verify(model, graph, graph.keep_all(), small, [(x,)])
    for old, state in zip(before, model.get_layer("rnn").states, strict=True):
        np.testing.assert_array_equal(old, keras.ops.convert_to_numpy(state))
    assert all(not keras.ops.convert_to_numpy(state).any() for state in small.get_layer("rnn").states)
    with fresh_states(model):
        np.testing.assert_allclose(numbers(model(x)), numbers(small(x)), atol=1e-6)
    np.testing.assert_array_equal(before[0], keras.ops.convert_to_numpy(model.get_layer("rnn").states[0]))


@pytest.mark.parametrize("kind", KINDS)
def test_masks_of_an_embedding_reach_the_layers(kind):
    x = keras.Input((7,), dtype="int32")
    h = kind(5, return_sequences=True)(layers.Embedding(5, 4, mask_zero=True)(x))
    assert_slims_right(keras.Model(x, layers.Dense(2)(layers.Bidirectional(kind(4))(h))), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.ConvLSTM1D(4, 2, return_sequences=True, return_state=True), (4, 6, 3)),
        (layers.ConvLSTM2D(4, 2, padding="same"), (3, 5, 6, 3)),
        (layers.ConvLSTM3D(4, 2, use_bias=False), (2, 3, 3, 3, 2)),
        (layers.Bidirectional(layers.ConvLSTM2D(4, 2), merge_mode="sum"), (3, 5, 6, 3)),
    ],
)
def test_convolutions_over_time_are_right(layer, shape):
    assert assert_slims_right(model_of(layer, shape), np.random.default_rng(0)) > 0.5


def test_the_units_of_a_convolution_over_time():
    graph = kp.trace(model_of(layers.ConvLSTM2D(2, 3, padding="same", name="rnn"), (3, 5, 6, 3)))
    kernel, recurrent, bias = weights_of(graph, "rnn")
    assert [axes.tolist() for axes in (kernel.axes[-1], recurrent.axes[-1], bias.axes[0])] == [[7, 8] * 4] * 3
    assert (recurrent.axes[-2].tolist(), recurrent.inner) == ([7, 8], (2,))
    assert graph.cost_table.per_layer(graph.keep_all())["rnn"][1] == 3 * 30 * 9 * (6 * 8 + 2 * 8)

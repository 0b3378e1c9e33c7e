"""The phases of a schedule, for whatever obeys one."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.scheduled import ScheduledLayer

pytestmark = pytest.mark.backend


def built(**options) -> ScheduledLayer:
    layer = ScheduledLayer(**options)
    layer.build_schedule()
    return layer


def phases(layer: ScheduledLayer, steps: int) -> tuple[list[float], list[bool]]:
    """How far limits have fallen, and whether all is settled, in each step."""
    ramped, settled = [], []
    for _ in range(steps):
        ramped.append(round(float(layer.ramped()), 4))
        settled.append(bool(layer.is_settled()))
        layer.advance()
    return ramped, settled


def test_limits_fall_from_the_first_step_to_the_last_of_the_ramp():
    ramped, settled = phases(built(steps=10, ramp=0.5, settle=0.8), 10)
    assert ramped == [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1]
    assert settled == [False] * 8 + [True] * 2


def test_a_schedule_of_one_step_ends_in_it():
    layer = built(steps=1)
    assert not layer.settled
    assert phases(layer, 2) == ([1, 1], [False, True])
    assert layer.settled


def test_where_nobody_says_how_long_training_lasts_limits_hold_at_once():
    assert phases(built(), 2) == ([1, 1], [False, True])


@pytest.mark.parametrize("options", [{"ramp": 0}, {"ramp": 0.9, "settle": 0.5}, {"settle": 1.5}, {"steps": 0}])
def test_bad_options_name_what_was_received(options):
    with pytest.raises(kp.OptionError, match="Received"):
        ScheduledLayer(**options)


@pytest.mark.slow
@pytest.mark.parametrize("make", [kp.gate, kp.sparsify])
def test_both_ways_learn_the_number_of_steps_from_fit_where_it_is_not_given(make):
    def total(**options) -> float:
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, "relu"), keras.layers.Dense(3)])
        target = {"sparsity": 0.5} if make is kp.sparsify else {"budget": kp.Budget(params=0.5)}
        made = make(model, **target, **options)
        made.compile("adam", "mse")
        made.fit(np.ones((16, 4)), np.ones((16, 3)), batch_size=8, epochs=3, verbose=0)
        (layer,) = [part for part in made._flatten_layers() if isinstance(part, ScheduledLayer)]
        return float(layer.total)

    assert total() == 6
    assert total(steps=40) == 40

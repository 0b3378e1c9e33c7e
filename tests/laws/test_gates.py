"""What every registered gate obeys."""

import inspect

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.evidence import random_inputs
from kerasprune.gates import GATES
from kerasprune.gates.gate_costs import GateCosts
from kerasprune.gates.open_gates import kept_by_gates, without_gates
from kerasprune.scheduled import ScheduledLayer
from tests.backends import numbers
from tests.gates.test_channel_gate import step
from tests.laws.random_models import from_generator, random_model, randomize
from tests.small_models import conv_model, dense_model, images

pytestmark = [pytest.mark.backend, pytest.mark.processor]

KINDS = list(GATES)
HALF = kp.Budget(flops=0.5)


def trained(kind: str, model: keras.Model, budget: kp.Budget, epochs: int = 2, **options) -> kp.GatedModel:
    """The gated model after a few steps on random data."""
    gated = kp.gate(model, kind, budget=budget, **options)
    gated.compile("adam", "sparse_categorical_crossentropy")
    x, y = images(32)
    callbacks = [] if gated.gates[0].learns else [kp.Rerank("magnitude")]
    gated.fit(x, y, epochs=epochs, batch_size=8, verbose=0, callbacks=callbacks)
    return gated


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "budget", [HALF, kp.Budget(params=0.3), kp.Budget(channels=0.6), kp.Budget(params=0.6, flops=0.4)]
)
def test_the_budget_is_met_before_training_already(kind, budget):
    model = conv_model()
    small = kp.slim(kp.gate(model, kind, budget=budget))
    before, after = kp.trace(model), kp.trace(small)
    for name, limit in budget.limits(before).items():
        measure = {"params": after.params(), "flops": after.macs(), "channels": after.channels()}[name]
        assert measure <= limit * (1 + 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_gated_model_in_inference_equals_the_slimmed_one_and_survives_saving(kind, tmp_path):
    gated = trained(kind, conv_model(), HALF)
    x = images(16)[0]
    small = kp.slim(gated)
    expected = gated.predict(x, verbose=0)
    np.testing.assert_allclose(small.predict(x, verbose=0), expected, atol=1e-6)
    gated.save(tmp_path / "gated.keras")
    loaded = keras.saving.load_model(tmp_path / "gated.keras", safe_mode=True)
    assert np.array_equal(loaded.predict(x, verbose=0), expected)
    assert kp.slim(loaded).count_params() == small.count_params()


@pytest.mark.parametrize("kind", KINDS)
def test_the_schedule_goes_on_in_later_epochs(kind):
    gated = kp.gate(dense_model(6, 5, 3), kind, budget=kp.Budget(flops=0.2), ramp=0.9, settle=0.9)
    gated.compile("adam", "mse")
    levels = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(level=float(gated.gates[0].level), step=float(gated.gates[0].step))
    )
    callbacks = [levels] if gated.gates[0].learns else [levels, kp.Rerank("magnitude")]
    logs = gated.fit(np.ones((16, 4)), np.ones((16, 3)), epochs=4, batch_size=4, verbose=0, callbacks=callbacks).history
    assert logs["step"] == [4, 8, 12, 16]
    assert len(set(logs["level"])) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_is_between_0_and_1_and_never_empties_a_group(kind):
    gated = kp.gate(conv_model(), kind, budget=kp.Budget(params=0.12), steps=10)
    (gates,) = gated.gates
    gates.step.assign(5)
    sample = step(gated)
    assert sample[0] == 1 and sample.min() >= 0 and sample.max() <= 1
    for group in np.split(sample[1:], np.cumsum(gates.widths)[:-1]):
        assert group.max() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_argument_is_in_the_configuration(kind):
    (gates,) = kp.gate(dense_model(6, 5, 3), kind, budget=HALF, seed=3, ramp=0.25, settle=0.5, speed=2.0, steps=7).gates
    config = gates.get_config()
    parents = [cls for cls in type(gates).__mro__ if issubclass(cls, ScheduledLayer)]
    names = {name for cls in parents for name in inspect.signature(cls.__init__).parameters} - {"self", "kwargs"}
    assert names <= set(config)
    again = type(gates).from_config(config)
    assert again.get_config() == config


@pytest.mark.parametrize("seed", (0, 6, 7, 9))
def test_random_models_are_gated_and_slimmed_right(seed):
    rng = np.random.default_rng(seed)
    model = random_model(from_generator(rng))
    randomize(model, rng)
    graph = kp.trace(model)
    if not graph.free_groups or any(weight.inner for weight in graph.weights):
        pytest.skip("no channel of this random model can have a gate")
    gated = kp.gate(model, "gumbel", budget=kp.Budget(params=0.95, channels=0.95))
    plain = without_gates(gated)
    keep = kept_by_gates(gated.gates[0], kp.trace(plain))
    x = random_inputs(plain, kp.trace(plain), batch_size=11)
    expected = keras.tree.flatten(kp.masked(plain, kp.trace(plain), keep)(x))
    for actual, small, wanted in zip(
        keras.tree.flatten(gated(x)), keras.tree.flatten(kp.slim(gated)(x)), expected, strict=True
    ):
        actual, small, wanted = map(numbers, (actual, small, wanted))
        scale = 1e-5 * max(1.0, float(np.abs(wanted).max()))
        np.testing.assert_allclose(actual, wanted, atol=scale)
        np.testing.assert_allclose(small, wanted, atol=scale)


@pytest.mark.parametrize("seed", range(8))
def test_costs_are_those_of_the_graph(seed):
    rng = np.random.default_rng(seed)
    graph = kp.trace(random_model(from_generator(rng)))
    gated = np.flatnonzero(~graph.frozen)
    costs = GateCosts.build(graph, gated, {"params": 10.0, "flops": 7.0, "channels": 3.0})
    costs = GateCosts.from_config(costs.config())
    keep = graph.keep_all()
    keep[gated] = rng.random(len(gated)) < 0.5
    expected = {"params": graph.params(keep) / 10, "flops": graph.macs(keep) / 7, "channels": graph.channels(keep) / 3}
    assert costs.of(keep[gated]) == pytest.approx(expected)

"""Ranking, level and gradient of the gates, against plain numpy."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from kerasprune.gates import GumbelGate
from kerasprune.gates.gate_sample import GateSample
from kerasprune.gates.gated_kernel import GatedKernel
from kerasprune.gates.gated_read import GatedRead
from kerasprune.gates.shared_budget import priced
from tests.small_models import conv_model, dense_model

pytestmark = [pytest.mark.backend, pytest.mark.processor]

ops = keras.ops


def step(gated: kp.GatedModel):
    """The sample of one training step, the 1 for what has no gate in front."""
    sampler = next(layer for layer in gated.layers if isinstance(layer, GateSample))
    return array(sampler(np.zeros((1, 3)), training=True))


def array(value) -> np.ndarray:
    return ops.convert_to_numpy(value)


@pytest.fixture(scope="module")
def arithmetic():
    """The costs of two hidden layers of 6 and 5 neurons under two limits."""
    gates = kp.gate(dense_model(6, 5, 3), "gumbel", budget=kp.Budget(params=0.5, flops=0.6)).gates
    return gates[0].budget.arithmetic


def test_the_best_of_every_group_comes_first_and_ties_go_by_id(arithmetic):
    evidence = np.array([0, 3, 3, 1, 0, 2, 5, 4, 4, 4, 0], "float32")
    order = array(arithmetic.order(ops.convert_to_tensor(evidence)))
    assert order.tolist() == [6, 1, 7, 8, 9, 2, 5, 3, 0, 4, 10]


def test_costs_of_prefixes_are_those_of_the_keeps(arithmetic):
    model = dense_model(6, 5, 3)
    graph = kp.trace(model)
    limits = kp.Budget(params=0.5, flops=0.6).limits(graph)
    order = np.random.default_rng(0).permutation(11)
    params, macs = (array(cost) for cost in arithmetic.prefix_costs(ops.convert_to_tensor(order)))
    ids = np.concatenate([group.ids for group in graph.free_groups])
    for count in range(1, 12):
        keep = graph.keep_all()
        keep[ids] = False
        keep[ids[order[:count]]] = True
        assert params[count - 1] == pytest.approx(graph.params(keep) / limits["params"])
        assert macs[count - 1] == pytest.approx(graph.macs(keep) / limits["flops"])


def test_the_limit_falls_from_everything_to_the_budget(arithmetic):
    costs = arithmetic.prefix_costs(ops.arange(11))
    counts = [int(arithmetic.affordable(costs, progress)) for progress in (0.0, 0.2, 0.5, 1.0)]
    assert counts[0] == 11
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0]


def test_marginal_costs_are_derivatives_of_the_tightest_measure(arithmetic):
    probability = np.linspace(0.1, 0.9, 11)
    slopes = array(arithmetic.marginal(ops.convert_to_tensor(probability, "float32")))

    def largest(values):
        counts = arithmetic.fixed + values @ arithmetic.entries
        return max(float((factors * counts[axes].prod(axis=1)).sum()) for factors, axes in arithmetic.measures)

    for gate in range(11):
        step = np.eye(11)[gate] * 1e-3
        assert slopes[gate] == pytest.approx((largest(probability + step) - largest(probability - step)) / 2e-3, 1e-3)


def test_the_gradient_loses_what_changes_the_cost():
    layer = _Priced()
    layer.build(None)
    rng = np.random.default_rng(0)
    upstream, price = (rng.standard_normal(4).astype("float32") for _ in range(2))
    optimizer = keras.optimizers.SGD(1.0)
    model = keras.Sequential([keras.Input((4,)), layer])
    layer.price.assign(price)
    model.compile(optimizer, lambda _, y: ops.sum(y, axis=-1))
    model.train_on_batch(upstream[None], np.zeros((1, 1)))
    moved = -array(layer.logits)
    assert moved @ price == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(moved, upstream - (upstream @ price) / (price @ price) * price, atol=1e-5)


class _Priced(keras.layers.Layer):
    """Multiplies its input by priced logits, so that the input is the gradient that arrives."""

    def build(self, input_shape):
        self.logits = self.add_weight(shape=(4,), initializer="zeros")
        self.price = self.add_weight(shape=(4,), initializer="ones", trainable=False)

    def call(self, inputs):
        return inputs * priced(ops.convert_to_tensor(self.logits), ops.convert_to_tensor(self.price))


def test_a_gated_kernel_is_a_gated_input():
    x = np.random.default_rng(0).standard_normal((2, 5, 5, 3)).astype("float32")
    conv = keras.layers.Conv2D(4, 3)
    conv.build(x.shape)
    sample = ops.convert_to_tensor([1.0, 0.5, 0.0, 0.25])
    gates = [3, 1, 2]
    inside = GatedKernel(conv, axis=2, gates=gates)(x, sample)
    before = conv(GatedRead(axis=3, gates=gates)(x, sample))
    np.testing.assert_allclose(array(inside), array(before), atol=1e-6)


def test_gates_before_the_batch_axis_or_around_odd_layers_are_refused():
    with pytest.raises(ValueError, match="must not be the batch axis"):
        GatedRead(axis=0, gates=[0])
    with pytest.raises(ValueError, match="Only Dense and convolutions"):
        GatedKernel(keras.layers.BatchNormalization(), axis=0, gates=[0])


@pytest.mark.parametrize("options", [{"ramp": 0.0}, {"ramp": 0.9, "settle": 0.5}, {"speed": 0}, {"steps": 0}])
def test_bad_options_name_what_was_received(options):
    with pytest.raises(ValueError, match="Received"):
        kp.gate(dense_model(6, 5, 3), budget=kp.Budget(params=0.5), **options)


def test_the_least_gate_starts_with_the_initial_keep_probability():
    gated = kp.gate(
        dense_model(6, 5, 3), budget=kp.Budget(params=0.5), initial_keep=0.9, steps=100, temperatures=(0.5, 0.5)
    )
    (gates,) = gated.gates
    step(gated)
    logits = (gates.speed * array(gates.evidence) - float(gates.level)) / 0.5
    assert array(gates.probability(logits.min())) == pytest.approx(0.9, abs=1e-3)


def test_a_soft_sample_is_open_with_the_probability_of_its_logit():
    (gates,) = kp.gate(conv_model(), "gumbel", budget=kp.Budget(flops=0.5), seed=1).gates
    logits = ops.convert_to_tensor(np.linspace(-2, 2, gates.num_gates), "float32")
    opened = np.mean([array(gates.sample(logits)) for _ in range(400)], axis=0)
    np.testing.assert_allclose(opened, array(ops.sigmoid(logits)), atol=0.1)
    soft = GumbelGate.from_config({**gates.get_config(), "hard": False})
    assert 0 < array(soft.sample(logits)).min() < array(soft.sample(logits)).max() < 1

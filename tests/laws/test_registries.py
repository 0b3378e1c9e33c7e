"""One file and one decorator: what registers is at once in the namespace, on the command line and in the report."""

from dataclasses import dataclass

import numpy as np
import pytest
from click.testing import CliRunner

import kerasprune as kp
from kerasprune.core import OptionError
from kerasprune.graph.supported import supported_layers
from kerasprune_cli.main import cli
from tests.registries import registries, restored_afterwards
from tests.small_models import conv_model, images


@pytest.fixture(autouse=True)
def _nothing_stays():
    with restored_afterwards():
        yield


def listed(command: str) -> str:
    """What `kerasprune COMMAND --list` prints."""
    answer = CliRunner().invoke(cli, [command, "--list"])
    assert answer.exit_code == 0
    return answer.output


@pytest.mark.parametrize("kind", ["criterion", "gate", "ranking", "recipe", "recovery", "sparsify method", "strategy"])
def test_every_variant_that_is_named_by_users_says_what_it_is(kind):
    for name, variant in registries()[kind].items():
        assert (variant.__doc__ or "").strip(), name


@pytest.mark.parametrize("kind", registries())
def test_a_name_is_taken_once_and_a_wrong_one_lists_all(kind):
    registry = registries()[kind]
    first, *_ = registry
    with pytest.raises(OptionError, match="already"):
        registry.register(first)(object())
    with pytest.raises(OptionError, match=f"Did you mean '{first}'.*{first}"):
        registry[first + "_"]


def test_a_new_criterion_is_ranked_by_listed_and_reported():
    @kp.criteria.register("last_first")
    @dataclass(frozen=True)
    class LastFirst:
        """Later channels are worth less."""

        slope: float = 1.0

        def __call__(self, evidence):
            return -self.slope * np.arange(evidence.graph.num_ids)

    result = kp.compress(conv_model(), kp.Budget(channels=0.8), "last_first")
    assert "last_first" in kp.criteria.names() and "criterion: last_first" in str(result.report)
    assert "last_first: Later channels are worth less.\n    options: slope=1.0" in listed("compress")
    graph = kp.trace(conv_model())
    assert kp.score(conv_model(), graph, "last_first", slope=2.0)[graph.groups[0].ids[1]] < 0


def test_a_new_recovery_runs_after_a_cut_and_is_listed():
    seen = []

    @kp.recoveries.register("look")
    @dataclass(frozen=True)
    class Look:
        """Looks at what was cut and changes nothing."""

        def __call__(self, damage):
            seen.append(damage.keep)
            return damage.small, ()

    result = kp.compress(conv_model(), kp.Budget(channels=0.8), "magnitude", data=images(4)[0], recover="look")
    assert len(seen) == 1 and "recover: look" in str(result.report)
    assert "look: Looks at what was cut" in listed("compress")


def test_a_new_strategy_is_run_and_listed():
    @kp.strategies.register("twice")
    @dataclass(frozen=True)
    class Twice(kp.strategies.Iterative):
        """Two rounds."""

        steps: int = 2

    result = kp.compress(conv_model(), kp.Budget(channels=0.8), strategy="twice")
    assert "twice: Two rounds." in listed("compress") and "Twice" in str(result.report)


def test_a_new_recipe_exports_and_is_listed():
    @kp.recipes.register("plain")
    @dataclass(frozen=True)
    class Plain(kp.recipes.Recipe):
        """Nothing set."""

        def configure(self, converter, samples, batch_size):
            """Nothing to set."""

    assert kp.recipes.RECIPES["plain"]().name == "plain"
    assert "plain: Nothing set." in listed("export")


def test_a_new_gate_gates():
    @kp.gates.register("open")
    class OpenGate(kp.gates.GumbelGate):
        """Gates without noise."""

        def sample(self, logits):
            return self.probability(logits)

    gated = kp.gate(conv_model(), "open", budget=kp.Budget(flops=0.5), seed=0)
    (gates,) = gated.gates
    assert isinstance(gates, OpenGate) and kp.slim(gated).count_params() < conv_model().count_params()
    with pytest.raises(OptionError, match="The gate 'open' has no option 'sped'. Did you mean 'speed'"):
        kp.gate(conv_model(), "open", budget=kp.Budget(flops=0.5), sped=2.0)


def test_a_new_rule_frees_channels_and_is_in_the_table():
    import keras

    class Halved(keras.layers.Layer):
        def call(self, inputs):
            return inputs / 2

        def compute_output_spec(self, inputs):
            return keras.KerasTensor(inputs.shape, inputs.dtype)

    @kp.rule(Halved, behaviour="channelwise")
    def halved(site):
        return site.labels

    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(2)(Halved()(keras.layers.Dense(6)(x))))
    assert [group.width for group in kp.trace(model).free_groups] == [6]
    assert "Halved" in supported_layers()

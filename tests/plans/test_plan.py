"""A plan in a file: what is wrong is told by line and key, and what is right makes the same again."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import kerasprune as kp
from tests.registries import restored_afterwards
from tests.small_models import conv_model, images

GOOD = """
budget: {flops: 0.5}
criterion:
  name: magnitude
  p: 1
strategy: {name: iterative, steps: 2, schedule: linear}
recover: [bias, {name: reconstruct, damping: 1e-3}]
protect: [first]
batch_size: 8
seed: 3
export:
  - file: small.tflite
    recipe: {name: int8, io: int8}
    benchmark: {runs: 3, warmup: 0}
"""


def plan(text: str, folder: Path) -> kp.Plan:
    """The plan that a text is."""
    path = folder / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    return kp.Plan.load(path)


def test_keys_are_the_arguments_of_compress(tmp_path):
    found = plan(GOOD, tmp_path).values
    assert found["budget"] == kp.Budget(flops=0.5)
    assert found["criterion"] == kp.criteria.Magnitude(p=1)
    assert found["strategy"] == kp.strategies.Iterative(steps=2, schedule="linear")
    assert found["recover"] == (kp.recoveries.RECOVERIES["bias"](), kp.recoveries.Reconstruct(damping=1e-3))
    assert found["export"][0].recipe == kp.recipes.Int8(io="int8")


# A line of the plan, what stands there instead, the line and key of the error, words of the sentence.
MISTAKES = [
    ("budget: {flops: 0.5}", "budget: {flops: -1}", "line 2, `budget.flops`", "must be in (0, 1]"),
    ("budget: {flops: 0.5}", "budget: {macs: 0.5}", "line 2, `budget.macs`", "Write flops=0.5"),
    ("budget: {flops: 0.5}", "", "", "There is no `budget`"),
    ("  name: magnitude", "  name: magnitud", "line 3, `criterion`", "Did you mean 'magnitude'?"),
    ("  p: 1", "  q: 1", "line 5, `criterion.q`", "'magnitude' has no option 'q'"),
    ("  p: 1", "  p: '1'", "line 5, `criterion.p`", "Received: p='1'"),
    ("steps: 2", "steps: two", "line 6, `strategy.steps`", "`steps` should be a valid integer. Received: steps='two'"),
    ("steps: 2", "steps: 0", "line 6, `strategy`", "`steps` must be a whole number of at least 1"),
    ("[bias,", "[bais,", "line 7, `recover.0`", "Did you mean 'bias'?"),
    ("batch_size: 8", "batch_size: true", "line 9, `batch_size`", "must be a whole number. Received: batch_size=True"),
    ("seed: 3", "sed: 3", "line 10, `sed`", "Did you mean 'seed'?"),
    ("seed: 3", "seed: 3\nseed: 4", "line 11, `seed`", "stands twice, in lines 10 and 11"),
    ("file: small.tflite", "file: small.onnx", "line 12, `export.0.file`", "must end in .tflite"),
    ("io: int8", "io: int4", "line 13, `export.0.recipe`", "`io` must be"),
    ("runs: 3", "rums: 3", "line 14, `export.0.benchmark.rums`", "Did you mean 'runs'?"),
    ("seed: 3", "finetune: {epochs: 1, rate: 2}", "line 10, `finetune.rate`", "`finetune` has no option 'rate'"),
    ("seed: 3", "finetune: {epochs: 1, validation: 2}", "line 10, `finetune.validation`", "must be in (0, 1)"),
    ("seed: 3", "distill: {temperature: 0}", "line 10, `distill`", "`temperature` must be above 0"),
    ("seed: 3", "model: 3", "line 10, `model`", "must be a name"),
    ("seed: 3", "criterion: {object: a.b}", "line 10, `criterion`", "No file can hold the object a.b"),
    ("seed: 3", "seed: [", "line", "neither YAML nor JSON"),
]


@pytest.mark.parametrize(("right", "wrong", "where", "words"), MISTAKES, ids=[case[1] for case in MISTAKES])
def test_a_mistake_is_told_with_its_line_and_key(tmp_path, right, wrong, where, words):
    assert right in GOOD
    with pytest.raises(kp.PlanError) as caught:
        plan(GOOD.replace(right, wrong), tmp_path)
    told = next(line for line in str(caught.value).splitlines() if words in line)
    assert f"plan.yaml{', ' if where else ''}{where}" in told


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path):
    wrong = GOOD.replace("seed: 3", "seed: x").replace("p: 1", "p: x").replace("[bias", "[bais")
    with pytest.raises(kp.PlanError) as caught:
        plan(wrong, tmp_path)
    lines = [line.split("`")[1] for line in str(caught.value).splitlines()]
    assert lines == ["criterion.p", "recover.0", "seed"]


def test_what_is_registered_can_be_named_with_its_options():
    with restored_afterwards():

        @kp.criteria.register("slope")
        @dataclass(frozen=True)
        class Slope:
            """Later channels are worth less."""

            slope: float = 1.0

            def __call__(self, evidence):
                return -self.slope * np.arange(evidence.graph.num_ids)

        chosen = {"name": "slope", "slope": 2}
        made = kp.Plan.of({"budget": {"channels": 0.8}, "criterion": chosen}).compress(conv_model())
        assert made.report.plan["criterion"] == {"name": "slope", "slope": 2.0}
        with pytest.raises(kp.PlanError, match="'slope' has no option 'slop'. Did you mean 'slope'"):
            kp.Plan.of({"budget": {"channels": 0.8}, "criterion": {"name": "slope", "slop": 2}})


def test_a_result_carries_the_plan_that_makes_it_again(tmp_path):
    model, data = conv_model(), images(16)
    model.compile("sgd", "sparse_categorical_crossentropy")
    first = kp.compress(model, kp.Budget(flops=0.6), data=data, seed=5, round_to=2, limit=12)
    written = first.report.plan
    assert written["seed"] == 5 and written["round_to"] == 2 and written["limit"] == 12 and written["ranking"]
    assert written["criterion"] == first.choice.way.criterion != "auto"
    assert set(written["versions"]) >= {"kerasprune", "keras", "numpy"}
    first.report.save(tmp_path / "small.report.json")
    kp.Plan.of(written).save(tmp_path / "plan.yaml")
    for file in ("small.report.json", "plan.yaml"):
        again = kp.Plan.load(tmp_path / file).compress(model, data)
        assert (again.keep == first.keep).all() and again.report.plan == written


def test_a_plan_with_a_training_of_python_asks_for_it():
    model, data = conv_model(), images(8)
    model.compile("sgd", "sparse_categorical_crossentropy")
    result = kp.compress(model, kp.Budget(flops=0.8), "magnitude", data=data, train=print)
    again = kp.Plan.of(json.loads(json.dumps(result.report.plan)))
    with pytest.raises(kp.PlanError, match="builtins.print. Pass it as train="):
        again.compress(model, data)
    assert (again.compress(model, data, train=print).keep == result.keep).all()


@pytest.mark.slow
def test_a_plan_says_that_training_is_left_to_the_library():
    model, data = conv_model(), images(16)
    model.compile("sgd", "sparse_categorical_crossentropy")
    result = kp.compress(model, kp.Budget(flops=0.8), "magnitude", data=data, train="auto", effort="quick")
    plan = result.report.plan
    assert (plan["train"], plan["distill"], plan["effort"]) == ("auto", {}, "quick")
    again = kp.Plan.of(plan).compress(model, data)
    assert again.report.plan == plan and again.report.quality == result.report.quality


@pytest.mark.slow
def test_a_plan_trains_and_exports(tmp_path):
    model, data = conv_model(), images(16)
    model.compile("sgd", "sparse_categorical_crossentropy")
    whole = kp.Plan.of(
        {
            "budget": {"flops": 0.6},
            "criterion": "magnitude",
            "finetune": {"epochs": 1, "batch_size": 8},
            "export": {"file": "small.tflite", "recipe": "dynamic", "benchmark": {"runs": 3}},
        }
    )
    result = whole.compress(model, data)
    assert "trained" in result.report.steps[0].quality and result.report.plan["finetune"]["epochs"] == 1
    (file,) = whole.export(result, tmp_path).report.files
    assert file.size == (tmp_path / "small.tflite").stat().st_size and file.median_ms > 0
    assert kp.Plan.of(result.report.plan).exports == whole.exports

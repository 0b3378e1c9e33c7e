"""The report says what changed, what did not, and why."""

import io
import json

import keras
import numpy as np
import pytest
from keras import layers
from rich.console import Console

import kerasprune as kp
from kerasprune.report import Change, Report, Step
from tests.hand_graphs import dense_chain
from tests.small_models import conv_model


@pytest.fixture
def report():
    graph = dense_chain(4, 4, 2)
    keep = np.array([1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1], bool)
    steps = [
        Step({"flops": 30.0}, 9, 40, 30, 2e-7),
        Step({"flops": 25.0}, 8, 37, 24, None),
        Step({"flops": 24.0}, 8, 37, 24, 1e-7),
    ]
    return Report.of(graph, keep, {"criterion": "magnitude", "seed": 0}, steps)


def test_every_layer_has_its_counts_before_and_after(report):
    assert [row.name for row in report.layers] == ["dense0", "dense1", "dense2"]
    assert [row.channels for row in report.layers] == [Change(4, 2), Change(4, 4), Change(2, 2)]
    assert [row.params for row in report.layers] == [Change(20, 10), Change(20, 12), Change(10, 10)]
    assert [row.macs for row in report.layers] == [Change(16, 8), Change(16, 8), Change(8, 8)]


def test_totals_are_those_of_the_graph(report):
    assert (report.channels, report.params, report.macs) == (Change(10, 8), Change(50, 32), Change(40, 24))
    assert report.macs.kept == 0.6


def test_what_was_left_alone_has_its_reason(report):
    assert report.left_alone == {"dense2": "`dense2` is an output of the model"}


def test_the_largest_difference_of_the_steps_counts(report):
    assert report.difference == 2e-7
    assert Report.of(dense_chain(4, 2), np.ones(7, bool)).difference is None


def test_json_says_all_and_equal_reports_give_equal_text(report, tmp_path):
    read = json.loads(report.to_json())
    assert read["settings"] == {"criterion": "magnitude", "seed": "0"}
    assert read["macs"] == {"before": 40, "after": 24}
    assert read["layers"][0] == {
        "name": "dense0",
        "channels": {"before": 4, "after": 2},
        "params": {"before": 20, "after": 10},
        "macs": {"before": 16, "after": 8},
    }
    assert read["left_alone"] == {"dense2": "`dense2` is an output of the model"}
    assert [step["macs"] for step in read["steps"]] == [30, 24, 24]
    report.save(tmp_path / "report.json")
    assert (tmp_path / "report.json").read_text() == report.to_json()


def test_a_folder_that_does_not_exist_is_an_error_and_leaves_nothing(report, tmp_path):
    with pytest.raises(kp.FolderError, match="does not exist"):
        report.save(tmp_path / "nowhere" / "report.json")
    assert list(tmp_path.iterdir()) == []


def test_as_text_it_is_a_table_with_remarks(report):
    assert str(report).splitlines() == [
        "layer   channels  parameters      MACs  MACs kept",
        "------  --------  ----------  --------  ---------",
        "dense0    4 -> 2    20 -> 10   16 -> 8     50.0 %",
        "dense1         4    20 -> 12   16 -> 8     50.0 %",
        "dense2         2          10         8    100.0 %",
        "------  --------  ----------  --------  ---------",
        "total    10 -> 8    50 -> 32  40 -> 24     60.0 %",
        "criterion: magnitude, seed: 0",
        "3 steps, MACs after each: 30, 24, 24",
        "masked and slimmed outputs differ by at most 2e-07 of their scale",
        "left alone: dense2: `dense2` is an output of the model",
    ]


def test_on_a_console_it_says_the_same(report):
    console = Console(width=100, file=io.StringIO())
    report.print(console)
    shown = console.file.getvalue()
    for row in report.rows():
        line = next(line for line in shown.splitlines() if row[0] in line.split())
        assert all(cell in line for cell in row)
    assert all(remark in shown for remark in report.remarks())


def test_layers_stand_in_the_order_of_execution_and_those_without_weights_do_not():
    model = conv_model()
    graph = kp.trace(model)
    report = Report.of(graph, graph.keep_all())
    assert [row.name for row in report.layers] == ["first", "norm", "second", "third", "hidden", "classes"]
    assert report.params.before == model.count_params() == sum(row.params.after for row in report.layers)


def test_a_layer_without_a_rule_is_reported_with_what_it_holds_back():
    x = keras.Input((4,))
    turned = keras.ops.tril(layers.Dense(3, name="before")(x))
    model = keras.Model(x, layers.Dense(2)(turned))
    graph = kp.trace(model)
    report = Report.of(graph, graph.keep_all())
    reasons = [reason for name, reason in report.left_alone.items() if name in ("tril", "before")]
    assert len(reasons) == 2 and all("no rule" in reason for reason in reasons)

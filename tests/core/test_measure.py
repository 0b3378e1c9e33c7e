"""A measure that is added in one place is known everywhere: to budgets, selection, gates, reports and files."""

import importlib

import numpy as np
import pytest

import kerasprune as kp
from kerasprune.core import MEASURES, Term, measure
from kerasprune.gates.gate_costs import GateCosts
from kerasprune.report import Report
from kerasprune_cli.options import measures
from tests.hand_graphs import dense_chain


@pytest.fixture
def squares(monkeypatch):
    """The sum of the squares of the first group's width, as "squares"."""
    monkeypatch.setattr(MEASURES, "_entries", dict(MEASURES._entries))

    @measure("squares", unit="square channels")
    def squares(graph):
        ids = graph.groups[0].ids
        return (Term("first", 2.0, (ids, ids)),)


def test_every_measure_is_an_option_of_the_command_line_with_the_first_line_of_its_file():
    for name, sentence in measures().items():
        assert sentence == importlib.import_module(f"kerasprune.core.measures.{name}").__doc__
    assert list(measures()) == list(MEASURES)


@pytest.mark.usefixtures("squares")
def test_a_new_measure_limits_what_is_selected():
    graph = dense_chain(6, 3)
    assert MEASURES["squares"].value(graph) == 72
    keep = kp.select(graph, np.arange(graph.num_ids, dtype=float), kp.Budget(squares=0.5))
    assert MEASURES["squares"].value(graph, keep) == 32  # 4 of 6 are kept: 2 * 16 <= 36
    np.testing.assert_allclose(MEASURES["squares"].gradient(graph, keep.astype(float))[1:7], 16)


@pytest.mark.usefixtures("squares")
def test_a_new_measure_is_what_gates_cost():
    graph = dense_chain(6, 3)
    ids = graph.free_groups[0].ids
    keep = np.array([1, 1, 0, 0, 1, 0])
    assert GateCosts.build(graph, ids, {"squares": 36.0}).of(keep) == {"squares": pytest.approx(18 / 36)}


@pytest.mark.usefixtures("squares")
def test_a_new_measure_is_a_row_of_the_report():
    graph = dense_chain(6, 3)
    keep = graph.keep_all()
    keep[1:4] = False
    report = Report.of(graph, keep)
    assert "squares: 72 -> 18 square channels, 25.0 % kept" in str(report)
    assert '"squares"' in report.to_json()

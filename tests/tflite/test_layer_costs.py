"""Layers of a model are timed once, alone, at widths that kernels may have, and priced from that."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from kerasprune.core import user_cache
from kerasprune.graph import trace
from kerasprune.tflite import LatencyTable, LayerCosts, Runner, latency_table
from kerasprune.tflite.layer_costs import parts_of
from kerasprune.tflite.layer_file import LayerShape, layer_file

SHAPES = [
    LayerShape((3, 3), 2, (4, 4)),
    LayerShape((3, 3), 1, (4, 4), depthwise=True),
    LayerShape((1, 1), 1, (2, 3), groups=2),
]


@pytest.fixture
def stairs(monkeypatch, tmp_path):
    """Kernels that make eight channels at once, in a cache of their own; counts what is measured."""
    measured = []

    def fastest(runner):
        reads, makes = (details["shape"][-1] for place in (runner.inputs, runner.outputs) for details in place.values())
        measured.append((int(reads), int(makes)))
        return float(reads * -(-makes // 8))

    monkeypatch.setattr(latency_table, "fastest", fastest)
    monkeypatch.setenv(user_cache.VARIABLE, str(tmp_path / "cache"))
    return measured


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.DepthwiseConv2D(3, strides=2),
            layers.SeparableConv2D(24, 3),
            layers.Conv2DTranspose(8, 2, strides=2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10),
        ]
    )


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_file_of_one_layer_runs(shape, int8):
    runner = Runner(layer_file(shape, 6, 8, int8))
    ((name, details),) = runner.inputs.items()
    assert details["dtype"] == (np.int8 if int8 else np.float32)
    channels = {1: 6, 2: 12}[shape.groups] if not shape.depthwise else 8
    found = runner(np.ones((1, *shape.entered, channels), "float32"))
    assert next(iter(found.values())).shape == (1, *shape.positions, 8)


def test_the_parts_of_a_model_have_its_widths_and_positions(model):
    found = {str(part.layer): (part.full, part.shape.positions) for part in parts_of(model, trace(model))}
    names = [layer.name for layer in model.layers if layer.weights]
    assert [found[name] for name in names] == [
        ((3, 16), (12, 12)), ((1, 16), (5, 5)), ((16, 24), (3, 3)), ((24, 32), (3, 3)), ((8, 10), (1, 1)),
    ]  # fmt: skip


def test_prices_along_a_removal_are_those_of_the_models(stairs, model):
    graph = trace(model)
    costs = LayerCosts(model, graph, LatencyTable(), whole=5000.0)
    assert costs.total(graph.keep_all()) == pytest.approx(5000.0)
    for group in graph.free_groups:
        cuts = np.arange(3, group.width, 3)
        keep, totals = graph.keep_all(), []
        for end in (0, *cuts):
            keep[group.ids[:end]] = False
            totals.append(costs.total(keep))
        np.testing.assert_allclose(np.diff(costs.along(graph.keep_all(), group.ids, cuts)), np.diff(totals), atol=1e-9)


def test_a_layer_is_measured_once_and_known_to_the_next_table(stairs):
    def cost(table):
        return table.ms(SHAPES[0], (16, 32), np.array([16.0, 12.0, 4.0]), np.array([32.0, 31.0, 9.0])).tolist()

    table = LatencyTable()
    assert cost(table) == [64.0, 48.0, 8.0]
    count = len(stairs)
    assert cost(table) == [64.0, 48.0, 8.0] and len(stairs) == count
    table.save()
    assert cost(LatencyTable()) == [64.0, 48.0, 8.0] and len(stairs) == count
    cost(LatencyTable(threads=2))
    assert len(stairs) == 2 * count


@pytest.mark.parametrize("text", ["", "{", "[]", '{"milliseconds": {"a": ["x"]}}', '{"format": 0, "milliseconds": {}}'])
def test_a_cache_that_is_damaged_or_of_another_machine_is_not_used(stairs, text):
    table = LatencyTable()
    table.ms(SHAPES[1], (1, 4), np.ones(1), np.ones(1))
    table.save()
    (file,) = user_cache.cache_folder().iterdir()
    assert json.loads(file.read_text())["milliseconds"]
    file.write_text(text)
    count = len(stairs)
    LatencyTable().ms(SHAPES[1], (1, 4), np.ones(1), np.ones(1))
    assert len(stairs) == 2 * count


def test_a_folder_that_takes_no_cache_is_no_obstacle(stairs, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(user_cache.VARIABLE, str(tmp_path / "file"))
    table = LatencyTable()
    assert table.ms(SHAPES[1], (1, 8), np.ones(1), np.array([8.0])) == [8.0]
    table.save()

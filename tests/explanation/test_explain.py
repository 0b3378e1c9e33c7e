"""Reading a sparse network."""

import itertools
import json

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp


def two_pathways() -> keras.Model:
    """x0 and x1 lead to y0 by their difference, x3 leads to y1; x2 and one hidden unit lead nowhere."""
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, activation="silu", name="hidden"), layers.Dense(3, name="y")]
    )
    first, second = np.zeros((4, 4)), np.zeros((4, 3))
    first[0, :2], first[1, :2] = [1.0, -2.0], [-1.0, 2.0]
    first[3, 2] = 4.0
    first[2, 3] = 5.0
    second[0, 0], second[1, 0], second[2, 1] = 1.0, 0.5, -2.0
    model.set_weights([first, np.zeros(4), second, np.ones(3)])
    return model


def test_pathways_symmetry_and_importance_of_a_network_made_by_hand():
    found = kp.explain(two_pathways())
    assert [(p.inputs, p.outputs, p.neurons, p.weights) for p in found.pathways] == [
        ((0, 1), (0,), 2, 6),
        ((3,), (1,), 1, 2),
    ]
    assert found.importance == (2.0, 2.0, 0.0, 8.0)
    assert found.paths_from == (2, 2, 0, 1)
    assert (found.unused_inputs, found.unused_outputs) == ((2,), (2,))
    (pair,) = found.symmetries
    assert (pair.first, pair.second) == (0, 1)
    assert pair.cosine == pytest.approx(-1)
    assert (found.weights, found.size) == (8, 28)


def test_importance_is_the_sum_over_all_paths():
    rng = np.random.default_rng(0)
    sizes = (3, 4, 5, 2)
    model = keras.Sequential([keras.Input((3,)), *(layers.Dense(width) for width in sizes[1:])])
    kernels = [rng.normal(size=pair) * (rng.random(pair) < 0.6) for pair in itertools.pairwise(sizes)]
    for layer, kernel in zip(model.layers, kernels, strict=True):
        layer.set_weights([kernel, np.zeros(kernel.shape[1])])

    def path(units: tuple[int, ...]) -> float:
        return abs(np.prod([kernel[pair] for kernel, pair in zip(kernels, itertools.pairwise(units), strict=True)]))

    expected = [
        sum(path((start, *rest)) for rest in itertools.product(*map(range, sizes[1:]))) for start in range(sizes[0])
    ]
    np.testing.assert_allclose(kp.explain(model).importance, expected, rtol=1e-5)


def test_flattening_normalization_addition_and_concatenation_are_read():
    inputs = keras.Input((2, 2))
    x = layers.Dropout(0.1)(layers.BatchNormalization()(layers.Dense(3, name="a")(layers.Flatten()(inputs))))
    y = layers.Dense(3, name="b")(x)
    x = layers.Concatenate()([layers.Add()([x, y]), y])
    model = keras.Model(inputs, layers.Dense(1, name="c")(x))
    found = kp.explain(model)
    assert found.input_shape == (2, 2)
    assert len(found.pathways) == 1
    assert found.pathways[0].inputs == (0, 1, 2, 3)
    kernels = [np.abs(model.get_layer(name).get_weights()[0]) for name in "abc"]
    a, b, c = kernels
    np.testing.assert_allclose(found.importance, (a @ ((np.eye(3) + b) @ c[:3] + b @ c[3:]))[:, 0], rtol=1e-5)


def test_slimming_does_not_change_what_is_read():
    model = two_pathways()
    before, after = kp.explain(model), kp.explain(kp.slim(model))
    assert before.importance == after.importance
    assert before.pathways == after.pathways


def test_json_holds_everything_but_the_network(tmp_path):
    found = kp.explain(two_pathways())
    found.save(tmp_path / "found.json")
    stored = json.loads((tmp_path / "found.json").read_text())
    assert stored["pathways"][1] == {"inputs": [3], "outputs": [1], "neurons": 1, "weights": 2}
    assert "units" not in stored
    assert "pathway 2: inputs 3 -> outputs 1, 1 neurons, 2 weights" in str(found)


@pytest.mark.parametrize("kind", ["importance", "pathways", "weights"])
def test_every_picture_is_drawn(kind, tmp_path):
    kp.plot(kp.explain(two_pathways()), kind, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000


@pytest.mark.parametrize("kind", ["importance", "pathways", "weights"])
def test_a_network_without_a_path_has_a_picture_too(kind, tmp_path):
    model = two_pathways()
    model.set_weights([0 * weight for weight in model.get_weights()])
    found = kp.explain(model)
    assert found.pathways == ()
    kp.plot(found, kind, tmp_path / "picture.png")


def test_square_inputs_are_shown_as_an_image(tmp_path):
    model = keras.Sequential([keras.Input((64,)), layers.Dense(2)])
    kp.plot(kp.explain(model), "importance", tmp_path / "image.png")
    assert (tmp_path / "image.png").exists()


def test_other_layers_are_refused_by_name():
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(2, 3, name="conv"), layers.Flatten()])
    with pytest.raises(kp.GraphError, match="`conv` is a Conv2D"):
        kp.explain(model)
    with pytest.raises(ValueError, match="no plot named 'pathway'. Did you mean 'pathways'"):
        kp.plot(kp.explain(two_pathways()), "pathway", "picture.png")

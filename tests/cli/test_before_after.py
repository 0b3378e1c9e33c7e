"""The README's first example on files as people have them: without an option, a person can decide from what is said."""

import json

import keras
import numpy as np
import pytest
from keras import layers

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(40, 5)).astype("float32")
IMAGES = RNG.normal(size=(12, 6, 6, 2)).astype("float32")


def dense(units: int, activation: str | None) -> keras.Model:
    return keras.Sequential([keras.Input((5,)), layers.Dense(12, "relu"), layers.Dense(units, activation)])


def convolutions(units: int, activation: str | None) -> keras.Model:
    hidden = layers.Conv2D(8, 3, padding="same", activation="relu")
    return keras.Sequential([keras.Input((6, 6, 2)), hidden, layers.Conv2D(units, 1, activation=activation)])


# By the kind of a model: how it is made, its loss and metric, its data, and what is said where there is no loss.
KINDS = {
    "binary": (
        lambda: dense(1, "sigmoid"),
        ("binary_crossentropy", "accuracy"),
        (NUMBERS, (NUMBERS[:, 0] > 0) * 1),
        {"accuracy", "auc", "loss"},
    ),
    "regression": (
        lambda: dense(1, None),
        ("mse", "mae"),
        (NUMBERS, NUMBERS[:, 0] * 3),
        {"loss", "mean_absolute_error"},
    ),
    "multi-label": (
        lambda: dense(3, "sigmoid"),
        ("binary_crossentropy", "binary_accuracy"),
        (NUMBERS, (NUMBERS[:, :3] > 0) * 1),
        {"accuracy", "auc", "loss"},
    ),
    "segmentation": (
        lambda: convolutions(3, "softmax"),
        ("sparse_categorical_crossentropy", "accuracy"),
        (IMAGES, RNG.integers(0, 3, (12, 6, 6))),
        {"accuracy", "loss", "mean_iou"},
    ),
}


def write_csv(path, x: np.ndarray, y: np.ndarray) -> None:
    """Columns of numbers with a header, the labels last."""
    header = ",".join([*(f"f{number}" for number in range(x.shape[1])), "y"])
    np.savetxt(path, np.column_stack([x, y]), delimiter=",", header=header, comments="", fmt="%g")


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=pytest.mark.slow), False], ids=["compiled", "plain"])
@pytest.mark.parametrize("kind", KINDS)
def test_compress_says_before_and_after_without_an_option(kind, compiled, run, tmp_path):
    make, (loss, metric), (x, y), inferred = KINDS[kind]
    keras.utils.set_random_seed(0)
    model = make()
    if compiled:
        model.compile("adam", loss, metrics=[metric])
    model.save(tmp_path / "model.keras")
    data = tmp_path / ("data.csv" if y.ndim == 1 and not compiled else "data.npz")
    write_csv(data, x, y) if data.suffix == ".csv" else np.savez(data, x=x, y=y)
    small = tmp_path / "small.keras"
    answer = run("compress", tmp_path / "model.keras", "--data", data, "--flops", "0.6", "-o", small)
    assert answer.exit_code == 0, answer.output
    (told,) = [line for line in answer.stdout.splitlines() if line.startswith(f"on {len(x)} samples: ")]
    expected = {"loss", metric} if compiled else inferred
    assert all(f"{name} " in told for name in expected) and told.count("->") == len(expected)
    assert ("not compiled with a loss" in answer.stderr) is not compiled
    report = json.loads((tmp_path / "small.report.json").read_text())
    assert {each["name"] for each in report["quality"]} == expected


def test_a_folder_of_images_says_before_and_after(run, tmp_path):
    image = pytest.importorskip("PIL.Image")
    for number, name in enumerate(("cats", "dogs")):
        (tmp_path / "images" / name).mkdir(parents=True)
        for shade in range(6):
            picture = image.new("RGB", (6, 6), (255 * number, 40 * shade, 0))
            picture.save(tmp_path / "images" / name / f"{shade}.png")
    hidden = [layers.Rescaling(1 / 255), layers.Conv2D(8, 3, activation="relu"), layers.GlobalAveragePooling2D()]
    keras.Sequential([keras.Input((6, 6, 3)), *hidden, layers.Dense(1, "sigmoid")]).save(tmp_path / "model.keras")
    small = tmp_path / "small.keras"
    told = run("compress", tmp_path / "model.keras", "--data", tmp_path / "images", "--flops", "0.6", "-o", small)
    assert told.exit_code == 0, told.output
    assert "on 12 samples: accuracy" in told.stdout and "auc" in told.stdout

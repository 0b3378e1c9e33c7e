"""A small classifier and data that fits it, as files, and a way to call the command."""

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

from kerasprune_cli.main import cli


def small_classifier() -> keras.Model:
    """Images (6, 6, 1) to three classes, compiled."""
    keras.utils.set_random_seed(0)
    image = keras.Input((6, 6, 1), name="image")
    x = layers.Conv2D(8, 3, name="first")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.Conv2D(8, 3, name="second")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(0.5, name="dropout")(x)
    model = keras.Model(image, layers.Dense(3, activation="softmax", name="classes")(x), name="small_classifier")
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A folder with model.keras and data.npz."""
    folder = tmp_path_factory.mktemp("cli")
    small_classifier().save(folder / "model.keras")
    rng = np.random.default_rng(0)
    np.savez(
        folder / "data.npz",
        x_train=rng.normal(size=(150, 6, 6, 1)).astype("float32"),
        y_train=np.arange(150) % 3,
        x_test=rng.normal(size=(9, 6, 6, 1)).astype("float32"),
        y_test=np.arange(9) % 3,
    )
    return folder


@pytest.fixture
def run():
    """Call the command in this process: run("inspect", path) has exit_code, stdout and stderr."""
    return lambda *arguments: CliRunner().invoke(cli, [str(argument) for argument in arguments])

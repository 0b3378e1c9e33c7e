"""Fine-tunes a model, with its teacher, on two devices; prints what the test compares."""

import json
import os
import sys

import numpy as np


def main(way: str) -> None:
    """Train in one way: "alone", "mirrored", "data" or "model"."""
    scope = SCOPES[way]
    with scope():
        import keras

        import kerasprune as kp
        from tests.small_models import dense_model

        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model, teacher = dense_model(8, 4, seed=1), dense_model(12, 4, seed=2)
        x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
        y = x.argmax(axis=1)
        tuned = kp.finetune(
            model, (x, y), 3, teacher=teacher, validation=(x, y), loss=loss, batch_size=8, learning_rate=0.05
        )
        weights = [np.asarray(keras.ops.convert_to_numpy(weight)).tolist() for weight in tuned.model.weights]
        found = {"weights": weights, "history": tuned.history, "devices": devices(tuned.model.weights[0])}
        if way == "model":
            found |= pruned(kp, tuned.model, (x, y), loss)
    print(json.dumps(found))


def pruned(kp, model, data, loss) -> dict:
    """What tracing, scoring and slimming say of a model whose weights are spread over devices."""
    graph = kp.trace(model)
    keep = kp.select(graph, kp.score(model, graph, "taylor", data=data, loss=loss), kp.Budget(params=0.6))
    small = kp.slim(model, graph, keep)
    return {"keep": keep.tolist(), "params": small.count_params(), "difference": kp.verify(model, graph, keep, small)}


def devices(variable) -> int:
    """On how many devices the values of a variable are."""
    value = variable.value
    if hasattr(value, "sharding"):
        return len(value.sharding.device_set)
    return len(getattr(value, "values", [value]))


def mirrored():
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope()


def data():
    import keras

    return keras.distribution.DataParallel().scope()


def model():
    import keras

    mesh = keras.distribution.DeviceMesh((1, 2), ("batch", "model"), keras.distribution.list_devices())
    layout = keras.distribution.LayoutMap(mesh)
    layout[".*kernel"] = (None, "model")
    return keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch").scope()


def alone():
    import contextlib

    return contextlib.nullcontext()


SCOPES = {"alone": alone, "mirrored": mirrored, "data": data, "model": model}

if __name__ == "__main__":
    assert os.environ["KERAS_BACKEND"]
    sys.exit(main(sys.argv[1]))

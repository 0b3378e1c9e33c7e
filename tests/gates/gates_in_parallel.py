"""Trains a gated model on two devices, in a process of its own; prints what the test compares."""

import json
import os
import sys

import numpy as np


def main() -> None:
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        with strategy.scope():
            gated = build()
    else:
        import keras

        keras.distribution.set_distribution(keras.distribution.DataParallel())
        gated = build()
    from tests.small_models import images

    x, y = images(32)
    history = gated.fit(x, y, epochs=2, batch_size=8, verbose=0).history
    import keras

    import kerasprune as kp

    (gates,) = gated.gates
    weights = {name: copies(getattr(gates, name)) for name in ("evidence", "keep", "level", "step")}
    small = kp.slim(gated)
    outputs = [np.asarray(keras.ops.convert_to_numpy(model(x[:4], training=False))) for model in (small, gated)]
    print(
        json.dumps(
            {
                "copies": [len(values) for values in weights.values()],
                "equal": all(np.array_equal(values[0], other) for values in weights.values() for other in values),
                "moved": history["kept_channels"][-1],
                "step": float(weights["step"][0]),
                "hard": history["hard_flops"][-1],
                "difference": float(np.abs(outputs[0] - outputs[1]).max()),
            }
        )
    )


def build():
    import kerasprune as kp
    from tests.small_models import conv_model

    gated = kp.gate(conv_model(), budget=kp.Budget(flops=0.5))
    gated.compile("adam", "sparse_categorical_crossentropy")
    return gated


def copies(variable) -> list[np.ndarray]:
    """The value on every device."""
    value = variable.value
    if hasattr(value, "addressable_shards"):
        return [np.asarray(shard.data) for shard in value.addressable_shards]
    return [replica.numpy() for replica in value.values]


if __name__ == "__main__":
    sys.exit(main())

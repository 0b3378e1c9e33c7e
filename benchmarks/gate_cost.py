"""What gates cost: a training step of ResNet-20 with channel gates beside one without.

    python -m benchmarks.gate_cost [--batch 128] [--rounds 15] [--tfmot PYTHON]

Both models are compiled alike and take the same batches in turns; the medians of one run are compared. Times are
seconds of the processor, over all threads, which other work on the machine does not change. PYTHON is an interpreter
that has tensorflow-model-optimization and tf_keras; with it, the overhead of `prune_low_magnitude` on the same network
is measured in a child process.
"""

import json
import os

from benchmarks import step_cost
from benchmarks.harness import Results, about, measured_on, versions


def resnet20(keras):
    """ResNet-20 for images of 32 x 32 in three stages of 16, 32 and 64 channels."""
    layers = keras.layers

    def conv_norm(x, filters, stride=1, size=3):
        x = layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    image = keras.Input((32, 32, 3))
    x = layers.ReLU()(conv_norm(image, 16))
    for filters in (16, 32, 64):
        for block in range(3):
            stride = 2 if filters > 16 and block == 0 else 1
            y = layers.ReLU()(conv_norm(x, filters, stride))
            y = conv_norm(y, filters)
            x = conv_norm(x, filters, stride, 1) if stride == 2 else x
            x = layers.ReLU()(layers.Add()([x, y]))
    return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def compiled(keras, model):
    """The model, ready to be trained with SGD."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), loss)
    return model


def measure_ours(batch: int, rounds: int) -> dict:
    """Channel gates on ResNet-20."""
    import keras

    import kerasprune as kp

    models = {"plain": compiled(keras, resnet20(keras))}
    for kind in ("gumbel", "hard_concrete"):
        gated = kp.gate(resnet20(keras), kind, budget=kp.Budget(flops=0.5), steps=10**6)
        models[kind] = compiled(keras, gated)
    found = step_cost.compare(models, (32, 32, 3), batch, rounds)
    return {"backend": keras.backend.backend(), "versions": versions(), **found}


def measure_tfmot(batch: int, rounds: int) -> dict:
    """`prune_low_magnitude` on the same network, in Keras 2."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow_model_optimization as tfmot
    import tf_keras

    schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, 0.9, begin_step=0, end_step=10**6, frequency=1)
    pruned = tfmot.sparsity.keras.prune_low_magnitude(resnet20(tf_keras), pruning_schedule=schedule)
    models = {"plain": compiled(tf_keras, resnet20(tf_keras)), "prune_low_magnitude": compiled(tf_keras, pruned)}
    counter = tfmot.sparsity.keras.UpdatePruningStep()
    counter.set_model(pruned)
    counter.on_train_begin()

    def before(name: str, step: int) -> None:
        if name == "prune_low_magnitude":
            counter.on_train_batch_begin(step)

    found = step_cost.compare(models, (32, 32, 3), batch, rounds, before)
    return {"backend": "tf_keras", "versions": step_cost.keras_2_versions(), **found}


def main() -> None:
    """Measure on both backends, and beside tensorflow-model-optimization where it is to be had."""
    options = step_cost.parser(__doc__, batch=128, rounds=15).parse_args()
    if options.here:
        measure = measure_ours if options.here == "ours" else measure_tfmot
        print(json.dumps(measure(options.batch, options.rounds)))
        return
    results = Results(options.output, "gate_cost")
    rows = [about() | row for row in step_cost.children("benchmarks.gate_cost", options)]
    lines = [
        "# The cost of channel gates",
        "",
        f"A training step of ResNet-20, batch {options.batch}: median seconds of the processor; the models of one",
        f"backend take turns in one process. {measured_on(rows)}",
        "",
        *step_cost.lines(rows, digits=3),
    ]
    results.write({"batch": options.batch, "rows": rows}, lines)
    results.show()


if __name__ == "__main__":
    main()

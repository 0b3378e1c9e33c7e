"""What gates on single weights cost: a training step of a 784-300-100-10 network with them beside one without.

    python -m benchmarks.sparse_cost [--batch 256] [--rounds 100] [--tfmot PYTHON]

As in `benchmarks.gate_cost`: the models take turns on the same batch, times are seconds of the processor. Adam, as both
methods are used with it; pin it to one core where other work runs on the machine. PYTHON is an interpreter with
tensorflow-model-optimization and tf_keras.
"""

import json
import os

from benchmarks import step_cost
from benchmarks.harness import Results, about, measured_on, versions

STEPS = 10**5
WAYS = {
    "gumbel": {"method": "gumbel", "weights": 399, "steps": STEPS},
    "gumbel, published penalty": {"method": "penalty"},
    "magnitude": {"method": "magnitude", "weights": 399, "steps": STEPS},
}


def mlp(keras):
    """784-300-100-10."""
    layers = keras.layers
    hidden = [layers.Dense(width, activation="relu") for width in (300, 100)]
    return keras.Sequential([keras.Input((784,)), *hidden, layers.Dense(10)])


def compiled(keras, model, jit: bool):
    """The model with Adam."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=jit)
    return model


def ours(batch: int, rounds: int) -> list[dict]:
    """All methods on the backend of this process, compiled by XLA and not."""
    import keras

    import kerasprune as kp

    results = []
    for jit in (True, False) if keras.backend.backend() == "tensorflow" else (True,):
        models = {"plain": compiled(keras, mlp(keras), jit)}
        models |= {name: compiled(keras, kp.sparsify(mlp(keras), **way), jit) for name, way in WAYS.items()}
        step_cost.compare(models, (784,), batch, 5)  # the first calls are slower, whoever makes them
        title = f"{keras.backend.backend()}{', XLA' if jit else ''}"
        found = step_cost.compare(models, (784,), batch, rounds)
        results.append({"backend": title, "versions": versions(), **found})
    return results


def tfmot(batch: int, rounds: int) -> list[dict]:
    """`prune_low_magnitude` on the same network in Keras 2."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow_model_optimization as tfmot
    import tf_keras

    results = []
    for frequency in (1, 100):
        schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, 0.9985, 0, STEPS, frequency=frequency)
        pruned = tfmot.sparsity.keras.prune_low_magnitude(mlp(tf_keras), pruning_schedule=schedule)
        models = {"plain": compiled(tf_keras, mlp(tf_keras), False), "pruned": compiled(tf_keras, pruned, False)}
        # Its masks are updated where the step of the callback says so; `train_on_batch` alone never does.
        update = tfmot.sparsity.keras.UpdatePruningStep()
        update.set_model(pruned)
        update.on_train_begin()
        found = step_cost.compare(models, (784,), batch, rounds)
        name = f"prune_low_magnitude, frequency {frequency}"
        row = {"backend": "tf_keras", "versions": step_cost.keras_2_versions()}
        results.append(row | {"plain": found["plain"], name: found["pruned"]})
    return results


def main() -> None:
    """Measure on both backends, and beside tensorflow-model-optimization where it is to be had."""
    options = step_cost.parser(__doc__, batch=256, rounds=100).parse_args()
    if options.here:
        print(json.dumps((ours if options.here == "ours" else tfmot)(options.batch, options.rounds)))
        return
    results = Results(options.output, "sparse_cost")
    rows = [about() | row for rows in step_cost.children("benchmarks.sparse_cost", options) for row in rows]
    lines = [
        "# The cost of gates on single weights",
        "",
        f"784-300-100-10 (266,200 gates), Adam, batch {options.batch}: median seconds of the processor; the models",
        f"of one backend take turns in one process. {measured_on(rows)}",
        "",
        *step_cost.lines(rows, digits=2),
    ]
    results.write({"batch": options.batch, "rows": rows}, lines)
    results.show()


if __name__ == "__main__":
    main()

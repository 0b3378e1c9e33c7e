"""What gates cost: a training step of ResNet-20 with channel gates beside one without.

    python -m benchmarks.gate_cost [--batch 128] [--rounds 15] [--tfmot PYTHON]

Both models are compiled alike and take the same batches in turns; the medians of one run are compared. Times are
seconds of the processor, over all threads, which other work on the machine does not change. PYTHON is an interpreter
that has tensorflow-model-optimization and tf_keras; with it, the overhead of `prune_low_magnitude` on the same network
is measured in a child process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

RESULTS = Path(__file__).parent / "results"
WARM_UP = 3


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


def compare(models: dict, shape: tuple, batch: int, rounds: int, before=lambda name, step: None) -> dict:
    """Median seconds of a training step of each model, in turns, over the same batch; `before` is timed, too."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((batch, *shape)).astype("float32"), rng.integers(0, 10, batch)
    seconds = {name: [] for name in models}
    for step in range(WARM_UP + rounds):
        for name, model in models.items():
            start = time.process_time()
            before(name, step)
            loss = model.train_on_batch(x, y)
            if not np.isfinite(np.asarray(loss)).all():
                raise AssertionError(f"{name} has a loss of {loss}.")
            if step >= WARM_UP:
                seconds[name].append(time.process_time() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    plain = medians.pop("plain")
    return {"plain": plain, **{name: {"seconds": value, "ratio": value / plain} for name, value in medians.items()}}


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
    return {"backend": keras.backend.backend(), **compare(models, (32, 32, 3), batch, rounds)}


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

    backend = f"tf_keras {tf_keras.__version__}, tensorflow-model-optimization {tfmot.__version__}"
    return {"backend": backend, **compare(models, (32, 32, 3), batch, rounds, before)}


def child(python: str, arguments: list[str], **environment: str) -> dict:
    """The measurements of another process."""
    command = [python, "-m", "benchmarks.gate_cost", *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def table(results: list[dict], batch: int) -> str:
    """Markdown: step times and ratios."""
    lines = [
        "# The cost of channel gates",
        "",
        f"A training step of ResNet-20, batch {batch}, 2 shared x86_64 cores: median",
    ]
    lines += ["seconds of the processor; the models of one backend take turns in one process.", ""]
    lines += ["| backend | plain step | with | step | ratio |", "|---|---|---|---|---|"]
    for result in results:
        for name, row in result.items():
            if name not in ("backend", "plain"):
                lines.append(
                    f"| {result['backend']} | {1e3 * result['plain']:.1f} ms | {name} | {1e3 * row['seconds']:.1f} ms "
                    f"| {row['ratio']:.3f} |"
                )
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure on both backends, and beside tensorflow-model-optimization where it is to be had."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--tfmot", metavar="PYTHON", help="an interpreter with tensorflow-model-optimization")
    parser.add_argument("--only", choices=("ours", "tfmot"), help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args()
    if options.only:
        measure = measure_ours if options.only == "ours" else measure_tfmot
        print(json.dumps(measure(options.batch, options.rounds)))
        return
    arguments = ["--batch", str(options.batch), "--rounds", str(options.rounds), "--only"]
    results = [child(sys.executable, [*arguments, "ours"], KERAS_BACKEND=name) for name in ("tensorflow", "jax")]
    if options.tfmot:
        results.append(child(options.tfmot, [*arguments, "tfmot"]))
    from kerasprune.core import write_text

    options.output.mkdir(parents=True, exist_ok=True)
    write_text(options.output / "gate_cost.json", json.dumps({"batch": options.batch, "results": results}, indent=1))
    write_text(options.output / "gate_cost.md", table(results, options.batch))
    print(table(results, options.batch))


if __name__ == "__main__":
    main()

"""What gates on single weights cost: a training step of a 784-300-100-10 network with them beside one without.

    python -m benchmarks.sparse_cost [--batch 256] [--rounds 100] [--tfmot PYTHON]

As in `benchmarks.gate_cost`: the models take turns on the same batch, times are seconds of the processor. Adam, as both
methods are used with it; pin it to one core where other work runs on the machine. PYTHON is an interpreter with
tensorflow-model-optimization and tf_keras.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.gate_cost import compare, mlp  # noqa: E402

RESULTS = Path(__file__).parent / "results"
STEPS = 10**5
WAYS = {
    "gumbel": {"method": "gumbel", "weights": 399, "steps": STEPS},
    "gumbel, published penalty": {"method": "penalty"},
    "magnitude": {"method": "magnitude", "weights": 399, "steps": STEPS},
}


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
        compare(models, (784,), batch, 5)  # the first calls are slower, whoever makes them
        title = f"{keras.backend.backend()}{', XLA' if jit else ''}"
        results.append({"backend": title, **compare(models, (784,), batch, rounds)})
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
        found = compare(models, (784,), batch, rounds)
        name = f"prune_low_magnitude, frequency {frequency}"
        results.append({"backend": f"tf_keras {tf_keras.__version__}", "plain": found["plain"], name: found["pruned"]})
    return results


def child(python: str, part: str, options, **environment: str) -> list[dict]:
    """What another process measures."""
    size = ["--batch", str(options.batch), "--rounds", str(options.rounds)]
    command = [python, "-m", "benchmarks.sparse_cost", *size, "--only", part]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def table(results: list[dict], batch: int) -> str:
    """Markdown: step times and ratios."""
    lines = [
        "# The cost of gates on single weights",
        "",
        f"784-300-100-10 (266,200 gates), Adam, batch {batch}, 2 shared x86_64 cores, median seconds of the processor;",
        "the models of one backend take turns in one process.",
        "",
        "| backend | plain step | with | step | ratio |",
        "|---|---|---|---|---|",
    ]
    for row in results:
        for name in [key for key in row if key not in ("plain", "backend")]:
            step = row[name]
            plain = f"{1e3 * row['plain']:.2f} ms"
            lines.append(
                f"| {row['backend']} | {plain} | {name} | {1e3 * step['seconds']:.2f} ms | {step['ratio']:.2f} |"
            )
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure on both backends, and beside tensorflow-model-optimization where it is to be had."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--tfmot", metavar="PYTHON", help="an interpreter with tensorflow-model-optimization")
    parser.add_argument("--only", choices=("ours", "tfmot"), help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args()
    if options.only:
        print(json.dumps((ours if options.only == "ours" else tfmot)(options.batch, options.rounds)))
        return
    results = [
        row for name in ("tensorflow", "jax") for row in child(sys.executable, "ours", options, KERAS_BACKEND=name)
    ]
    if options.tfmot:
        results += child(options.tfmot, "tfmot", options)
    from kerasprune.core import write_text

    options.output.mkdir(parents=True, exist_ok=True)
    write_text(options.output / "sparse_cost.json", json.dumps({"batch": options.batch, "results": results}, indent=1))
    write_text(options.output / "sparse_cost.md", table(results, options.batch))
    print(table(results, options.batch))


if __name__ == "__main__":
    main()

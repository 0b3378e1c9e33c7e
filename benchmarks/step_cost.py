"""The time of a training step of several models in turns, on every backend and beside tensorflow-model-optimization."""

import argparse
import statistics
import time

import numpy as np

from benchmarks.harness import arguments, in_child, table

WARM_UP = 3


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


def keras_2_versions() -> str:
    """What `prune_low_magnitude` runs on."""
    import tensorflow as tf
    import tensorflow_model_optimization as tfmot
    import tf_keras

    return (
        f"tf_keras {tf_keras.__version__}, tensorflow-model-optimization {tfmot.__version__}, "
        f"tensorflow {tf.__version__}"
    )


def lines(results: list[dict], digits: int) -> list[str]:
    """A Markdown table: step times and ratios.

    Args:
        results: What `compare` returns, with `backend`.
        digits: Behind the point of the ratio.
    """
    cells = [
        (
            result["backend"],
            f"{1e3 * result['plain']:.2f} ms",
            name,
            f"{1e3 * row['seconds']:.2f} ms",
            f"{row['ratio']:.{digits}f}",
        )
        for result in results
        for name, row in result.items()
        if isinstance(row, dict)
    ]
    return list(table(("backend", "plain step", "with", "step", "ratio"), cells))


def parser(doc: str, *, batch: int, rounds: int) -> argparse.ArgumentParser:
    """The arguments of the two scripts that time training steps."""
    made = arguments(doc)
    made.add_argument("--batch", type=int, default=batch)
    made.add_argument("--rounds", type=int, default=rounds)
    made.add_argument("--tfmot", metavar="PYTHON", help="an interpreter with tensorflow-model-optimization")
    made.add_argument("--here", choices=("ours", "tfmot"), help=argparse.SUPPRESS)
    return made


def children(module: str, options: argparse.Namespace) -> list:
    """What processes measure: this library on each backend, and tensorflow-model-optimization if it is here."""
    words = ["--batch", options.batch, "--rounds", options.rounds, "--here"]
    found = [in_child(module, *words, "ours", KERAS_BACKEND=name) for name in ("tensorflow", "jax")]
    if options.tfmot:
        found.append(in_child(module, *words, "tfmot", python=options.tfmot))
    return found

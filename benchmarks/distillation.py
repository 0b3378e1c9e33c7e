"""Fine-tune a network that has lost most of its multiply-accumulates, with and without the whole one as its teacher.

    python -m benchmarks.distillation --data DIR [--seeds 3]

DIR holds `fashion_mnist/fashion_mnist.npz`. The shipped network is cut to 15 % of its multiply-accumulates, by
magnitude and at once, and trained by `kp.finetune` on 6,000 training images. Each way chooses its settings from the
same rates with one seed on 5,000 other training images, none of which the choice of another depends on. The teacher has
seen all training images. Tables of unfinished runs had shown test accuracies of some of these settings before the grid
was what it is. Runs that are in the results already are not repeated.
"""

import statistics
import time

import keras
import numpy as np

import kerasprune as kp
from benchmarks import datasets
from benchmarks.harness import Results, about, arguments, measured_on, table
from kerasprune_models import fashion_cnn

BUDGET = kp.Budget(flops=0.15)
IMAGES, VALIDATION, EPOCHS = 6000, 5000, 6
CHOOSING_SEED = 100
RATES = (2e-3, 5e-3, 1e-2, 2e-2)
# Every way with what it may choose from: the learning rate, and how the teacher teaches: as `Distill` does by default.
CHOICES: dict[str, list[tuple[float, dict | None]]] = {
    "alone": [(rate, None) for rate in RATES],
    "teacher": [(rate, {"temperature": 4.0, "weight": 0.7}) for rate in RATES],
}


def parts(folder) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images and classes to train on, to choose by, and to test with."""
    found = datasets.arrays(folder, datasets.FASHION_MNIST)
    x = {name: found[f"x_{name}"][..., None].astype("float32") for name in ("train", "test")}
    end = IMAGES + VALIDATION
    return {
        "train": (x["train"][:IMAGES], found["y_train"][:IMAGES]),
        "validation": (x["train"][IMAGES:end], found["y_train"][IMAGES:end]),
        "test": (x["test"], found["y_test"]),
    }


def accuracy(model: keras.Model, part: tuple) -> float:
    """The share of the images whose class is right, in percent."""
    return 100 * float((model.predict(part[0], batch_size=500, verbose=0).argmax(axis=1) == part[1]).mean())


def run(data: dict, rate: float, teaching: dict | None, seed: int, measured: str) -> dict:
    """One network, cut and trained; its accuracy on one part of the data, before and after the training."""
    keras.utils.set_random_seed(seed)
    with fashion_cnn() as path:
        model = kp.load_model(path)
    before: list[float] = []

    def train(network):
        plain = network.student if teaching else network
        before.append(accuracy(plain, data[measured]))
        return kp.finetune(network, data["train"], EPOCHS, learning_rate=rate, seed=seed).model

    start = time.process_time()
    distill = kp.Distill(**teaching) if teaching else False
    small = kp.compress(model, BUDGET, train=train, distill=distill).model
    return {
        "rate": rate,
        "teaching": teaching,
        "seed": seed,
        "measured": measured,
        "accuracy": accuracy(small, data[measured]),
        "as_cut": before[0],
        "whole": accuracy(model, data[measured]),
        "macs": 100 * kp.trace(small).macs() / kp.trace(model).macs(),
        "params": small.count_params(),
        "seconds": round(time.process_time() - start),
        **about(),
    }


def lines(rows: list[dict]) -> list[str]:
    """Markdown: what was chosen by, and the test."""
    chosen = [row for row in rows if row["measured"] == "validation"]
    tested = [row for row in rows if row["measured"] == "test"]
    found = ["# A teacher for a slimmed network on Fashion-MNIST", ""]
    if tested:
        found += [
            f"The shipped network, {tested[0]['whole']:.2f} % on the 10,000 test images, cut to "
            f"{tested[0]['macs']:.1f} % of its multiply-accumulates at once ({tested[0]['as_cut']:.2f} % as cut),",
            f"after {EPOCHS} epochs on {IMAGES:,} training images. The teacher has seen all 60,000 of them.",
        ]
    found += [measured_on(rows), "", "## Test", ""]
    cells = []
    for way in CHOICES:
        values = [row["accuracy"] for row in tested if row["way"] == way]
        if values:
            first = next(row for row in tested if row["way"] == way)
            spread = f"{min(values):.2f} to {max(values):.2f}"
            cells.append(
                (way, _words(first), len(values), f"{statistics.mean(values):.2f} %", spread, _seconds(tested, way))
            )
    found += table(("way", "chosen", "seeds", "test accuracy, mean", "range", "CPU seconds"), cells)
    found += ["", f"## Choice, on {VALIDATION:,} training images, seed {CHOOSING_SEED}", ""]
    found += table(("way", "setting", "accuracy"), [(r["way"], _words(r), f"{r['accuracy']:.2f} %") for r in chosen])
    return found


def _words(row: dict) -> str:
    teaching = ", ".join(f"{name} {value}" for name, value in (row["teaching"] or {}).items())
    return f"rate {row['rate']:g}" + (f", {teaching}" if teaching else "")


def _seconds(rows: list[dict], way: str) -> str:
    return f"{statistics.median(row['seconds'] for row in rows if row['way'] == way):.0f}"


def main() -> None:
    """Choose, test, and write the table after each run."""
    parser = arguments(__doc__, needs=(datasets.FASHION_MNIST,), only=CHOICES)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    data = parts(options.data)
    results = Results(options.output, "distillation")

    def done(way: str, rate: float, teaching: dict | None, seed: int, measured: str) -> dict:
        rows = results.rows()
        key = {"way": way, "rate": rate, "teaching": teaching, "seed": seed, "measured": measured}
        for row in rows:
            if key.items() <= row.items():
                return row
        rows.append({"way": way, **run(data, rate, teaching, seed, measured)})
        results.write({"rows": rows}, lines(rows))
        return rows[-1]

    for way in options.only:
        choice = CHOICES[way][0]
        if len(CHOICES[way]) > 1:
            tried = [done(way, *each, CHOOSING_SEED, "validation") for each in CHOICES[way]]
            best = max(tried, key=lambda row: row["accuracy"])
            choice = best["rate"], best["teaching"]
        for seed in range(options.seeds):
            done(way, *choice, seed, "test")
    results.show()


if __name__ == "__main__":
    main()

"""LeNet-300-100 and LeNet-5 on MNIST with a twelfth of their weights: thresholds per layer, pruned and retrained.

    python -m benchmarks.train_prune_retrain --data DIR [--seeds 3]

DIR holds `mnist/mnist.npz`. The last 5,000 training images are for the sensitivity scan of the layers and for the
choice of the rates; the test images are looked at once before and once after. A finished run is written at once and not
repeated.
"""

import statistics

import keras
import numpy as np
from keras import layers

import kerasprune as kp
from benchmarks import datasets
from benchmarks.harness import Results, about, arguments, measured_on, processor_seconds, table
from kerasprune.strategies import TrainPruneRetrain

BATCH, RATE, L2 = 128, 1e-3, 5e-5
FEWER = 12
# Retraining: first rate, epochs in a round, rounds. Epochs of the dense network.
SETTINGS = {
    "LeNet-300-100": {"rate": 1e-3, "epochs": 3, "rounds": 4, "dense": 8},
    "LeNet-5": {"rate": 1e-3, "epochs": 2, "rounds": 3, "dense": 5},
}
PUBLISHED = {
    "LeNet-300-100": "1.64 % -> 1.59 %, 12 x fewer, 8 / 9 / 26 % of the layers",
    "LeNet-5": "0.80 % -> 0.77 %, 12 x fewer, 66 / 12 / 8 / 19 % of the layers",
}


def network(name: str, seed: int) -> keras.Model:
    """One of the two, with the L2 penalty of the paper on its kernels."""
    keras.utils.set_random_seed(seed)
    regular = {"kernel_regularizer": keras.regularizers.L2(L2)}
    stack = [keras.Input((28, 28, 1), name="image")]
    if name == "LeNet-5":
        for width in (20, 50):
            stack += [layers.Conv2D(width, 5, activation="relu", name=f"conv{width}", **regular), layers.MaxPooling2D()]
    widths = (500,) if name == "LeNet-5" else (300, 100)
    dense = [layers.Dense(width, "relu", name=f"dense{width}", **regular) for width in widths]
    return keras.Sequential([*stack, layers.Flatten(), *dense, layers.Dense(10, name="digit", **regular)], name="lenet")


def fit(model: keras.Model, data: dict, rate: float, epochs: int) -> None:
    """Adam, whose rate falls to zero along a cosine."""
    steps = epochs * -(-len(data["x_train"]) // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"], steps_per_execution=43)
    model.fit(data["x_train"], data["y_train"], batch_size=BATCH, epochs=epochs, verbose=0)


def error(model: keras.Model, data: dict, part: str) -> float:
    """In percent, on "val" or "test"."""
    outputs = model.predict(data[f"x_{part}"], batch_size=1000, verbose=0)
    return 100 * float(np.mean(outputs.argmax(axis=1) != data[f"y_{part}"]))


def run(name: str, data: dict, seed: int) -> dict:
    """Train, prune, retrain; the figures of one run."""
    settings = SETTINGS[name]
    model = network(name, seed)
    fit(model, data, RATE, settings["dense"])
    result = kp.compress(
        model,
        kp.Budget(params=1 / FEWER),
        "magnitude",
        TrainPruneRetrain(steps=settings["rounds"]),
        data=(data["x_val"], data["y_val"]),
        train=lambda small: fit(small, data, settings["rate"], settings["epochs"]),
        batch_size=1000,
        seed=seed,
    )
    weights = result.report.steps[-1].weights
    biases = sum(int(np.count_nonzero(w)) for w in result.model.get_weights() if w.ndim == 1)
    sizes = [weight.size for weight in model.get_weights() if weight.ndim > 1]
    return {
        "network": name,
        "seed": seed,
        "dense_error": error(model, data, "test"),
        "error": error(result.model, data, "test"),
        "validation": [error(net, data, "val") for net in (model, result.model)],
        "params": [model.count_params(), weights.after + biases],
        "layers": [left / size for left, size in zip(result.record.left[-1], sizes, strict=True)],
        "widths": [group.width for group in kp.trace(result.model).groups],
        "qualities": dict(result.record.qualities),
    }


COLUMNS = {
    "network": lambda row: row["network"],
    "seed": lambda row: row["seed"],
    "dense error": lambda row: f"{row['dense_error']:.2f} %",
    "error": lambda row: f"{row['error']:.2f} %",
    "parameters": lambda row: f"{row['params'][0]:,} -> {row['params'][1]:,}",
    "fewer": lambda row: f"{row['params'][0] / row['params'][1]:.1f} x",
    "% of each layer": lambda row: " / ".join(f"{100 * share:.0f}" for share in row["layers"]),
    "widths": lambda row: "-".join(map(str, row["widths"])),
    "CPU seconds": lambda row: row["cpu_seconds"],
}


def lines(rows: list[dict]) -> list[str]:
    """Markdown: a line for each run, and the medians beside what was published."""
    found = [
        "# Train, prune, retrain: LeNets on MNIST",
        "",
        "Test errors; parameters that are not zero, biases included. Thresholds from the sensitivity scan; rates were",
        "chosen on 5,000 training images that are not trained on.",
        measured_on(rows),
        "",
        *table(COLUMNS, ([cell(row) for cell in COLUMNS.values()] for row in rows)),
        "",
    ]
    for name, published in PUBLISHED.items():
        pairs = [(row["dense_error"], row["error"]) for row in rows if row["network"] == name]
        if pairs:
            before, after = (statistics.median(values) for values in zip(*pairs, strict=True))
            found.append(f"{name}: medians {before:.2f} % -> {after:.2f} %; published: {published}.  ")
    return found


def main() -> None:
    """Run what the results lack, and write the table after each run."""
    parser = arguments(__doc__, needs=(datasets.MNIST,), only=tuple(SETTINGS))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    found = datasets.mnist(options.data)
    data = {"x_test": found["x_test"], "y_test": found["y_test"]}
    data |= {f"{name}_val": found[f"{name}_train"][-5000:] for name in "xy"}
    data |= {f"{name}_train": found[f"{name}_train"][:-5000] for name in "xy"}
    results = Results(options.output, "train_prune_retrain")
    for name in options.only:
        for seed in range(options.seeds):
            if any((row["network"], row["seed"]) == (name, seed) for row in results.rows()):
                continue
            done: list[dict] = []
            seconds = processor_seconds(lambda name=name, seed=seed, done=done: done.append(run(name, data, seed)))
            rows = [*results.rows(), {**done[0], "cpu_seconds": round(seconds), **about()}]
            rows.sort(key=lambda row: (row["network"], row["seed"]))
            results.write({"rows": rows}, lines(rows))
    results.show()


if __name__ == "__main__":
    main()

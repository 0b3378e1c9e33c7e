"""How few weights a 784-300-100-10 network needs on MNIST: gates on single weights beside gradual magnitude pruning.

    python -m benchmarks.mnist_sparse --data DIR                  # 399 of 266,200 weights, 120 epochs, then the curve
    python -m benchmarks.mnist_sparse --data DIR --part curve     # from all weights to 0.1 %, both methods

DIR holds `mnist/mnist.npz`. Every finished run is written at once and is not repeated: an interrupted script goes on
where it was. Training uses the public way alone: `sparsify`, `fit`, `strip`, `slim`.
"""

from pathlib import Path

import keras
import numpy as np

import kerasprune as kp
from benchmarks import datasets
from benchmarks.harness import Results, about, arguments, measured_on, processor_seconds, table
from kerasprune.core import atomic_path

TOTAL = 266_200
HEADLINE = 399
COUNTS = (26_620, 7_986, 2_662, 1_331, 799, 399, 266)
BATCH = 256
SETTLE = 0.8
# Learning rate and schedule that served each method best with 399 weights, in a handful of trials with seed 0.
SETTINGS = {"gumbel": {"rate": 3e-3, "ramp": 0.75}, "magnitude": {"rate": 1e-3, "ramp": 0.5}}


def network(seed: int) -> keras.Model:
    """LeNet-300-100."""
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(width, activation="relu", name=f"hidden{width}") for width in (300, 100)]
    return keras.Sequential([keras.Input((784,), name="image"), *hidden, keras.layers.Dense(10, name="digit")])


def train(data: dict, method: str, count: int, epochs: int, seed: int) -> dict:
    """Train with `count` weights left in the end; the figures of one run."""
    steps = epochs * (len(data["x_train"]) // BATCH)
    model = network(seed)
    if count < TOTAL:
        ramp = SETTINGS[method]["ramp"]
        model = kp.sparsify(model, weights=count, method=method, steps=steps, seed=seed, ramp=ramp, settle=SETTLE)
    # The learning rate falls once what is kept is fixed.
    places, rate = [int(share * steps) for share in (SETTLE, 0.86, 0.93)], SETTINGS[method]["rate"]
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(places, [rate, rate / 2, rate / 5, rate / 20])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"], steps_per_execution=26)
    images = len(data["x_train"]) // BATCH * BATCH
    x, y = data["x_train"][:images], data["y_train"][:images]
    seconds = processor_seconds(lambda: model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0))
    plain = kp.strip(model) if count < TOTAL else model
    small = kp.slim(plain)
    accuracy = [
        float(net.evaluate(data["x_test"], data["y_test"], batch_size=1000, verbose=0)[1]) for net in (plain, small)
    ]
    left = [int(np.count_nonzero(layer.get_weights()[0])) for layer in plain.layers]
    return {
        "method": method,
        "count": count,
        "weights": sum(left),
        "weights_per_layer": left,
        "widths": [layer.units for layer in small.layers],
        "accuracy": accuracy[0],
        "accuracy_slimmed": accuracy[1],
        "epochs": epochs,
        "seed": seed,
        "cpu_seconds": round(seconds),
        **about(),
        "model": plain,
    }


def run_all(data: dict, plan: list[tuple], results: Results) -> None:
    """The runs of the plan that the results lack, written one by one."""
    for method, count, epochs, seed in plan:
        rows = results.rows()
        if any((r["method"], r["count"], r["epochs"], r["seed"]) == (method, count, epochs, seed) for r in rows):
            continue
        row = train(data, method, count, epochs, seed)
        plain = row.pop("model")
        if count == HEADLINE and epochs > 50:
            kp.save_model(plain, results.json.with_name(f"mnist_399_seed{seed}.keras"))
        print(row, flush=True)
        results.write({"rows": [*rows, row]}, lines([*rows, row]))


def lines(rows: list[dict]) -> list[str]:
    """Markdown: one row per number of weights."""
    cells = []
    for epochs, method, negative in sorted({(r["epochs"], r["method"], -r["count"]) for r in rows}):
        same = [r for r in rows if (r["epochs"], r["method"], -r["count"]) == (epochs, method, negative)]
        accuracy = [100 * r["accuracy"] for r in same]
        cells.append(
            (
                method if -negative < TOTAL else "dense",
                epochs,
                f"{-negative:,}",
                f"{100 * -negative / TOTAL:.2f} %",
                f"{np.mean(accuracy):.2f} %",
                f"{min(accuracy):.2f} %",
                len(same),
                "-".join(str(width) for width in same[0]["widths"][:-1]),
                same[0]["cpu_seconds"],
            )
        )
    titles = ("method", "epochs", "weights", "of all", "test accuracy", "lowest", "seeds", "neurons", "CPU seconds")
    return [
        "# MNIST, 784-300-100-10: test accuracy against weights left",
        "",
        "266,200 weights in the kernels; biases are not counted. Mean over the seeds; Adam, batches of 256, the same",
        "epochs for both methods, each with the learning rate and ramp that served it best with 399 weights; both rank",
        "over all layers. `neurons` are those of the two hidden layers that `slim` leaves, of the first seed.",
        measured_on(rows),
        "",
        *table(titles, cells),
    ]


def figure(runs: list[dict], target: Path) -> None:
    """The curve of both methods at the same number of epochs, and the long runs as single marks."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    short = min(run["epochs"] for run in runs)
    axes = plt.figure(figsize=(6.4, 3.6), dpi=110).gca()
    for method, colour in (("gumbel", "tab:blue"), ("magnitude", "tab:orange")):
        mine = [r for r in runs if r["epochs"] == short and (r["method"] == method or r["count"] == TOTAL)]
        counts = sorted({r["count"] for r in mine}, reverse=True)
        found = [[100 * r["accuracy"] for r in mine if r["count"] == count] for count in counts]
        axes.plot(counts, [np.mean(f) for f in found], "o-", color=colour, label=f"{method}, {short} epochs")
        axes.fill_between(counts, [min(f) for f in found], [max(f) for f in found], color=colour, alpha=0.2)
        for long in (r for r in runs if r["epochs"] > short and r["method"] == method):
            axes.plot(long["count"], 100 * long["accuracy"], "*", color=colour, markersize=11)
    axes.set(xscale="log", xlabel="weights left of 266,200", ylabel="test accuracy, %", ylim=(55, 100))
    axes.invert_xaxis()
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    axes.figure.tight_layout()
    with atomic_path(target) as path:
        axes.figure.savefig(path)


def main() -> None:
    """Run what is missing, then write table and figure."""
    parser = arguments(__doc__, needs=(datasets.MNIST,))
    parser.add_argument("--part", choices=("headline", "curve", "all"), default="all")
    parser.add_argument("--epochs", type=int, default=12, help="of every run of the curve")
    parser.add_argument("--long-epochs", type=int, default=120, help="of the run with 399 weights")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds of the curve")
    options = parser.parse_args()
    arrays = datasets.mnist(options.data)
    data = {key: value.reshape(-1, 784) if key[0] == "x" else value for key, value in arrays.items()}
    headline = [("gumbel", HEADLINE, options.long_epochs, seed) for seed in range(2)]
    headline += [("magnitude", HEADLINE, options.long_epochs, 0)]
    curve = [
        (method, count, options.epochs, seed)
        for seed in range(options.seeds)
        for count in (TOTAL, *COUNTS)
        for method in (("gumbel", "magnitude") if count < TOTAL else ("gumbel",))
    ]
    plan = {"headline": headline, "curve": curve, "all": [*headline, *curve]}[options.part]
    results = Results(options.output, "mnist_sparse")
    run_all(data, plan, results)
    figure(results.rows(), options.output / "mnist_sparse.png")
    results.show()


if __name__ == "__main__":
    main()

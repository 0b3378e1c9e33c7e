"""Tickets of LeNet-300-100 on MNIST: small networks that train from their first weights as well as the whole one.

    KERAS_BACKEND=jax python -m benchmarks.lottery_ticket --data DIR [--seeds 3] [--epochs 5]

DIR holds `mnist/mnist.npz`; on two cores JAX takes half the time of TensorFlow. Fifteen rounds take a fifth of the
single weights that are left of every layer each, and a tenth of the last one's, down to 3.6 %; four rounds take
channels down to a tenth of the parameters. The last 5,000 training images are for validation: loss and accuracy on them
are measured seven times an epoch. A test image is looked at once by each network, at the end of its training, and
nothing follows from it. Beside the tickets of some rounds stand networks with their places and other first weights. A
finished seed is written at once and not repeated.
"""

import statistics
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

import kerasprune as kp
from benchmarks import datasets
from benchmarks.harness import Results, about, arguments, measured_on, processor_seconds, table
from kerasprune.core import atomic_path
from kerasprune.strategies import LotteryTicket

TOTAL, BIASES = 266_200, 410
BATCH, RATE, LOOK = 60, 1.2e-3, 130  # the paper's batch and rate; steps between two looks at the validation data
SIZES = ((235_200, 0.8), (30_000, 0.8), (1_000, 0.9))
REACH = 0.97  # of the validation images
ROUNDS = {"weights": 15, "channels": 4}
CONTROLS = {"weights": (7, 15), "channels": (4,)}
BUDGETS = {
    "weights": kp.Budget(params=BIASES + sum(int(size * rate**15) for size, rate in SIZES)),
    "channels": kp.Budget(params=0.1),
}


def network(seed: int) -> keras.Model:
    """LeNet-300-100 with the first weights of the paper."""
    keras.utils.set_random_seed(seed)
    stack = [keras.layers.Dense(w, "relu", kernel_initializer="glorot_normal", name=f"hidden{w}") for w in (300, 100)]
    last = keras.layers.Dense(10, kernel_initializer="glorot_normal", name="digit")
    return keras.Sequential([keras.Input((784,), name="image"), *stack, last])


def train(model: keras.Model, data: dict, epochs: int) -> dict:
    """Train a network; its curve, which is steps, loss and accuracy on the validation data, and its test accuracy."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE), loss, metrics=["accuracy"], steps_per_execution=LOOK)
    held = (data["x_val"], data["y_val"])
    curve: list[tuple] = []
    for _ in range(epochs):
        order = np.random.permutation(len(data["x_train"]))
        for piece in order.reshape(-1, LOOK * BATCH):
            found = model.fit(
                data["x_train"][piece],
                data["y_train"][piece],
                batch_size=BATCH,
                validation_data=held,
                validation_batch_size=5000,
                verbose=0,
            ).history
            curve.append(
                (LOOK * (len(curve) + 1), *(round(found[f"val_{name}"][0], 5) for name in ("loss", "accuracy")))
            )
    test = model.evaluate(data["x_test"], data["y_test"], batch_size=5000, verbose=0)[1]
    return {"curve": curve, "test": float(test)}


def search(of: str, data: dict, seed: int, epochs: int) -> list[dict]:
    """One search, and the controls of some of its rounds: a row for each training."""
    found: list[dict] = []
    lottery = LotteryTicket(of=of, steps=ROUNDS[of])
    tickets = kp.compress(
        network(seed),
        BUDGETS[of],
        "magnitude",
        lottery,
        train=lambda model: found.append(train(model, data, epochs)),
        seed=seed,
        ranking="per_layer",
    ).record
    rows = [{"kind": "ticket", "round": number, **row} for number, row in enumerate(found)]
    for number in CONTROLS[of]:
        model = tickets.model(number, "random_init", seed=100 + seed)
        rows.append({"kind": "random_init", "round": number, **train(model, data, epochs)})
    left = [_share(of, tickets, number) for number in range(ROUNDS[of] + 1)]
    return [{"of": of, "seed": seed, "epochs": epochs, "left": left[row["round"]], **row} for row in rows]


def _share(of: str, tickets, number: int) -> float:
    """The share of the parameters in kernels that a ticket has."""
    if of == "weights":
        return tickets.left[number] / TOTAL
    return sum(weight.size for weight in tickets.model(number).get_weights() if weight.ndim > 1) / TOTAL


def steps_to(rows: list[dict], accuracy: float) -> float | None:
    """The median number of steps after which the validation accuracy is this for the first time."""
    first = [next((step for step, _, found in row["curve"] if found >= accuracy), None) for row in rows]
    return None if None in first else statistics.median(first)


def lines(rows: list[dict]) -> list[str]:
    """Markdown: a line for each round, the mean of the seeds."""
    titles = (
        "of",
        "network",
        "weights left",
        "test accuracy, end",
        "seeds from .. to",
        "validation accuracy at the least loss",
    )
    titles += ("steps to the least loss", f"steps to {100 * REACH:.0f} % on validation", "seeds")
    return [
        "# Lottery tickets of LeNet-300-100 on MNIST",
        "",
        f"Adam at {RATE}, batches of {BATCH}, {rows[0]['epochs']} epochs of 54,600 images in every training (paper:",
        "50,000 steps). `random_init`: the places of the ticket of that round with other first weights. Means of the",
        f"seeds, of steps medians; the least loss is looked for every {LOOK} steps on 5,000 training images that are",
        "not trained on.",
        measured_on(rows),
        "",
        *table(titles, cells(rows)),
    ]


def cells(rows: list[dict]) -> Iterator[tuple]:
    """The lines of the table."""
    for of in ROUNDS:
        for kind in ("ticket", "random_init"):
            for number in sorted({r["round"] for r in rows if (r["of"], r["kind"]) == (of, kind)}):
                same = [r for r in rows if (r["of"], r["kind"], r["round"]) == (of, kind, number)]
                test = [100 * r["test"] for r in same]
                early = [min(r["curve"], key=lambda point: point[1]) for r in same]
                yield (
                    of,
                    kind if number else "dense",
                    f"{100 * same[0]['left']:.1f} %",
                    f"{np.mean(test):.2f} %",
                    f"{min(test):.2f} .. {max(test):.2f}",
                    f"{100 * np.mean([point[2] for point in early]):.2f} %",
                    round(statistics.median(point[0] for point in early)),
                    steps_to(same, REACH) or "not by all",
                    len(same),
                )


def figure(rows: list[dict], target: Path) -> None:
    """Left learning curves, right the test accuracy against what is left."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    learning, final = plt.figure(figsize=(10, 3.8), dpi=110, layout="constrained").subplots(1, 2)
    weights = [row for row in rows if row["of"] == "weights"]
    for number, colour in ((0, "black"), (7, "tab:blue"), (15, "tab:green")):
        for kind, style in (("ticket", "-"), ("random_init", "--")):
            same = [row for row in weights if (row["round"], row["kind"]) == (number, kind)]
            if same:
                curve = np.mean([row["curve"] for row in same], axis=0)
                name = {"ticket": "ticket", "random_init": "other first weights"}[kind] if number else "whole network"
                label = f"{100 * same[0]['left']:.1f} %, {name}"
                learning.plot(curve[:, 0], 100 * curve[:, 2], style, color=colour, label=label)
    learning.set(xlabel="steps", ylabel="validation accuracy, %", ylim=(93, 98.6))
    for of, colour in (("weights", "tab:blue"), ("channels", "tab:orange")):
        for kind, style in (("ticket", "o-"), ("random_init", "x--")):
            same = [row for row in rows if (row["of"], row["kind"]) == (of, kind)]
            numbers = sorted({row["round"] for row in same})
            groups = [[row for row in same if row["round"] == number] for number in numbers]
            shares = [100 * group[0]["left"] for group in groups]
            label = f"{of}, {'ticket' if kind == 'ticket' else 'other first weights'}"
            means = [100 * np.mean([row["test"] for row in group]) for group in groups]
            final.plot(shares, means, style, color=colour, label=label)
    final.set(xscale="log", xlabel="weights in kernels that are left, %", ylabel="test accuracy, %")
    final.invert_xaxis()
    for axes in (learning, final):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    with atomic_path(target) as path:
        final.figure.savefig(path)


def main() -> None:
    """Run the seeds that the results lack, then write table and figure."""
    parser = arguments(__doc__, needs=(datasets.MNIST,), only=tuple(ROUNDS))
    parser.add_argument("--epochs", type=int, default=5, help="of every training")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    arrays = datasets.mnist(options.data)
    flat = {key: value.reshape(-1, 784) if key[0] == "x" else value for key, value in arrays.items()}
    data = {"x_test": flat["x_test"], "y_test": flat["y_test"]}
    data |= {f"{name}_val": flat[f"{name}_train"][-5000:] for name in "xy"}
    data |= {f"{name}_train": flat[f"{name}_train"][: 7 * LOOK * BATCH] for name in "xy"}
    results = Results(options.output, "lottery_ticket")
    for seed in range(options.seeds):
        for of in options.only:
            rows = results.rows()
            if any((r["of"], r["seed"], r["epochs"]) == (of, seed, options.epochs) for r in rows):
                continue
            new: list[dict] = []
            seconds = processor_seconds(
                lambda new=new, of=of, seed=seed: new.extend(search(of, data, seed, options.epochs))
            )
            rows += [{**row, "cpu_seconds_of_all": round(seconds), **about()} for row in new]
            results.write({"rows": rows}, lines(rows))
            figure(rows, results.json.with_suffix(".png"))
    results.show()


if __name__ == "__main__":
    main()

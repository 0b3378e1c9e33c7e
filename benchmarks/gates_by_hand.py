"""LeNet-300-100 on MNIST with gates that `gate` builds in, that stand as layers, and that wrap the Dense layers.

    python -m benchmarks.gates_by_hand --data DIR [--seeds 3] [--epochs 10] [--rounds 200]

DIR holds `mnist/mnist.npz`. All ways have the same first weights, seed, budget and `fit`, and the slimmed model is
compared with the gated one. The step times are the medians of one run in which the ways take turns, in seconds of the
processor over all threads; every network is evaluated on the test images once, and no choice follows.
"""

import statistics

import keras
import numpy as np
from keras import layers

import kerasprune as kp
from benchmarks import datasets, step_cost
from benchmarks.harness import Results, about, arguments, measured_on, table

BATCH_SIZE = 128
BUDGET = kp.Budget(params=0.3)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def by_gate(seed: int) -> keras.Model:
    """The plain network in the hands of `gate`."""
    return kp.gate(_stacked(lambda dense: [dense]), budget=BUDGET, seed=seed)


def as_layers(seed: int) -> keras.Model:
    """A gate as a layer behind every Dense."""
    return _stacked(lambda dense: [dense, kp.layers.GumbelGate(seed=seed)])


def as_wrappers(seed: int) -> keras.Model:
    """Every Dense in a wrapper."""
    return _stacked(lambda dense: [kp.layers.Gated(dense, kind="gumbel", seed=seed)])


WAYS = {"gate": by_gate, "layers": as_layers, "wrappers": as_wrappers}


def _stacked(gated) -> keras.Model:
    hidden = [part for width in (300, 100) for part in gated(layers.Dense(width, "relu", name=f"dense{width}"))]
    return keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), *hidden, layers.Dense(10, name="classes")])


def made(way: str, seed: int, steps: int) -> tuple[keras.Model, list]:
    """A compiled model, and the callbacks that its `fit` needs."""
    keras.utils.set_random_seed(seed)
    model = WAYS[way](seed)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(keras.optimizers.Adam(rate), LOSS, metrics=["accuracy"])
    return model, [] if way == "gate" else [kp.KeepBudget(BUDGET)]


def trained(way: str, data: dict, epochs: int, seed: int) -> dict:
    """One run."""
    x, y = data["x_train"], data["y_train"]
    model, callbacks = made(way, seed, epochs * -(-len(x) // BATCH_SIZE))
    model.fit(x, y, batch_size=BATCH_SIZE, epochs=epochs, verbose=0, callbacks=callbacks)
    small = kp.slim(model)
    difference = kp.verify(model, small=small)
    small.compile("adam", LOSS, metrics=["accuracy"])
    error = 100 * (1 - small.evaluate(data["x_test"], data["y_test"], batch_size=500, verbose=0)[1])
    whole = _stacked(lambda dense: [dense]).count_params()
    share = small.count_params() / whole
    if not BUDGET.given["params"] * 0.98 <= share <= BUDGET.given["params"]:
        raise AssertionError(f"{way} keeps {share:.4f} of the weights, with a budget of {BUDGET}.")
    widths = [layer.units for layer in small.layers if isinstance(layer, layers.Dense)]
    return {"way": way, "seed": seed, "epochs": epochs, "error": error, "share": share, "widths": widths} | {
        "difference": difference,
        **about(),
    }


def costs(rounds: int) -> dict:
    """Step times, with those of `gate` as "plain"."""
    models = {}
    for way in WAYS:
        model, callbacks = made(way, 0, rounds)
        for callback in callbacks:  # shares the budget, as it does when `fit` begins
            model.fit(np.zeros((BATCH_SIZE, 28, 28, 1)), np.zeros(BATCH_SIZE), verbose=0, callbacks=[callback])
        models["plain" if way == "gate" else way] = model
    return step_cost.compare(models, (28, 28, 1), BATCH_SIZE, rounds)


def lines(rows: list[dict], cost: dict) -> list[str]:
    """Markdown."""
    cells = [
        (
            row["way"],
            row["seed"],
            row["epochs"],
            f"{100 * row['share']:.2f} %",
            "-".join(map(str, row["widths"])),
            f"{row['error']:.2f} %",
        )
        for row in rows
    ]
    found = ["# Gates by hand beside `gate`: LeNet-300-100 on MNIST", "", measured_on(rows), ""]
    found += [*table(("way", "seed", "epochs", "weights kept", "widths", "test error"), cells), ""]
    for way in WAYS:
        errors = [row["error"] for row in rows if row["way"] == way]
        if errors:
            found.append(f"{way}: median error {statistics.median(errors):.2f} %.  ")
    found += [f"A step with {way}: {cost[way]['ratio']:.3f} times that with `gate`.  " for way in WAYS if way in cost]
    return found


def main() -> None:
    """Run what is missing in the results, one run after the other, and write the table after each."""
    parser = arguments(__doc__, needs=(datasets.MNIST,), only=WAYS)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    data = datasets.mnist(options.data)
    results = Results(options.output, "gates_by_hand")
    cost = costs(options.rounds)
    for seed in range(options.seeds):
        for way in options.only:
            key = {"way": way, "seed": seed, "epochs": options.epochs}
            rows = results.rows()
            if not any(key.items() <= row.items() for row in rows):
                rows = sorted(
                    [*rows, trained(way, data, options.epochs, seed)], key=lambda row: (row["way"], row["seed"])
                )
                results.write({"rows": rows, "cost": cost}, lines(rows, cost))
    results.show()


if __name__ == "__main__":
    main()

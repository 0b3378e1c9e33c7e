"""Learn the widths of LeNet-300-100 and LeNet-5 with gates, inside one `fit` on MNIST from random weights.

    python -m benchmarks.structured_gates --data DIR [--seeds 3] [--epochs 20]

DIR holds `mnist/mnist.npz`. In LeNet-300-100 the pixels have gates, too, behind a layer that selects them. The errors
of L0 regularisation are quoted beside ours; it trained for 200 epochs with a penalty chosen for every layer.
"""

import statistics
import time

import keras
import numpy as np
from keras import layers

import kerasprune as kp
from benchmarks import datasets
from benchmarks.harness import Results, about, arguments, measured_on, table
from kerasprune.core import Pick

BATCH_SIZE = 128
PUBLISHED = {"LeNet-300-100": "266-88-33, 1.8 %", "LeNet-5": "20-25-45-462, 0.9 %; 9-18-65-25, 1.0 %"}


@keras.saving.register_keras_serializable(package="kerasprune_benchmarks")
class Select(layers.Layer):
    """Takes some of the inputs, so that inputs can be removed like channels.

    Args:
        places: int sequence, which entries of the last axis.
    """

    def __init__(self, places, **kwargs):
        super().__init__(**kwargs)
        self.places = [int(place) for place in places]

    def call(self, inputs):
        return keras.ops.take(inputs, np.array(self.places), axis=-1)

    def get_config(self):
        return {**super().get_config(), "places": self.places}


@kp.rule(Select, behaviour="source")
def select(site):
    """A source without weights; its list of places follows the channels."""
    labels = site.make(len(site.layer.places))
    site.set("places", Pick(np.array(site.layer.places), (labels,)))
    return (None, labels)


def lenet_300_100() -> keras.Model:
    """784-300-100-10, with a choice of the pixels in front."""
    stack = [keras.Input((28, 28, 1)), layers.Flatten(), Select(range(784), name="pixels")]
    stack += [layers.Dense(width, activation="relu", name=f"dense{width}") for width in (300, 100)]
    return keras.Sequential([*stack, layers.Dense(10, name="classes")], name="lenet_300_100")


def lenet_5() -> keras.Model:
    """Two convolutions of 20 and 50 channels and 500 neurons: 431,080 parameters."""
    stack = [keras.Input((28, 28, 1))]
    for width in (20, 50):
        stack += [layers.Conv2D(width, 5, activation="relu", name=f"conv{width}"), layers.MaxPooling2D()]
    stack += [layers.Flatten(), layers.Dense(500, activation="relu", name="dense500"), layers.Dense(10, name="classes")]
    return keras.Sequential(stack, name="lenet_5")


NETWORKS = {"LeNet-300-100": (lenet_300_100, 0.10), "LeNet-5": (lenet_5, 0.01)}


def train(name: str, data: dict, kind: str, epochs: int, seed: int) -> dict:
    """Train one network with gates, slim it, and measure what is left."""
    build, share = NETWORKS[name]
    keras.utils.set_random_seed(seed)
    model = build()
    gated = kp.gate(model, kind, budget=kp.Budget(params=share), seed=seed)
    steps = epochs * -(-len(data["x_train"]) // BATCH_SIZE)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    gated.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)), loss, metrics=["accuracy"]
    )
    start = time.perf_counter()
    gated.fit(data["x_train"], data["y_train"], batch_size=BATCH_SIZE, epochs=epochs, verbose=0)
    seconds = time.perf_counter() - start
    small = kp.slim(gated)
    difference = np.abs(small.predict(data["x_test"][:500], verbose=0) - gated.predict(data["x_test"][:500], verbose=0))
    small.compile("adam", loss, metrics=["accuracy"])
    accuracy = small.evaluate(data["x_test"], data["y_test"], batch_size=500, verbose=0)[1]
    graph = kp.trace(small)
    return {
        "network": name,
        "kind": kind,
        "seed": seed,
        "epochs": epochs,
        "error": 100 * (1 - accuracy),
        "params": small.count_params(),
        "share": small.count_params() / model.count_params(),
        "budget": share,
        "widths": [group.width for group in graph.groups],
        "difference": float(difference.max()),
        "seconds": round(seconds),
        **about(),
    }


def lines(rows: list[dict]) -> list[str]:
    """Markdown: one line for each run, and the medians."""
    cells = [
        (
            row["network"],
            row["kind"],
            row["seed"],
            row["epochs"],
            f"{100 * row['share']:.2f} %",
            "-".join(map(str, row["widths"])),
            f"{row['error']:.2f} %",
            row["seconds"],
        )
        for row in rows
    ]
    titles = ("network", "gate", "seed", "epochs", "weights kept", "widths", "test error", "seconds")
    found = ["# Widths learned by gates on MNIST", "", "One `fit` from random weights, no fine-tuning after it."]
    found += [measured_on(rows), "", *table(titles, cells), ""]
    for name, published in PUBLISHED.items():
        errors = [row["error"] for row in rows if row["network"] == name]
        if errors:
            found.append(f"{name}: median error {statistics.median(errors):.2f} %; L0 regularisation: {published}.  ")
    return found


def main() -> None:
    """Run what is missing in the results, one run after the other, and write the table after each."""
    parser = arguments(__doc__, needs=(datasets.MNIST,), only=NETWORKS)
    parser.add_argument("--kind", default="gumbel")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    data = datasets.mnist(options.data)
    results = Results(options.output, "structured_gates")
    for name in options.only:
        for seed in range(options.seeds):
            key = {"network": name, "kind": options.kind, "seed": seed, "epochs": options.epochs}
            rows = results.rows()
            if any(key.items() <= row.items() for row in rows):
                continue
            rows.append(train(name, data, options.kind, options.epochs, seed))
            rows.sort(key=lambda row: (row["network"], row["kind"], row["epochs"], row["seed"]))
            results.write({"rows": rows}, lines(rows))
    results.show()


if __name__ == "__main__":
    main()

"""What `compress` chooses by itself, beside what it chooses from: accuracy without training at several cuts.

    python -m benchmarks.auto_choice --data DIR [--only resnet20 ...]

DIR holds `mnist/mnist.npz`, `cifar10/cifar10_lossless_subset.npz`, `cifar10_resnets/` and
`mlperf_tiny/ic_resnet8_cifar10.keras`. Every network is cut to 70, 50 and 30 % of its multiply-accumulates on 1,024
labelled training images (LeNet-5 and 784-300-100-10 are trained here first): by each criterion with and without
`reconstruct`, and with nothing named but the budget and the data. No choice sees a test image. Rows that are in the
results already are not measured again.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np

import kerasprune as kp
from benchmarks import datasets
from benchmarks.cifar_resnets import normalised, residual_network, trained_weights
from benchmarks.harness import Results, about, arguments, measured_on, table
from kerasprune_models import fashion_cnn, fashion_mnist

KEPT = (0.7, 0.5, 0.3)
IMAGES = 1024
AUTO = "auto"
# Scores that foretell a change of the loss are divided by what a removal saves.
RANKINGS = {"magnitude": "global", "taylor": "per_cost", "gauss_newton": "per_cost"}
NEEDS = (datasets.MNIST, datasets.CIFAR10, datasets.RESNET8, datasets.RESNET20, datasets.RESNET56)


class Task:
    """A trained network with its loss, images to cut it on, and images to judge by."""

    def __init__(self, model: keras.Model, train: tuple, test: tuple, from_logits: bool = False):
        self.model, self.test = model, test
        self.data = train[0][:IMAGES], train[1][:IMAGES]
        self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)

    def accuracy(self, model: keras.Model) -> float:
        """In percent."""
        found = model.predict(self.test[0], batch_size=250, verbose=0).argmax(axis=1)
        return 100 * float((found == self.test[1]).mean())


def shipped(folder: Path) -> Task:
    """The convolutional network on Fashion-MNIST that comes with the package."""
    images = fashion_mnist()
    with fashion_cnn() as path:
        model = kp.load_model(path)
    train = images.x_train.astype("float32"), images.y_train
    return Task(model, train, (images.x_test.astype("float32"), images.y_test))


def cifar(name: str) -> Callable[[Path], Task]:
    """A residual network on CIFAR-10, with its published weights."""

    def make(folder: Path) -> Task:
        found = datasets.arrays(folder, datasets.CIFAR10)
        if name == "resnet8":  # takes pixels in 0..255 and puts out probabilities
            model, prepare = kp.load_model(folder / datasets.RESNET8), lambda pixels: pixels.astype("float32")
        else:
            file = {"resnet20": datasets.RESNET20, "resnet56": datasets.RESNET56}[name]
            model, prepare = residual_network(trained_weights(folder, file), name), normalised
        train, test = (
            (prepare(found[f"x_{part}"]), found[f"y_{part}"].reshape(-1).astype("int32")) for part in ("train", "test")
        )
        return Task(model, train, test, from_logits=name != "resnet8")

    return make


def mnist(layers: Callable[[], list]) -> Callable[[Path], Task]:
    """A network that is trained here for five epochs."""

    def make(folder: Path) -> Task:
        found = datasets.mnist(folder)
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((28, 28, 1)), *layers(), keras.layers.Dense(10, "softmax")])
        rate = keras.optimizers.schedules.CosineDecay(1e-3, 5 * 60_000 // 128)
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        model.fit(found["x_train"], found["y_train"], 128, 5, verbose=0)
        return Task(model, (found["x_train"], found["y_train"]), (found["x_test"], found["y_test"]))

    return make


def _perceptron() -> list:
    dense = keras.layers.Dense
    return [keras.layers.Flatten(), dense(300, "relu"), dense(100, "relu")]


def _lenet_5() -> list:
    conv, pool, dense = keras.layers.Conv2D, keras.layers.MaxPooling2D, keras.layers.Dense
    return [
        conv(20, 5, activation="relu"),
        pool(),
        conv(50, 5, activation="relu"),
        pool(),
        keras.layers.Flatten(),
        dense(500, "relu"),
    ]


TASKS: dict[str, Callable[[Path], Task]] = {
    "shipped CNN, Fashion-MNIST": shipped,
    "784-300-100-10, MNIST": mnist(_perceptron),
    "LeNet-5, MNIST": mnist(_lenet_5),
    "resnet8": cifar("resnet8"),
    "resnet20": cifar("resnet20"),
    "resnet56": cifar("resnet56"),
}


def ways() -> Iterator[tuple[str, dict]]:
    """By name, what is said to `compress` beside budget, data and loss."""
    for criterion, ranking in RANKINGS.items():
        for recover in ((), ("reconstruct",)):
            named = {"criterion": criterion, "strategy": "one_shot", "ranking": ranking, "recover": recover}
            yield " + ".join((criterion, *recover)), named
    yield AUTO, {}


def measure(name: str, folder: Path, results: Results) -> None:
    """The missing rows of a task."""
    task = None
    for kept in KEPT:
        for way, named in ways():
            key = {"task": name, "kept": kept, "way": way}
            if any(key.items() <= row.items() for row in results.rows()):
                continue
            task = task or TASKS[name](folder)
            result = kp.compress(
                task.model, kp.Budget(flops=kept), data=task.data, loss=task.loss, verify=False, round_to=1, **named
            )
            row = {**key, "accuracy": task.accuracy(result.model), "choice": str(result.choice.way), **about()}
            row["before"] = task.accuracy(task.model)
            print(row, flush=True)
            rows = [*results.rows(), row]
            results.write({"rows": rows}, lines(rows))


def lines(rows: list[dict]) -> Iterator[str]:
    """The results as Markdown."""
    yield "# What compress chooses by itself"
    yield ""
    yield "Test accuracy (%) after a cut to a share of the multiply-accumulates, without training, on"
    yield f"{IMAGES:,} labelled training images. In brackets what was chosen. {measured_on(rows)}"
    yield ""
    names = [way for way, _ in ways()]
    yield from table(["network", "before", "kept", *names, "best"], cells(rows, names))
    gaps = [best - auto for best, auto in _pairs(rows, names)]
    if gaps:
        yield ""
        mean, most = np.mean(gaps), max(gaps)
        yield f"`auto` is {mean:.2f} points below the best on average over {len(gaps)} rows, at most {most:.2f}."


def cells(rows: list[dict], names: list[str]) -> Iterator[list[str]]:
    """A line for every task and cut."""
    for task in TASKS:
        for kept in KEPT:
            found = {row["way"]: row for row in rows if (row["task"], row["kept"]) == (task, kept)}
            if not found:
                continue
            shown = [f"{found[name]['accuracy']:.1f}" if name in found else "" for name in names]
            if AUTO in found:
                shown[-1] += f" ({found[AUTO]['choice']})"
            best = max(row["accuracy"] for row in found.values())
            yield [task, f"{next(iter(found.values()))['before']:.1f}", f"{kept:.0%}", *shown, f"{best:.1f}"]


def _pairs(rows: list[dict], names: list[str]) -> Iterator[tuple[float, float]]:
    """The best accuracy of the ways that are named, and that of `auto`, for every complete line."""
    for task in TASKS:
        for kept in KEPT:
            found = {row["way"]: row["accuracy"] for row in rows if (row["task"], row["kept"]) == (task, kept)}
            if set(found) == set(names):
                auto = found.pop(AUTO)
                yield max(found.values()), auto


def main() -> None:
    """Measure what is missing and show it."""
    parser = arguments(__doc__, needs=NEEDS, only=TASKS)
    options = parser.parse_args()
    results = Results(options.output, "auto_choice")
    for name in options.only:
        measure(name, options.data, results)
    results.show()


if __name__ == "__main__":
    main()

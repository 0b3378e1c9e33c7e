"""Multiply-accumulates removed from trained networks without training, and repaid by least squares without labels.

    python -m benchmarks.no_retraining_cifar --data DIR [--only resnet20 ...] [--criteria gauss_newton ...]

DIR holds `cifar10/cifar10_lossless_subset.npz`, `cifar10_resnets/` and `mlperf_tiny/ic_resnet8_cifar10.keras`. Channels
are ranked on training images and their labels, once or again in every round; recoveries see the same images without
labels. Accuracy is that on the 1000 test images, with a standard error of 0.9 points. A cell that is in the results
already is not measured again.
"""

import functools
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import keras
import numpy as np

import kerasprune as kp
from benchmarks import datasets
from benchmarks.cifar_resnets import normalised, residual_network, trained_weights
from benchmarks.harness import Results, about, arguments, measured_on, table
from kerasprune.evidence import Sampling
from kerasprune.recoveries import Damage, resolve_recovery

NETWORKS = {
    "resnet20": datasets.RESNET20,
    "resnet56": datasets.RESNET56,
    "resnet8": datasets.RESNET8,
}
# Scores that foretell a change of the loss are divided by what a removal saves.
RANKINGS = {"magnitude": "global", "taylor": "per_cost", "gauss_newton": "per_cost", "oracle": "per_cost"}
RECOVERIES = ("", "reconstruct", "recalibrate", "recalibrate, reconstruct")
KEPT = (0.8, 0.7, 0.5)
ROUNDS = (0.9, 0.8, 0.7, 0.6, 0.5)
BATCH_SIZE = 100


class Task:
    """One trained network, the images to rank and to repair on, and those to judge on.

    Args:
        folder: The folder of the data.
        name: One of `NETWORKS`.
        images: Training images.
    """

    def __init__(self, folder: Path, name: str, images: int):
        self.name = name
        plain = name == "resnet8"  # takes pixels in 0..255 and puts out probabilities
        if plain:
            self.model = kp.load_model(folder / NETWORKS[name])
        else:
            self.model = residual_network(trained_weights(folder, NETWORKS[name]), name)
        self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not plain)
        arrays = datasets.arrays(folder, datasets.CIFAR10)
        prepare = (lambda pixels: pixels.astype("float32")) if plain else normalised
        self.x, self.y = prepare(arrays["x_train"][:images]), arrays["y_train"][:images].reshape(-1).astype("int32")
        self.x_test, self.y_test = prepare(arrays["x_test"]), arrays["y_test"].reshape(-1)
        self.graph = kp.trace(self.model)

    def accuracy(self, model: keras.Model) -> float:
        """In percent."""
        found = model.predict(self.x_test, batch_size=BATCH_SIZE, verbose=0).argmax(axis=1)
        return 100 * float((found == self.y_test).mean())


def once(task: Task, criterion: str) -> Callable[[float, Sequence[str]], dict]:
    """Ranks once; from the kept share and the recoveries to the numbers of a row."""
    scores = functools.cache(
        lambda: kp.score(task.model, task.graph, criterion, (task.x, task.y), loss=task.loss, batch_size=BATCH_SIZE)
    )

    @functools.cache
    def cut(kept: float) -> tuple[np.ndarray, keras.Model]:
        keep = kp.select(task.graph, scores(), kp.Budget(flops=kept), ranking=RANKINGS[criterion])
        small = kp.slim(task.model, task.graph, keep)
        kp.verify(task.model, task.graph, keep, small, task.x[:4])
        return keep, small

    def numbers(kept: float, recover: Sequence[str]) -> dict:
        keep, small = cut(kept)
        for name in recover:
            damage = Damage.of(task.model, task.graph, keep, small, Sampling(task.x, batch_size=BATCH_SIZE))
            small, _ = resolve_recovery(name)(damage)
        return {"macs": task.graph.macs(keep) / task.graph.macs(), "accuracy": task.accuracy(small)}

    return numbers


def in_rounds(task: Task, criterion: str, recover: tuple[str, ...]) -> dict[float, dict]:
    """Rank anew after every tenth that has gone and been repaid: numbers by kept share."""
    found = {}

    def strategy(rounds, budget):
        state = rounds.start()
        for kept in ROUNDS:
            state = rounds.shrink(state, kp.Budget(flops=kept))
            if kept in KEPT:
                macs = state.graph.macs() / task.graph.macs()
                found[kept] = {"macs": macs, "accuracy": task.accuracy(state.model)}
        return state

    kp.compress(
        task.model,
        kp.Budget(flops=ROUNDS[-1]),
        criterion,
        strategy,
        (task.x, task.y),
        loss=task.loss,
        batch_size=BATCH_SIZE,
        recover=recover,
        ranking=RANKINGS[criterion],
        round_to=1,
    )
    return found


class Cells:
    """The rows in the results, which several runs may share."""

    def __init__(self, results: Results):
        self.results = results

    def has(self, key: dict) -> bool:
        """Whether a cell is there."""
        return any(key.items() <= row.items() for row in self.results.rows())

    def add(self, row: dict) -> None:
        """Write another row, and the table."""
        print(row, flush=True)
        rows = [*self.results.rows(), row | about()]
        self.results.write({"rows": rows}, lines(rows))


def measure(task: Task, criterion: str, ways: Collection[str], recoveries: Collection[str], cells: Cells) -> None:
    """The missing cells of one network and criterion."""
    if not cells.has({"network": task.name, "kept": 1.0}):
        cells.add({"network": task.name, "kept": 1.0, "accuracy": task.accuracy(task.model)})
    common = {"network": task.name, "criterion": criterion, "images": len(task.x)}
    numbers = once(task, criterion)
    for kept in KEPT if "once" in ways else ():
        for recover in recoveries:
            key = {**common, "way": "once", "recover": recover, "kept": kept}
            if not cells.has(key):
                cells.add(key | numbers(kept, recover.split(", ") if recover else ()))
    key = {**common, "way": "rounds", "recover": "reconstruct"}
    if "rounds" in ways and not all(cells.has({**key, "kept": kept}) for kept in KEPT):
        for kept, found in in_rounds(task, criterion, ("reconstruct",)).items():
            cells.add({**key, "kept": kept} | found)


def lines(rows: list[dict]) -> list[str]:
    """Markdown: accuracy by network, criterion and recovery, and whether half of the loss is repaid."""
    found = ["# Multiply-accumulates removed without training", "", "CIFAR-10, 1000 lossless test images."]
    found += [measured_on(rows), ""]
    for name in NETWORKS:
        own = [row for row in rows if row["network"] == name]
        if not own:
            continue
        start = next(row["accuracy"] for row in own if row["kept"] == 1.0)
        cells = [
            (*key, *(f"{values[kept]:.1f}" if kept in values else "" for kept in KEPT))
            for key, values in _grouped(own).items()
        ]
        found += [f"## {name}: {start:.1f} %", "", "Test accuracy (%) after removing a share of the MACs.", ""]
        found += table(("criterion", "ranked", "images", "recover", *(f"{100 - 100 * k:.0f} %" for k in KEPT)), cells)
        found += ["", *_bar(own, start), ""]
    return found[:-1]


def _grouped(rows: list[dict]) -> dict[tuple, dict[float, float]]:
    """Accuracy by kept share, by what else tells the rows apart."""
    found: dict[tuple, dict[float, float]] = {}
    for row in rows:
        if row["kept"] < 1.0:
            key = (row["criterion"], row["way"], row["images"], row["recover"] or "nothing")
            found.setdefault(key, {})[row["kept"]] = row["accuracy"]
    return dict(sorted(found.items()))


def _bar(rows: list[dict], start: float) -> list[str]:
    """The best against plain magnitude, share by share."""
    lines = []
    for kept in KEPT:
        here = [row for row in rows if row["kept"] == kept]
        plain = [row for row in here if row["criterion"] == "magnitude" and not row["recover"]]
        repaid = [row for row in here if row["recover"] == "reconstruct"]
        if plain and repaid:
            best = max(repaid, key=lambda row: row["accuracy"])
            lost, least = start - plain[0]["accuracy"], start - best["accuracy"]
            lines.append(
                f"- {100 - 100 * kept:.0f} % removed: plain magnitude loses {lost:.1f} points; {best['criterion']}, "
                f"ranked {'once' if best['way'] == 'once' else 'in rounds'}, with reconstruction {least:.1f}."
            )
    return lines


def main() -> None:
    """Measure what is missing."""
    parser = arguments(__doc__, needs=(datasets.CIFAR10, *NETWORKS.values()), only=NETWORKS)
    parser.add_argument("--criteria", nargs="+", choices=RANKINGS, default=list(RANKINGS))
    parser.add_argument("--ways", nargs="+", choices=("once", "rounds"), default=["once", "rounds"])
    parser.add_argument("--recover", nargs="+", choices=RECOVERIES, default=RECOVERIES, help="after a single ranking")
    parser.add_argument("--images", type=int, default=1000, help="training images")
    options = parser.parse_args()
    datasets.find(options.data, datasets.CIFAR10, *(NETWORKS[name] for name in options.only))
    cells = Cells(Results(options.output, "no_retraining_cifar"))
    for name in options.only:
        task = Task(options.data, name, options.images)
        for criterion in options.criteria:
            measure(task, criterion, options.ways, options.recover, cells)


if __name__ == "__main__":
    main()

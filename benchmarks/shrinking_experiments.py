"""The other experiments of the Incredible Shrinking Neural Network, from scratch: cosine, shapes, one against the rest.

    python -m benchmarks.shrinking_experiments [--data DIR] [--only cosine_10 diamond ...] [--criteria oracle ...]

Every network is trained here, then its hidden neurons go one at a time, ranked anew after every removal on all training
samples, without training. Only the tasks `digit_*` need data: DIR/mnist/mnist.npz; without it they are left out, which
the script says. Networks and trajectories are kept in the folder `--runs`: an interrupted script goes on where it was.
Results that are there already are kept, and those of this run are put beside them.
"""

import argparse
import sys
from pathlib import Path

import keras
import numpy as np
from scipy.special import expit

import kerasprune as kp
from benchmarks import datasets
from benchmarks.harness import Results, about, arguments
from benchmarks.shrinking_report import CRITERIA, draw, lines
from benchmarks.shrinking_tasks import TASKS, Samples, Task
from kerasprune.core import atomic_path
from kerasprune.criteria import gain_curve
from kerasprune.evidence import Probe, Sampling
from kerasprune.files import save_model
from kerasprune.report import Trajectory, plot_gain_curves
from kerasprune.strategies import Serial

BATCH = 10_000
IN_DETAIL = "cosine_50"  # also ranked a single time, and its gain curves are drawn


def network(task: Task, train: Samples, seed: int) -> keras.Model:
    """The trained network; one that shall be imperfect is trained a few batches at a time until it is good enough."""
    keras.utils.set_random_seed(seed)
    *hidden, outputs = task.widths[1:]
    layers = [keras.layers.Dense(width, "sigmoid", name=f"hidden{number}") for number, width in enumerate(hidden)]
    layers = [keras.Input((task.widths[0],)), *layers, keras.layers.Dense(outputs, "sigmoid", name="out")]
    model = keras.Sequential(layers)
    train_fully(model, task, train) if task.stop is None else train_until(model, task, train)
    return model


def train_fully(model: keras.Model, task: Task, train: Samples) -> None:
    """With a learning rate that falls to zero."""
    size, epochs, rate = task.training
    schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * len(train[0]) // size)
    model.compile(keras.optimizers.Adam(schedule), "mse", steps_per_execution=10)
    model.fit(*train, size, epochs, verbose=0)


def train_until(model: keras.Model, task: Task, train: Samples) -> None:
    """With plain gradient descent, 20 batches at a time, until the accuracy is that of the published network."""
    size, epochs, rate = task.training
    model.compile(keras.optimizers.SGD(rate), "mse", metrics=["accuracy"], steps_per_execution=10)
    for start in range(0, epochs * len(train[0]), 20 * size):
        part = slice(start % len(train[0]), start % len(train[0]) + 20 * size)
        model.fit(train[0][part], train[1][part], size, verbose=0)
        if model.evaluate(train[0][:BATCH], train[1][:BATCH], BATCH, verbose=0)[1] >= task.stop:
            return


class Subject:
    """A trained network and what is measured on it."""

    def __init__(self, name: str, train: Samples, test: Samples, runs: Path, seed: int):
        self.task, self.train, self.test = TASKS[name], train, test
        self.folder = runs / f"{name}-{seed}"
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "network.keras"
        if not file.is_file():
            save_model(network(self.task, train, seed), file)
        self.model = keras.models.load_model(file)
        self.graph = kp.trace(self.model)
        self.ids = [group.ids for group in self.graph.groups[: len(self.task.widths) - 2]]

    def shrink(self, criterion: str, rerank: bool = True) -> Trajectory:
        """Remove all neurons but one in every layer, one at a time."""
        path = self.folder / f"{criterion}-{'iterative' if rerank else 'single'}.json"
        frozen, groups = int(self.graph.frozen.sum()) - 1, len(self.graph.free_groups)
        serial = Serial(rerank=rerank, path=path)
        budget = kp.Budget(channels=frozen + groups)
        options = {"loss": "mse", "batch_size": BATCH, "verify": False}
        return kp.compress(self.model, budget, criterion, serial, self.train, **options).trajectory

    def outputs(self, x: np.ndarray, keep: np.ndarray) -> np.ndarray:
        """What the network says when what is not kept reads zero."""
        for layer, stays in zip(self.model.layers, [*(keep[ids] for ids in self.ids), 1.0], strict=True):
            kernel, bias = layer.get_weights()
            x = expit(x @ kernel + bias) * stays
        return x

    def accuracy(self, keep: np.ndarray) -> float:
        """Percent of the test samples that are judged right: by the larger output, or by whether it is above a half."""
        x, y = self.test
        outputs = self.outputs(x, keep)
        if outputs.shape[1] == 1:
            outputs, y = (np.concatenate([values, 1 - values], axis=1) for values in (outputs, y))
        return 100 * float((outputs.argmax(axis=1) == y.argmax(axis=1)).mean())

    def error(self, loss: float) -> float:
        """The published error: half the sum of the squares over as many samples as there."""
        return 0.5 * loss * self.task.widths[-1] * self.task.published_samples

    def error_of_nothing(self) -> float:
        """The error when no hidden neuron is left."""
        x, y = self.train
        return self.error(float(np.square(self.outputs(x, np.zeros(self.graph.num_ids)) - y).mean()))

    def curve(self, trajectory: Trajectory) -> dict:
        """Error and test accuracy, from the whole network on; accuracy only where there are classes."""
        keep, accuracies = np.ones(self.graph.num_ids), []
        for removal in (None, *trajectory.removals):
            if removal is not None:
                keep[removal.id] = 0.0
            accuracies.append(round(self.accuracy(keep), 2) if self.task.start else None)
        errors = [float(f"{self.error(loss):.4g}") for loss in trajectory.values("loss")]
        return {
            "removed": [removal.id for removal in trajectory.removals],
            "error": errors,
            "accuracy": accuracies if self.task.start else None,
        }

    def gain_curves(self, trajectory: Trajectory) -> dict[str, tuple]:
        """For every tenth neuron the error against its gain, when all that went before it are gone."""
        probe = Probe(self.model, self.graph, Sampling(loss="mse", batch_size=BATCH))
        gain, curves = np.ones(self.graph.num_ids), {}
        for number, removal in enumerate(trajectory.removals, 1):
            if number % 10 == 0:
                gains, losses = gain_curve(probe, self.train, removal.id, np.linspace(0, 10, 41), gain)
                curves[f"removal {number}"] = (gains, [self.error(loss) for loss in losses])
            gain[removal.id] = 0.0
        return curves


def measure(name: str, options: argparse.Namespace, found: dict) -> dict:
    """All criteria on one task, beside what was found before."""
    train, test = TASKS[name].samples(options.data, options.seed)
    subject = Subject(name, train, test, options.runs, options.seed)
    curves = dict(found.get("curves", {}))
    for criterion in options.criteria:
        for rerank in (True, False) if name == IN_DETAIL else (True,):
            trajectory = subject.shrink(criterion, rerank)
            curves[criterion if rerank else f"{criterion}, single ranking"] = subject.curve(trajectory)
            print(f"{name}: {criterion}{'' if rerank else ', single ranking'} done", flush=True)
            if name == IN_DETAIL and rerank and criterion == CRITERIA[0]:
                with atomic_path(options.output / f"shrinking_experiments_{name}_gains.png") as path:
                    plot_gain_curves(subject.gain_curves(trajectory), path, f"{TASKS[name].title}: {criterion}")
    return {
        "neurons": trajectory.candidates,
        "samples": len(train[0]),
        "test_samples": len(test[0]),
        "share_of_ones": float(np.mean(test[1][:, 0] > 0.5)),
        "nothing_left": float(f"{subject.error_of_nothing():.4g}"),
        "curves": curves,
        **about(),
    }


def able(options: argparse.Namespace) -> list[str]:
    """The chosen tasks whose data is there; without `--data` those that need it are left out, which is said."""
    needy = [name for name in options.only if TASKS[name].needs]
    if options.data is not None or needy == options.only:
        datasets.find(options.data or Path("DIR"), *(TASKS[name].needs for name in needy))
        return options.only
    if needy:
        print(f"Without --data these are left out, which need {TASKS[needy[0]].needs}: {', '.join(needy)}.")
    return [name for name in options.only if name not in needy]


def main() -> int:
    """Run the tasks and write tables and figures."""
    parser = arguments(__doc__, seed=True, only=TASKS)
    parser.add_argument("--data", type=Path, metavar="DIR", help=f"folder with {datasets.MNIST}, for the digits")
    parser.add_argument("--criteria", nargs="+", choices=CRITERIA, default=list(CRITERIA), metavar="NAME")
    parser.add_argument("--runs", type=Path, default=Path("build/shrinking_experiments"), help="networks, trajectories")
    options = parser.parse_args()
    names = able(options)
    results = Results(options.output, "shrinking_experiments")
    found = results.read() or {"seed": options.seed, "tasks": {}}
    if found["seed"] != options.seed:
        text = f"{results.json} holds results for seed {found['seed']}. Name another folder with --output."
        print(text, file=sys.stderr)
        return 2
    for name in names:
        found["tasks"][name] = measure(name, options, found["tasks"].get(name, {}))
        tasks = found["tasks"] = {name: found["tasks"][name] for name in TASKS if name in found["tasks"]}
        results.write(found, lines(found))
        with atomic_path(options.output / "shrinking_experiments.png") as path:
            draw(tasks, path)
    results.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())

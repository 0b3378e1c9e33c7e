"""Channels that agents learn to remove, beside the smallest by L1 and random ones, on a small VGG for Fashion-MNIST.

    python -m benchmarks.try_and_learn --data DIR [--seeds 1] [--images 12000] [--steps 25] [--only RUN ...]

DIR holds `fashion_mnist/fashion_mnist.npz`. Every group of a trained network keeps the same share of its channels, one
group after the other from the first to the last, with a short training after each and a longer one in the end: what is
the same for all of them. Agents are rewarded on 400 training images that nothing is trained on; before each training
the accuracy on 2,000 others says what was chosen there. In the runs called `drop` the agents choose the widths, too. A
test image is looked at once by each network, in its end. A finished run is written at once and not repeated.
"""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

import kerasprune as kp
from benchmarks import datasets
from benchmarks.harness import Results, about, arguments, measured_on, processor_seconds, table
from kerasprune.core import atomic_path
from kerasprune.evidence import Sampling
from kerasprune.strategies import Rounds, State, TryAndLearn
from kerasprune.strategies.trials import Trials

BATCH, REWARDED, HELD = 64, 400, 2000
L1 = kp.criteria.Magnitude(p=1, weights="made")
WAYS = ("agents", "l1", "random")
RUNS = {f"{way} {share}": (way, share) for share in (0.5, 0.25) for way in WAYS} | {"drop 0.05": ("drop", 0.05)}


def network(seed: int) -> keras.Model:
    """A small VGG: five convolutions with batch norm."""
    keras.utils.set_random_seed(seed)
    image = x = keras.Input((28, 28, 1))
    for number, width in enumerate((16, 16, 32, 32, 64), 1):
        x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
        x = keras.layers.MaxPooling2D()(x) if number in (2, 4) else x
    return keras.Model(image, keras.layers.Dense(10, name="classes")(keras.layers.GlobalAveragePooling2D()(x)))


def train(model: keras.Model, data: tuple, epochs: int, rate: float) -> None:
    """Adam along a cosine."""
    steps = epochs * (len(data[0]) // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.02)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])
    model.fit(*data, batch_size=BATCH, epochs=epochs, verbose=0)


def load(options) -> dict[str, tuple]:
    """Training images in four parts, in an order that the seed gives, and the test images."""
    found = datasets.arrays(options.data, datasets.FASHION_MNIST)
    order = np.random.default_rng(0).permutation(len(found["y_train"]))
    x, y = (found[f"{name}_train"][order] for name in "xy")

    def part(images, labels):
        return (images[..., None] / 255).astype("float32"), labels.astype("int32")

    ends = np.cumsum([0, REWARDED, HELD, options.images])
    names = ("rewarded", "held", "train")
    parts = {name: part(x[a:b], y[a:b]) for name, a, b in zip(names, ends, ends[1:], strict=False)}
    return parts | {"test": part(found["x_test"], found["y_test"])}


def one_by_one(share: float):
    """A strategy: of each group in turn the share of the highest scores stays, then it is trained."""

    def shrink(rounds: Rounds, budget: kp.Budget) -> State:
        state, values = rounds.start(), []
        for group in rounds.graph.free_groups:
            keep = np.zeros(rounds.graph.num_ids, bool)
            keep[state.origin] = True
            order = group.ids[np.argsort(rounds.scores(state)[group.ids], kind="stable")]
            keep[order[: group.width - round(share * group.width)]] = False
            cut = rounds.check(state, rounds.cut(state, keep, budget.limits(rounds.graph)))
            values.append(accuracy(cut.opened, rounds.sampling))
            state = rounds.train(cut)
        return replace(state, record=values)

    return shrink


def accuracy(opened, sampling: Sampling) -> float:
    """The accuracy on the images that agents are rewarded by."""
    return Trials(opened, sampling).value(opened.graph.keep_all())


def run(name: str, model: keras.Model, data: dict, options, seed: int) -> dict:
    """One network, pruned and trained."""
    way, number = RUNS[name]
    held: list[float] = []

    def between(small: keras.Model) -> None:
        small.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        held.append(float(small.evaluate(*data["held"], batch_size=500, verbose=0)[1]))
        train(small, tuple(each[:4000] for each in data["train"]), 1, 1e-3)

    free = way == "drop"
    agents = TryAndLearn(steps=options.steps, drop=number if free else 0.1, every_group=True)
    given = {"data": data["rewarded"], "train": between, "seed": seed, "batch_size": 200, "recover": ()}
    if way in ("agents", "drop"):
        overrides = {} if free else {group.name: number for group in kp.trace(model).free_groups}
        budget = kp.Budget(channels=0.99 if free else number + 0.1)
        result = kp.compress(model, budget, strategy=agents, overrides=overrides, round_to="auto", **given)
    else:
        criterion = L1 if way == "l1" else "random"
        result = kp.compress(model, kp.Budget(channels=number + 0.1), criterion, one_by_one(number), **given)
    train(result.model, data["train"], 1, 2e-3)
    learned = way in ("agents", "drop")
    record = result.record
    return {
        "run": name,
        "widths": [layer.filters for layer in result.model.layers if isinstance(layer, keras.layers.Conv2D)],
        "macs": kp.trace(result.model).macs() / kp.trace(model).macs(),
        "before_training": [group.value for group in record.groups] if learned else record,
        "before_training_held": held,
        "rewards": [group.rewards for group in record.groups] if learned else [],
        "best": [group.best for group in record.groups] if learned else [],
        "rewarded_whole": record.value if learned else None,
        **judged(result.model, data),
    }


def judged(model: keras.Model, data: dict) -> dict:
    """The accuracy in the end."""
    parts = {name: model.evaluate(*data[name], batch_size=500, verbose=0)[1] for name in ("held", "test")}
    return {name: float(value) for name, value in parts.items()}


def lines(rows: list[dict]) -> list[str]:
    """Markdown: a line for each network."""
    titles = ("seed", "network", "widths", "MACs", "rewarded images, cut and not trained", "held out, likewise")
    titles += ("held out, end", "test, end", "processor seconds")

    def percent(values) -> str:
        return ", ".join(f"{100 * value:.1f}" for value in values)

    cells = (
        (
            row["seed"],
            row["run"],
            ", ".join(map(str, row["widths"])),
            f"{100 * row['macs']:.1f} %",
            percent(row["before_training"]),
            percent(row["before_training_held"]),
            f"{100 * row['held']:.2f} %",
            f"{100 * row['test']:.2f} %",
            row["cpu_seconds"],
        )
        for row in rows
    )
    first = rows[0]
    return [
        "# Agents that learn which channels can go, on a small VGG for Fashion-MNIST",
        "",
        f"Trained on {first['images']} images for two epochs; {first['steps']} steps of 8 trials for each group.",
        "For `agents`, `l1` and `random` the share of each group is given; with `drop` the agents choose the widths,",
        "with an allowed drop of so much on the rewarded images, before the training that follows. The accuracies of a",
        "network that was cut and not trained, in %, are those after each group.",
        measured_on(rows),
        "",
        *table(titles, cells),
    ]


def figure(rows: list[dict], target: Path) -> None:
    """The mean reward of every step, one panel for each group, one curve for each run."""
    from matplotlib.figure import Figure

    learned = [row for row in rows if row["rewards"]]
    count = max((len(row["rewards"]) for row in learned), default=1)
    picture = Figure(figsize=(2.6 * count, 2.8), dpi=110, layout="constrained")
    panels = picture.subplots(1, count, squeeze=False)[0]
    for row in learned:
        for number, (axes, rewards) in enumerate(zip(panels, row["rewards"], strict=False), 1):
            axes.plot(range(1, len(rewards) + 1), rewards, label=f"{row['run']}, seed {row['seed']}", linewidth=1)
            axes.set(title=f"group {number}", xlabel="step", ylabel="mean reward" if number == 1 else "")
            axes.grid(alpha=0.3)
    if learned:
        panels[0].legend(fontsize=7)
    with atomic_path(target) as path:
        picture.savefig(path)


def main() -> None:
    """Make the runs that the results lack, then write table and figure."""
    parser = arguments(__doc__, needs=(datasets.FASHION_MNIST,), only=tuple(RUNS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--images", type=int, default=12_000, help="that the network is trained on")
    parser.add_argument("--steps", type=int, default=25, help="of learning for each group")
    options = parser.parse_args()
    data, results = load(options), Results(options.output, "try_and_learn")
    for seed in range(options.seeds):
        told = {"seed": seed, "images": options.images, "steps": options.steps}
        known = {row["run"] for row in results.rows() if all(row[key] == value for key, value in told.items())}
        missing = [name for name in ("whole", *options.only) if name not in known]
        if not missing:
            continue
        model = network(seed)
        train(model, data["train"], 2, 3e-3)
        for name in missing:
            found: dict = {}
            seconds = processor_seconds(
                lambda name=name, found=found, model=model, seed=seed: found.update(
                    whole(model, data) if name == "whole" else run(name, model, data, options, seed)
                )
            )
            rows = [*results.rows(), {**told, **found, "cpu_seconds": round(seconds), **about()}]
            results.write({"rows": rows}, lines(rows))
            figure(rows, results.json.with_suffix(".png"))
    results.show()


def whole(model: keras.Model, data: dict) -> dict:
    """The network before anything was cut."""
    widths = [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    empty: dict = {"before_training": [], "before_training_held": [], "rewards": [], "best": []}
    return {"run": "whole", "widths": widths, "macs": 1.0, **empty, **judged(model, data)}


if __name__ == "__main__":
    main()

"""Remove neurons of a trained network without labels and without training, and repay the loss by least squares.

    python -m benchmarks.no_retraining_mnist --data DIR [--only gauss_newton ...] [--seed 0]

DIR holds `mnist/mnist.npz`. A 784-300-100-10 network is trained, then its 400 hidden neurons go in steps of 2.5 % (of
10 % by criteria that foresee what goes later), ranked anew after every step: without any repair, and with
`recover="reconstruct"` after every step; of the latter, for the best criteria, the model after 70, 80 and 90 % is also
passed on to the recovery "refit". The criterion "correlation" has a recovery of its own, "merge". The labels that some
criteria need are the answers of the network itself. Accuracy is that on the 10,000 test images. Curves that are in the
results already are not measured again.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np

import kerasprune as kp
from benchmarks import datasets
from benchmarks.harness import Results, about, arguments, measured_on, table
from kerasprune.core.files import atomic_path
from kerasprune.criteria import CRITERIA
from kerasprune.evidence import Sampling
from kerasprune.recoveries import Damage, Refit

LEFT_OUT = {"bn_scale"}  # there is no batch norm to read
WARM = "obs at temperature 3"
CHOICES = {name: CRITERIA[name] for name in CRITERIA if name not in LEFT_OUT}
CHOICES |= {WARM: partial(CRITERIA["obs"], temperature=3.0)}
NAMES = tuple(CHOICES)
PANELS = ("", "reconstruct", "reconstruct, refit")
REPAIRS = (*reversed(PANELS), "merge")
STEPS = 36  # of 2.5 % each, to 90 %
FORESEEING = {"correlation", "obs", WARM, "reconstruction"}  # rank for large cuts, too: 9 steps of 10 %
SCORED, REPAIRED = 10_000, 60_000  # images
TENTHS = range(1, 10)
REFITTED = ("gauss_newton", "obs", WARM, "oracle", "reconstruction")
REFITTED_TENTHS = (7, 8, 9)


def trained(x, y, seed: int) -> keras.Model:
    """The network after ten epochs with a falling learning rate."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(300, "relu", name="first"),
            layers.Dense(100, "relu", name="second"),
            layers.Dense(10, "softmax", name="classes"),
        ]
    )
    epochs, batch = 10, 128
    rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * len(x) // batch)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch, epochs, verbose=0)
    return model


def accuracy(model: keras.Model, x, y) -> float:
    return float((model.predict(x, batch_size=1000, verbose=0).argmax(axis=1) == y).mean())


def curves(model: keras.Model, name: str, recover: tuple[str, ...], train, test) -> list[dict[int, float]]:
    """The accuracy by the tenths of the neurons that are gone: as it is, and with "refit" on top, where it is tried."""
    x = train[0][:REPAIRED]
    answers = model.predict(x, batch_size=1000, verbose=0).argmax(axis=1)
    plain: dict[int, float] = {}
    fitted: dict[int, float] = {}
    fit = Refit(samples=REPAIRED)

    def criterion(evidence):
        return CHOICES[name]()(replace(evidence, limit=SCORED, seed=0))

    def in_steps(rounds, budget):
        state, neurons = rounds.start(), int((~rounds.graph.frozen).sum())
        steps = 9 if name in FORESEEING else STEPS
        for step in range(1, steps + 1):
            left = rounds.graph.channels() - round(neurons * 0.9 * step / steps)
            state = rounds.shrink(state, kp.Budget(channels=left))
            tenth, between = divmod(step * 9, steps)
            if not between:
                plain[tenth] = accuracy(state.model, *test)
            if not between and recover == ("reconstruct",) and name in REFITTED and tenth in REFITTED_TENTHS:
                keep = np.isin(np.arange(rounds.graph.num_ids), state.origin)
                damage = Damage(rounds.opened, keep, state.opened, Sampling(x, batch_size=1000))
                fitted[tenth] = accuracy(fit(damage)[0], *test)
        return state

    budget, data = kp.Budget(channels=0.99), (x, answers)
    kp.compress(model, budget, criterion, in_steps, data, recover=recover, batch_size=1000, verify=False, round_to=1)
    return [plain, fitted] if fitted else [plain]


def lines(result: dict) -> list[str]:
    """Markdown: points of accuracy lost, criterion by criterion."""
    cells = []
    for repair in REPAIRS:
        for row in sorted((row for row in result["curves"] if row["recover"] == repair), key=_lost):
            values = [row["accuracy"].get(str(tenth)) for tenth in TENTHS]
            lost = ("" if value is None else f"{100 * (result['accuracy'] - value):.2f}" for value in values)
            cells.append((row["criterion"], repair or "nothing", *lost))
    return [
        "# Neurons removed without labels and without training",
        "",
        f"784-300-100-10 on MNIST, {100 * result['accuracy']:.2f} % on the test images; seed {result['seed']}.",
        "Points of accuracy lost after removing a share of the 400 hidden neurons in steps of 2.5 %",
        f"({', '.join(sorted(FORESEEING))}: of 10 %), ranked anew after each.",
        measured_on([result]),
        "",
        *table(("criterion", "recover", *(f"{10 * tenth} %" for tenth in TENTHS)), cells),
    ]


def _lost(row: dict) -> float:
    """What curves are sorted by."""
    return -row["accuracy"]["7"]


def draw(result: dict, path: Path) -> None:
    """A panel for every repair, a curve for every criterion."""
    from matplotlib import colormaps  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(12, 4.6), layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharey=True)
    styles = {name: (colormaps["tab10"](number % 10), "-:"[number // 10]) for number, name in enumerate(NAMES)}
    for axes, repair in zip(panels, PANELS, strict=True):
        for row in sorted((row for row in result["curves"] if row["recover"] == repair), key=_lost):
            points = {0: result["accuracy"], **row["accuracy"]} if "1" in row["accuracy"] else row["accuracy"]
            removed, values = zip(*((10 * int(tenth), 100 * value) for tenth, value in points.items()), strict=True)
            colour, line = styles[row["criterion"]]
            axes.plot(removed, values, line, color=colour, label=row["criterion"], linewidth=1.3)
        axes.set(xlabel="neurons removed (%)", title=repair or "no repair", ylim=(50, 100))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    panels[0].set_ylabel("test accuracy (%)")
    figure.savefig(path, dpi=80)


def measure(result: dict, names, model: keras.Model, train, test, results: Results) -> None:
    """Add the curves that are missing to the result, which is written after each of them."""
    for name in names:
        for recover in (("reconstruct",), (), *([("merge",)] if name == "correlation" else [])):
            made = ", ".join(recover)
            if any((row["criterion"], row["recover"]) == (name, made) for row in result["curves"]):
                continue
            found = curves(model, name, recover, train, test)
            for repair, values in zip((made, PANELS[-1]), found, strict=False):
                row = {"criterion": name, "recover": repair}
                result["curves"].append({**row, "accuracy": {str(tenth): value for tenth, value in values.items()}})
                print(
                    row, {10 * tenth: round(100 * (result["accuracy"] - value), 2) for tenth, value in values.items()}
                )
            results.write(result, lines(result))


def main() -> None:
    """Measure all criteria and write table and figure."""
    options = arguments(__doc__, needs=(datasets.MNIST,), seed=True, only=NAMES).parse_args()
    arrays = datasets.mnist(options.data)
    train, test = ((arrays[f"x_{part}"].reshape(-1, 784), arrays[f"y_{part}"]) for part in ("train", "test"))
    model = trained(*train, options.seed)
    stem = "no_retraining_mnist" + (f"_seed{options.seed}" if options.seed else "")
    results = Results(options.output, stem)
    result = {"seed": options.seed, **about(), "accuracy": accuracy(model, *test), "curves": []}
    before = results.read()
    if all(before.get(key) == result[key] for key in result.keys() - {"curves"}):
        result = before
    measure(result, options.only, model, train, test, results)
    results.write(result, lines(result))
    with atomic_path(options.output / f"{stem}.png") as picture:
        draw(result, picture)
    results.show()


if __name__ == "__main__":
    main()

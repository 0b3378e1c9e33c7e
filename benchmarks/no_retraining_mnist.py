"""Remove neurons of a trained network without labels and without training, and repay the loss by least squares.

    python -m benchmarks.no_retraining_mnist --data DIR [--only gauss_newton ...] [--seed 0]

DIR holds `mnist/mnist.npz`. A 784-300-100-10 network is trained, then its 400 hidden neurons go in steps of 2.5 % (of
10 % by criteria that foresee what goes later), ranked anew after every step: without any repair, and with
`recover="reconstruct"` after every step; of the latter, for the best criteria, the model after 70, 80 and 90 % is also
passed on to the recovery "refit". The criterion "correlation" has a recovery of its own, "merge". The labels that some
criteria need are the answers of the network itself. Accuracy is that on the 10,000 test images. Curves that are in the
results already are not measured again.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import kerasprune as kp  # noqa: E402
from kerasprune.core.files import atomic_path, write_text  # noqa: E402
from kerasprune.criteria import CRITERIA  # noqa: E402
from kerasprune.evidence import Sampling  # noqa: E402
from kerasprune.recoveries import Damage, Refit  # noqa: E402

RESULTS = Path(__file__).parent / "results"
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
    kp.compress(model, budget, criterion, in_steps, data, recover=recover, batch_size=1000, verify=False)
    return [plain, fitted] if fitted else [plain]


def table(result: dict) -> str:
    """Markdown: points of accuracy lost, criterion by criterion."""
    lines = ["# Neurons removed without labels and without training", ""]
    lines += [f"784-300-100-10 on MNIST, {100 * result['accuracy']:.2f} % on the test images; {result['machine']}."]
    lines += ["Points of accuracy lost after removing a share of the 400 hidden neurons in steps of 2.5 %"]
    lines += [f"({', '.join(sorted(FORESEEING))}: of 10 %), ranked anew after each.", ""]
    lines += [f"| criterion | recover | {' | '.join(f'{10 * tenth} %' for tenth in TENTHS)} |", "|---" * 11 + "|"]
    for repair in REPAIRS:
        for row in sorted((row for row in result["curves"] if row["recover"] == repair), key=_lost):
            values = [row["accuracy"].get(str(tenth)) for tenth in TENTHS]
            lost = " | ".join("" if value is None else f"{100 * (result['accuracy'] - value):.2f}" for value in values)
            lines.append(f"| {row['criterion']} | {repair or 'nothing'} | {lost} |")
    return "\n".join([*lines, ""])


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


def measure(result: dict, names, model: keras.Model, train, test, file: Path) -> None:
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
            write_text(file, json.dumps(result, indent=1) + "\n")


def main() -> int:
    """Measure all criteria and write table and figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist/")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help="these criteria")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args()
    path = options.data / "mnist" / "mnist.npz"
    if not path.is_file():
        print(f"There is no {path}. Pass the folder that holds mnist/ as --data.", file=sys.stderr)
        return 2
    arrays = np.load(path, allow_pickle=False)
    train, test = (
        (arrays[f"x_{part}"].reshape(-1, 784).astype("float32") / 255, arrays[f"y_{part}"])
        for part in ("train", "test")
    )
    model = trained(*train, options.seed)
    result = {"machine": f"{platform.machine()}, {os.cpu_count()} shared cores, seed {options.seed}"}
    result |= {"versions": {"keras": keras.__version__, "numpy": np.__version__, "backend": keras.backend.backend()}}
    result |= {"accuracy": accuracy(model, *test), "curves": []}
    options.output.mkdir(parents=True, exist_ok=True)
    stem = "no_retraining_mnist" + (f"_seed{options.seed}" if options.seed else "")
    file = options.output / f"{stem}.json"
    if file.exists():
        before = json.loads(file.read_text())
        if all(before.get(key) == result[key] for key in ("machine", "versions", "accuracy")):
            result = before
    measure(result, options.only, model, train, test, file)
    write_text(options.output / f"{stem}.md", table(result))
    with atomic_path(options.output / f"{stem}.png") as picture:
        draw(result, picture)
    print(table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Remove neurons of a trained network without labels and without training, and repay the loss by least squares.

    python -m benchmarks.no_retraining_mnist --data DIR [--only gauss_newton ...] [--seed 0]

DIR holds `mnist/mnist.npz`. A 784-300-100-10 network is trained, then its 400 hidden neurons go in steps of 2.5 %,
ranked anew after every step by each criterion, once with `recover="reconstruct"` and once without. The labels that
some criteria need are the answers of the network itself. Accuracy is that on the 10,000 test images.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import kerasprune as kp  # noqa: E402
from kerasprune.core.files import atomic_path, write_text  # noqa: E402
from kerasprune.criteria import CRITERIA  # noqa: E402

RESULTS = Path(__file__).parent / "results"
NAMES = ("gauss_newton", "linear", "taylor", "activation", "geometric_median", "magnitude", "random")
STEPS = 36  # of 2.5 % each, to 90 %
SCORED, REPAIRED = 10_000, 60_000  # images
TENTHS = range(1, 10)


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


def curve(model: keras.Model, name: str, recover: tuple[str, ...], train, test) -> list[float]:
    """The accuracy after every tenth of the neurons."""
    x, _ = train
    answers = model.predict(x, batch_size=1000, verbose=0).argmax(axis=1)
    found: list[float] = []

    def criterion(evidence):
        return CRITERIA[name]()(replace(evidence, limit=SCORED, seed=0))

    def in_steps(rounds, budget):
        state, neurons = rounds.start(), int((~rounds.graph.frozen).sum())
        for step in range(1, STEPS + 1):
            left = rounds.graph.channels() - round(neurons * 0.9 * step / STEPS)
            state = rounds.shrink(state, kp.Budget(channels=left))
            if step * 9 % STEPS == 0:
                found.append(accuracy(state.model, *test))
        return state

    kp.compress(
        model,
        kp.Budget(channels=0.99),
        criterion,
        in_steps,
        (x[:REPAIRED], answers[:REPAIRED]),
        recover=recover,
        batch_size=1000,
        verify=False,
    )
    return found


def table(result: dict) -> str:
    """Markdown: points of accuracy lost, criterion by criterion."""
    lines = ["# Neurons removed without labels and without training", ""]
    lines += [f"784-300-100-10 on MNIST, {100 * result['accuracy']:.2f} % on the test images; {result['machine']}."]
    lines += ["Points of accuracy lost after removing a share of the 400 hidden neurons in steps of 2.5 %.", ""]
    lines += [f"| criterion | recover | {' | '.join(f'{10 * tenth} %' for tenth in TENTHS)} |", "|---" * 11 + "|"]
    for row in result["curves"]:
        lost = " | ".join(f"{100 * (result['accuracy'] - value):.2f}" for value in row["accuracy"])
        lines.append(f"| {row['criterion']} | {row['recover'] or 'nothing'} | {lost} |")
    return "\n".join([*lines, ""])


def draw(result: dict, path: Path) -> None:
    """One curve per criterion, dashed without reconstruction."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    colours = {name: f"C{number}" for number, name in enumerate(NAMES)}
    for row in result["curves"]:
        values = [100 * result["accuracy"], *(100 * value for value in row["accuracy"])]
        label = row["criterion"] if row["recover"] else None
        axes.plot(
            range(0, 100, 10), values, "-" if row["recover"] else ":", color=colours[row["criterion"]], label=label
        )
    axes.set(
        xlabel="neurons removed (%)", ylabel="test accuracy (%)", title="solid: with least squares; dotted: without"
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=90)


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
    result |= {"accuracy": accuracy(model, *test), "curves": []}
    options.output.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        for recover in ("reconstruct", ""):
            values = curve(model, name, (recover,) if recover else (), train, test)
            result["curves"].append({"criterion": name, "recover": recover, "accuracy": values})
            print(name, recover, [round(100 * (result["accuracy"] - value), 2) for value in values], flush=True)
            write_text(options.output / "no_retraining_mnist.json", json.dumps(result, indent=1) + "\n")
    write_text(options.output / "no_retraining_mnist.md", table(result))
    with atomic_path(options.output / "no_retraining_mnist.png") as picture:
        draw(result, picture)
    print(table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a sensitivity scan costs, in passes of `evaluate` over the same images, on residual networks for CIFAR-10.

    python -m benchmarks.sensitivity_cost --data DIR [--only NAME ...] [--images 500]

DIR holds `cifar10/cifar10_lossless_subset.npz`, `mlperf_tiny/ic_resnet8_cifar10.keras` and
`cifar10_resnets/resnet20.npz`. A pass is the faster of two, after one that compiles; a scan has everything in it: to
open, trace, rank (by magnitude) and compile. Beside it stands a model rebuilt, compiled and evaluated for a point: the
mean of three. One point of each group is compared with `evaluate` of the slimmed model. Processor seconds.
"""

import keras
import numpy as np

import kerasprune as kp
from benchmarks import datasets
from benchmarks.cifar_resnets import DEVIATION, MEAN, residual_network, trained_weights
from benchmarks.harness import Results, about, arguments, measured_on, processor_seconds, table

NETWORKS = {"resnet8": datasets.RESNET8, "resnet20": datasets.RESNET20}
BATCH = 100


def case(folder, name: str, images: int) -> tuple:
    """A trained network and images that it was trained on, as it takes them."""
    arrays = datasets.arrays(folder, datasets.CIFAR10)
    x, y = arrays["x_train"][:images].astype("float32"), arrays["y_train"][:images].astype("int32")
    if name == "resnet8":
        model, logits = kp.load_model(folder / NETWORKS[name]), False
    else:
        model, logits = residual_network(trained_weights(folder, NETWORKS[name]), name), True
        x = ((x / 255 - MEAN) / DEVIATION).astype("float32")
    compiled(model, logits)
    return model, logits, (x, y)


def compiled(model: keras.Model, logits: bool) -> keras.Model:
    """The model with a loss."""
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=logits), metrics=["accuracy"])
    return model


def measure(folder, name: str, images: int) -> dict:
    """One network."""
    model, logits, data = case(folder, name, images)

    def evaluate():
        model.evaluate(*data, batch_size=BATCH, verbose=0)

    evaluate()
    one = min(processor_seconds(evaluate) for _ in range(2))
    found: list = []
    seconds = processor_seconds(lambda: found.append(kp.sensitivity(model, data, "magnitude", batch_size=BATCH)))
    (scan,), graph = found, kp.trace(model)
    scores, differences, rebuilt = kp.score(model, graph, "magnitude"), [], []
    for group, curve in list(zip(graph.free_groups, scan.curves, strict=True))[:3]:
        keep = graph.keep_all()
        order = group.ids[np.argsort(scores[group.ids], kind="stable")]
        keep[order[: group.width - curve.kept[4]]] = False
        losses: list[float] = []
        rebuilt.append(
            processor_seconds(lambda k=keep, into=losses: into.append(loss_of_slimmed(model, k, logits, data)))
        )
        differences.append(abs(losses[0] - curve.loss[4]))
    if max(differences) > 1e-3:
        raise AssertionError(f"{name}: the scan differs from the slimmed models by {max(differences)}.")
    points = sum(len(curve.kept) for curve in scan.curves)
    return {
        "network": name,
        "images": images,
        "groups": len(scan.curves),
        "points": points,
        "evaluate": one,
        "scan": seconds,
        "rebuilt": float(np.mean(rebuilt)),
        "difference": max(differences),
    }


def loss_of_slimmed(model: keras.Model, keep: np.ndarray, logits: bool, data: tuple) -> float:
    """What a point costs that is built, compiled and evaluated; the loss without penalties on weights."""
    small = compiled(kp.slim(model, kp.trace(model), keep), logits)
    loss = small.evaluate(*data, batch_size=BATCH, verbose=0)[0]
    return loss - sum(float(keras.ops.convert_to_numpy(penalty)) for penalty in small.losses)


def lines(rows: list[dict]) -> list[str]:
    """Markdown."""
    titles = ("network", "images", "groups", "points", "one evaluate", "scan", "in passes", "passes a point")
    titles += ("rebuilt and evaluated, a point",)
    cells = (
        (
            row["network"],
            row["images"],
            row["groups"],
            row["points"],
            f"{row['evaluate']:.2f} s",
            f"{row['scan']:.1f} s",
            f"{row['scan'] / row['evaluate']:.0f}",
            f"{row['scan'] / row['evaluate'] / row['points']:.2f}",
            f"{row['rebuilt']:.2f} s",
        )
        for row in rows
    )
    return [
        "# What a sensitivity scan costs",
        "",
        "Processor seconds; a scan with all that it needs (to open, rank, trace, compile). Its points equal the losses",
        f"of slimmed models (largest difference {max(row['difference'] for row in rows):.1e}). {measured_on(rows)}",
        "",
        *table(titles, cells),
    ]


def main() -> None:
    """Measure and write."""
    parser = arguments(__doc__, needs=(datasets.CIFAR10, *NETWORKS.values()), only=NETWORKS)
    parser.add_argument("--images", type=int, default=500)
    options = parser.parse_args()
    results = Results(options.output, "sensitivity_cost")
    rows = [{**measure(options.data, name, options.images), **about()} for name in options.only]
    results.write({"rows": rows}, lines(rows))
    results.show()


if __name__ == "__main__":
    main()

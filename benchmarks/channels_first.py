"""Channels-first networks on a processor that can run them and on one that cannot.

    python -m benchmarks.channels_first [--size 96] [--samples 32] [--only NAME ...]

ResNet50, MobileNetV2 and a U-Net in channels first, random weights and images, are compressed to half of their
multiply-accumulates with data and `reconstruct`, verified, exported as float32 and int8, and gated for two epochs; each
in a process of its own with TensorFlow's oneDNN on, where a CPU runs convolutions in channels first, and off, where it
does not. The script fails where the two do not keep the same channels, or where the outputs of
what they end with are further apart than rounding.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.harness import Results, about, arguments, in_child, measured_on, table

NETWORKS = ("ResNet50", "MobileNetV2", "U-Net")
ROUNDING = 1e-4


def network(name: str, size: int):
    """The network, in channels first."""
    import keras

    keras.utils.set_random_seed(0)
    keras.config.set_image_data_format("channels_first")
    if name == "U-Net":
        return u_net(size)
    return getattr(keras.applications, name)(weights=None, input_shape=(3, size, size), classes=10)


def u_net(size: int):
    """Three levels of two convolutions down and up, each level handed across."""
    import keras
    from keras import layers

    def block(x, filters):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization(axis=1)(x))
        return x

    image = x = keras.Input((3, size, size))
    levels = []
    for filters in (16, 32, 64):
        x = block(x, filters)
        levels.append(x)
        x = layers.MaxPooling2D()(x)
    x = block(x, 128)
    for filters, level in zip((64, 32, 16), reversed(levels), strict=True):
        x = layers.Conv2DTranspose(filters, 2, strides=2, use_bias=False)(x)
        x = block(layers.Concatenate(axis=1)([x, level]), filters)
    return keras.Model(image, layers.Conv2D(2, 1, activation="sigmoid", use_bias=False)(x))


class Work:
    """One network with its data."""

    def __init__(self, name: str, size: int, samples: int):

        self.model = network(name, size)
        rng = np.random.default_rng(0)
        self.x = rng.random((samples, 3, size, size), dtype="float32")
        self.y, self.loss = rng.integers(0, 10, samples), "sparse_categorical_crossentropy"
        if name == "U-Net":
            self.y, self.loss = rng.random((samples, *self.model.output_shape[1:]), dtype="float32"), "mse"
        self.compile(self.model)

    def compile(self, model) -> None:
        """Make it ready to be trained and evaluated."""
        import keras

        model.compile(keras.optimizers.SGD(1e-3), self.loss)

    def files(self, model) -> dict:
        """The model as float32 and as int8: bytes, and the difference to Keras."""
        import kerasprune as kp

        found = {}
        with tempfile.TemporaryDirectory() as folder:
            for recipe, data in (("float32", None), ("int8", self.x)):
                path = Path(folder) / f"{recipe}.tflite"
                done = kp.export(model, path, recipe=recipe, data=data)
                found[recipe] = {"bytes": path.stat().st_size, "difference": done.difference}
        return found


def measure(name: str, size: int, samples: int, weights: Path) -> dict:
    """Everything that is asked of one network, in this process; the weights of the small one are written."""
    import kerasprune as kp

    work = Work(name, size, samples)
    model, budget = work.model, kp.Budget(flops=0.5)
    ways = {"criterion": "magnitude", "data": (work.x, work.y), "recover": "reconstruct", "round_to": 1}
    result = kp.compress(model, budget, **ways)
    graph = kp.trace(model)
    cut = kp.slim(model, graph, result.keep)
    difference = kp.verify(model, graph, result.keep, cut)
    files = work.files(result.model)
    gated = kp.gate(model, "gumbel", budget=budget)
    work.compile(gated)
    fit = {"batch_size": samples // 4, "epochs": 2, "verbose": 0}
    history = gated.fit(work.x, work.y, **fit).history
    with_gates = kp.slim(gated)
    outputs = kp.channels_last(result.model).predict(work.x, verbose=0)
    np.savez(weights, *result.model.get_weights(), outputs=outputs)
    return {
        "keep": np.flatnonzero(result.keep).tolist(),
        "layouts": sorted({layer.data_format for layer in result.model.layers if hasattr(layer, "data_format")}),
        "difference": float(difference),
        "files": files,
        "gated": {"hard_flops": history["hard_flops"], "params": with_gates.count_params()},
        **about(),
    }


def compare(name: str, size: int, samples: int) -> dict:
    """One network with oneDNN and without."""
    rows, found = [], []
    with tempfile.TemporaryDirectory() as folder:
        for onednn in "10":
            path = Path(folder) / f"{onednn}.npz"
            words = ("--here", name, "--size", size, "--samples", samples, "--weights", path)
            rows.append(in_child("benchmarks.channels_first", *words, TF_ENABLE_ONEDNN_OPTS=onednn))
            with np.load(path, allow_pickle=False) as file:
                found.append(dict(file))
    on, off = rows
    return {
        "network": name,
        "differing": len(set(on.pop("keep")) ^ set(off.pop("keep"))),
        "outputs": apart(*({"outputs": arrays.pop("outputs")} for arrays in found)),
        "weights": apart(*found),
        "on": on,
        "off": off,
        "machine": on["machine"],
        "versions": off["versions"],
    }


def apart(one: dict, other: dict) -> float:
    """The norm of all differences over that of all values."""
    differences, values = [], []
    for name in one:
        differences.append(np.linalg.norm(one[name] - other[name]))
        values.append(np.linalg.norm(one[name]))
    return float(np.linalg.norm(differences) / np.linalg.norm(values))


def lines(rows: list[dict], size: int, samples: int):
    """The results as Markdown."""
    yield "# Channels first, where TensorFlow can run it and where it cannot"
    yield ""
    yield f"{samples} random images of {size} x {size}, random weights, half of the multiply-accumulates, `magnitude`"
    yield "with `reconstruct`. *Weights*, *outputs*: the norm of the difference between the results with and without"
    yield "oneDNN over their norm, for all weights of the small network together and for its outputs. Where a layer"
    yield "reads more values than there are rows for its least squares, rounding decides what its data does not."
    yield f"The files and the layout are those without oneDNN. {measured_on(rows)}"
    yield ""
    titles = [
        "network",
        "other channels",
        "weights",
        "outputs",
        "masked against slim",
        "float32 file",
        "int8 file",
        "layout",
    ]
    yield from table(titles, map(cells, rows))


def cells(row: dict) -> list[str]:
    """One row of the table."""
    off = row["off"]
    files = (f"{off['files'][recipe]['difference']:.1e}" for recipe in ("float32", "int8"))
    between = f"{row['weights']:.1e}", f"{row['outputs']:.1e}"
    measured = (row["network"], str(row["differing"]), *between, f"{off['difference']:.1e}")
    return [*measured, *files, ", ".join(off["layouts"])]


def main() -> None:
    """Measure, write and compare."""
    parser = arguments(__doc__, only=NETWORKS)
    parser.add_argument("--size", type=int, default=96, help="height and width of the images")
    parser.add_argument("--samples", type=int, default=32, help="number of images")
    parser.add_argument("--here", choices=NETWORKS, help=argparse.SUPPRESS)
    parser.add_argument("--weights", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options.here, options.size, options.samples, options.weights)))
        return
    results = Results(options.output, "channels_first")
    rows = [compare(name, options.size, options.samples) for name in options.only]
    results.write(
        {"size": options.size, "samples": options.samples, "rows": rows}, lines(rows, options.size, options.samples)
    )
    results.show()
    wrong = [row["network"] for row in rows if row["differing"] or row["outputs"] > ROUNDING]
    if wrong:
        raise SystemExit(f"With and without oneDNN, {', '.join(wrong)} became different.")


if __name__ == "__main__":
    main()

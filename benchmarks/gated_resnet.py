"""Halve the multiply-accumulates of a trained ResNet-20 on CIFAR-10: gates against magnitude, with the same epochs.

    python -m benchmarks.gated_resnet --data DIR [--images 15000] [--epochs 4] [--seeds 1]

DIR holds `cifar10/cifar10_jpegq75.npz` and `cifar10_resnets/resnet20.npz`. Both ways start from the trained weights,
take the same augmented images in the same order and the same learning rates: the gates learn during all epochs;
magnitude cuts once before them. A run that is in the results already is not repeated.
"""

import io
import statistics
import time
from pathlib import Path

import keras
import numpy as np
from PIL import Image

import kerasprune as kp
from benchmarks import datasets
from benchmarks.cifar_resnets import normalised, residual_network, trained_weights
from benchmarks.harness import Results, about, arguments, measured_on, table

BATCH_SIZE = 128
BUDGET = kp.Budget(flops=0.5)


class Images(keras.utils.PyDataset):
    """Shuffled batches, flipped left to right with probability 1/2 and shifted by up to four pixels."""

    def __init__(self, images: np.ndarray, classes: np.ndarray, seed: int):
        super().__init__()
        self.padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
        self.classes = classes
        self.rng = np.random.default_rng(seed)
        self.order = self.rng.permutation(len(images))

    def __len__(self) -> int:
        return len(self.padded) // BATCH_SIZE

    def __getitem__(self, index: int):
        rows = self.order[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
        shifts = self.rng.integers(0, 9, (len(rows), 2))
        x = np.stack([self.padded[row, i : i + 32, j : j + 32] for row, (i, j) in zip(rows, shifts, strict=True)])
        flipped = self.rng.random(len(x)) < 0.5
        return np.where(flipped[:, None, None, None], x[:, :, ::-1], x), self.classes[rows]

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.padded))


def load(folder: Path, train: int, test: int) -> tuple[dict, tuple]:
    """Trained weights, and so many normalised images of each part."""
    archive = datasets.arrays(folder, datasets.CIFAR10_JPEG)
    header, parts = archive["header"].tobytes(), []
    for part, count in (("train", train), ("test", test)):
        scan, offsets = archive[f"{part}_scan"].tobytes(), archive[f"{part}_offset"]
        pairs = zip(offsets[:count], offsets[1 : count + 1], strict=False)
        pictures = [np.asarray(Image.open(io.BytesIO(header + scan[start:end]))) for start, end in pairs]
        pixels = normalised(np.stack(pictures))
        parts += [pixels, archive[f"y_{part}"][: len(pixels)].astype("int32")]
    return trained_weights(folder, datasets.RESNET20), tuple(parts)


def run(way: str, arrays, images: tuple, epochs: int, seed: int) -> dict:
    """One network made smaller in one way: its accuracy and its cost."""
    keras.utils.set_random_seed(seed)
    model = residual_network(arrays, "resnet20")
    graph = kp.trace(model)
    x, y, x_test, y_test = images
    if way == "magnitude":
        trained = kp.slim(model, graph, kp.select(graph, kp.score(model, graph, "magnitude"), BUDGET))
    else:
        trained = kp.gate(model, way, budget=BUDGET, seed=seed)
    batches = Images(x, y, seed)
    rate = keras.optimizers.schedules.CosineDecay(0.02, epochs * len(batches))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(keras.optimizers.SGD(rate, momentum=0.9, nesterov=True), loss, metrics=["accuracy"])
    start = time.perf_counter()
    trained.fit(batches, epochs=epochs, verbose=0)
    seconds = time.perf_counter() - start
    small = trained if way == "magnitude" else kp.slim(trained)
    small.compile("sgd", loss, metrics=["accuracy"])
    after = kp.trace(small)
    return {
        "way": way,
        "seed": seed,
        "epochs": epochs,
        "images": len(x),
        "tested_on": len(x_test),
        "accuracy": 100 * small.evaluate(x_test, y_test, batch_size=500, verbose=0)[1],
        "macs": after.macs() / graph.macs(),
        "params": small.count_params() / model.count_params(),
        "widths": [group.width for group in after.groups],
        "seconds": round(seconds),
        **about(),
    }


def lines(rows: list[dict]) -> list[str]:
    """Markdown: one line for each run, and the medians."""
    cells = [
        (
            row["way"],
            row["seed"],
            f"{row['epochs']} x {row['images']:,}",
            f"{row['accuracy']:.2f} %",
            f"{100 * row['macs']:.1f} %",
            f"{100 * row['params']:.1f} %",
            " ".join(map(str, row["widths"])),
        )
        for row in rows
    ]
    found = [
        "# ResNet-20 on CIFAR-10 at half the multiply-accumulates",
        "",
        "Images are JPEG copies of CIFAR-10 (quality 75), on which the trained network has 81.0 % before any training",
        f"on them. {measured_on(rows)}",
        "",
        *table(("way", "seed", "epochs x images", "accuracy", "MACs", "parameters", "widths"), cells),
        "",
    ]
    for way in sorted({row["way"] for row in rows}):
        accuracy = [row["accuracy"] for row in rows if row["way"] == way]
        found.append(f"{way}: median accuracy {statistics.median(accuracy):.2f} % over {len(accuracy)} runs.  ")
    return found


def main() -> None:
    """Run what is missing, and write the table after each run."""
    parser = arguments(__doc__, needs=(datasets.CIFAR10_JPEG, datasets.RESNET20))
    parser.add_argument("--ways", nargs="+", default=["gumbel", "magnitude"])
    parser.add_argument("--images", type=int, default=15000, help="training images")
    parser.add_argument("--test-images", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    arrays, images = load(options.data, options.images, options.test_images)
    results = Results(options.output, "gated_resnet")
    for seed in range(options.seeds):
        for way in options.ways:
            rows = results.rows()
            key = {"way": way, "seed": seed, "epochs": options.epochs, "images": options.images}
            if any(key.items() <= row.items() for row in rows):
                continue
            rows.append(run(way, arrays, images, options.epochs, seed))
            results.write({"rows": rows}, lines(rows))
    results.show()


if __name__ == "__main__":
    main()

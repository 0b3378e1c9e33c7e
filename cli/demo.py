"""`kerasprune demo`: the whole way from a trained network to small TFLite files, offline, every figure measured."""

import dataclasses
import math
import time
from collections.abc import Iterable
from pathlib import Path

import click

from kerasprune_cli.compress import report_paths
from kerasprune_cli.console import print_json, print_table, say
from kerasprune_cli.data import Samples
from kerasprune_cli.files import OutputFolder
from kerasprune_cli.lazy import core, keras, kp, models, report, tflite
from kerasprune_cli.options import json_option, seed_option
from kerasprune_cli.training import accuracy, tuner

FLOPS, ROUND_TO, CRITERION = 0.5, 16, "magnitude"
REPAIRED_ON = 1024  # images
EPOCHS, LEARNING_RATE = 5, 1e-3
RUNS, WARMUP = 1000, 50


@dataclasses.dataclass(frozen=True)
class Row:
    """One network, as the TFLite file that was made of it.

    Attributes:
        name: What it is.
        file: Name of the TFLite file.
        accuracy: Share of the test images that the file classifies rightly.
        params: Parameters of the Keras model.
        macs: Multiply-accumulates for one image.
        size: Bytes of the file.
        median_ms: Median latency of one image.
        p90_ms: Nine of ten runs took at most this long.
        speedup: Median of the dense float32 file over this one's, both timed alternately in one run.
        difference: Largest difference of the file's outputs to those of the Keras model, relative to their range.
    """

    name: str
    file: str
    accuracy: float
    params: int
    macs: int
    size: int
    median_ms: float
    p90_ms: float
    speedup: float
    difference: float


@click.command("demo")
@click.option("-o", "--output", type=OutputFolder(), help="Keep the models and the report in this folder.")
@seed_option
@json_option
def command(output, seed, as_json):
    """Compress the shipped network and compare it with the dense one, offline.

    A convolutional network, trained on Fashion-MNIST, loses half of its multiply-accumulates, is verified, repaired by
    least squares without labels or training, fine-tuned on 4,000 images and exported to TFLite, in float32 and in int8.
    Every figure is measured here and now, the accuracy on 2,000 test images that no training has seen.
    """
    start = time.perf_counter()
    with core.temporary_folder() as folder:
        result = run(folder, seed)
        if output is not None:
            keep_files(folder, output)
    result["seconds"] = round(time.perf_counter() - start, 1)
    if as_json:
        print_json(result)
    else:
        _print(result)
    if output is not None:
        say(f"The models and the report are in {output}.")


def run(folder: Path, seed: int) -> dict:
    """Do the work, with all files in `folder`; returns what was measured as plain data."""
    tflite.assert_installed()  # half of the work comes before the first export
    keras.utils.set_random_seed(seed)  # before the model is loaded: its dropout takes a seed when it is made
    with models.fashion_cnn() as path:
        dense = kp.load_model(path)
    train, test = _images()
    say(f"Cutting {dense.name} to {FLOPS:.0%} of its multiply-accumulates ...")
    budget = kp.Budget(flops=FLOPS)
    compression = kp.compress(dense, budget, CRITERION, round_to=ROUND_TO, seed=seed)
    graph, keep, small = kp.trace(dense), compression.keep, compression.model
    difference = kp.verify(dense, graph, keep, small, test.x)
    say(f"Repairing by least squares on {REPAIRED_ON} images, without their labels ...")
    repaired = kp.reconstruct(dense, graph, keep, small, train.x, limit=REPAIRED_ON)
    say(f"Fine-tuning on {train.size} images ...")
    tuned = tuner(train, epochs=EPOCHS, learning_rate=LEARNING_RATE, loss=None, seed=seed)(kp.slim(repaired))
    kp.save_model(tuned, folder / "small.keras")
    networks = (
        ("dense", dense, "float32"),
        ("slimmed, as cut", small, "float32"),
        ("slimmed, repaired", repaired, "float32"),
        ("slimmed, fine-tuned", tuned, "float32"),
        ("dense int8", dense, "int8"),
        ("slimmed, fine-tuned, int8", tuned, "int8"),
    )
    rows = measure(networks, train, test, folder, seed)
    processor = tflite.this_processor()
    told = dataclasses.replace(compression.report, files=tuple(_as_file(row, str(processor)) for row in rows))
    for path in report_paths(folder / "small.keras"):
        told.save(path)
    return {
        "processor": dataclasses.asdict(processor),
        "seed": seed,
        "masked_versus_slimmed": difference,
        "test_images": test.size,
        "repair_images": REPAIRED_ON,
        "finetune_images": train.size,
        "finetune_epochs": EPOCHS,
        "threads": 1,
        "warmup": WARMUP,
        "runs": RUNS,
        "networks": [dataclasses.asdict(row) for row in rows],
    }


def _images() -> tuple[Samples, Samples]:
    """Those that the network may be repaired and trained on, and those that it is tested on."""
    images = models.fashion_mnist()
    train = Samples(images.x_train.astype("float32"), images.y_train)
    return train, Samples(images.x_test.astype("float32"), images.y_test)


def measure(networks: Iterable[tuple], train: Samples, test: Samples, folder: Path, seed: int) -> list[Row]:
    """Export every network, run its file on the test images and time it against the first one.

    Args:
        networks: Name, Keras model and recipe of each.
        train: Calibrates int8.
        test: Measures the accuracy.
        folder: Where the TFLite files go.
        seed: Chooses the samples for calibration.
    """
    rows, baseline = [], None
    for name, model, recipe in networks:
        say(f"Exporting and measuring: {name} ...")
        path = folder / f"{name.replace(',', '').replace(' ', '_')}.tflite"
        exported = kp.export(model, path, recipe, train.x, seed=seed)
        baseline = baseline or path
        timed = kp.benchmark(path, baseline, warmup=WARMUP, runs=RUNS, seed=seed)
        runner = tflite.Runner(path)
        rows.append(
            Row(
                name=name,
                file=path.name,
                accuracy=accuracy(lambda x, runner=runner: next(iter(runner(x).values())), test),
                params=model.count_params(),
                macs=round(kp.trace(model).macs()),
                size=exported.size,
                median_ms=timed.model.median_ms,
                p90_ms=timed.model.p90_ms,
                speedup=timed.speedup,
                difference=exported.max_difference,
            )
        )
    return rows


def _as_file(row: Row, processor: str):
    """A network as the report lists it."""
    return report.ExportedFile(
        name=row.file,
        recipe="int8" if row.name.endswith("int8") else "float32",
        size=row.size,
        difference=row.difference,
        quality={"accuracy": row.accuracy},
        median_ms=row.median_ms,
        p90_ms=row.p90_ms,
        speedup=row.speedup,
        processor=processor,
    )


def keep_files(source: Path, target: Path) -> None:
    """Copy every file of `source` to `target`, all of them or none."""
    target.mkdir(exist_ok=True)
    files = sorted(source.iterdir())
    with core.atomic_paths(*(target / file.name for file in files)) as copies:
        for file, copy in zip(files, copies, strict=True):
            copy.write_bytes(file.read_bytes())


def _print(result: dict) -> None:
    rows = [Row(**row) for row in result["networks"]]
    print_table(
        ("Fashion-MNIST network", "accuracy", "parameters", "MACs", "file", "latency", "speed", "file vs Keras"),
        [
            (
                row.name,
                f"{row.accuracy:.2%}",
                f"{row.params:,}",
                f"{row.macs:,}",
                f"{row.size / 1024:,.0f} KiB",
                f"{row.median_ms:.3f} ms",
                f"{row.speedup:.2f} x",
                f"{row.difference:.1e}",
            )
            for row in rows
        ],
    )
    processor = tflite.Processor(**result["processor"])
    share, count = rows[0].accuracy, result["test_images"]
    error = math.sqrt(share * (1 - share) / count)
    click.echo(
        f"Accuracy of the TFLite files on {count:,} test images, standard error about {error:.1%}. The repair by least "
        f"squares saw {result['repair_images']:,} training images without labels; the fine-tuning "
        f"{result['finetune_images']:,} with labels for {result['finetune_epochs']} epochs; the dense network was "
        "trained on 60,000.\n"
        f"Latency: median of {result['runs']:,} runs on {result['threads']} thread of {processor}, each "
        "file timed alternately with the dense float32 one; speed is the ratio.\n"
        f"Verified: as cut, the slimmed network differs from the masked dense one by at most "
        f"{result['masked_versus_slimmed']:.1g} of the outputs' scale; every file was compared with its Keras model "
        f"(last column). {result['seconds']:.0f} s in all."
    )

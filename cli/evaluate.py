"""`kerasprune evaluate`: how good a Keras model or a TFLite file is on labelled data."""

from types import SimpleNamespace

import click

from kerasprune_cli.console import alive, print_json, print_table
from kerasprune_cli.data import read_data
from kerasprune_cli.errors import BadInput
from kerasprune_cli.files import InputFile
from kerasprune_cli.lazy import keras, kp, tflite
from kerasprune_cli.models import ModelFile, open_model
from kerasprune_cli.options import data_options, json_option, model_argument


@click.command("evaluate")
@model_argument
@data_options("Labelled inputs; of the parts train and test, test is measured on.")
@click.option(
    "--like",
    type=InputFile(),
    metavar="MODEL",
    help="For a TFLite file, the model that it was made from: it is judged by what that is compiled with.",
)
@click.option("--limit", type=click.IntRange(1), help="Measure on the first so many samples.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of a TFLite file.")
@json_option
def command(model_file, source, pixel_range, like, limit, threads, as_json):
    """Measure MODEL, a Keras model or a .tflite file, on labelled data."""
    if source is None:
        raise BadInput("Name the labelled data with --data.")
    is_file = model_file.path.suffix == ".tflite"
    if like is not None and not is_file:
        raise BadInput("--like is for a .tflite file; a Keras model is judged by what it is compiled with itself.")
    model = _borders(model_file.path) if is_file else open_model(model_file)
    parts = read_data(source, model, pixel_range)
    data = (parts.test or parts.train).head(limit)
    if data.y is None:
        raise BadInput(f"{source!r} holds no labels; give the array y, or one folder of images per class.")
    judge = None if like is None else open_model(ModelFile(like, model_file.custom, model_file.trust))
    with alive("Measuring"):
        found = kp.evaluate(model_file.path if is_file else model, data.pair, like=judge, threads=threads)
    if as_json:
        print_json({"samples": data.size, **found})
        return
    print_table(("measure", "value"), [(name, f"{value:.6g}") for name, value in found.items()])
    click.echo(f"{model_file.path} on {data.size:,} samples.")


def _borders(path):
    """What data is read for, where the model is a TFLite file: its inputs and outputs, as a Keras model has them."""
    runner = tflite.Runner(path)
    inputs, outputs = (
        [
            keras.KerasTensor(
                (None, *(None if size == -1 else int(size) for size in detail["shape_signature"][1:])),
                _dtype(detail),
                name=name,
            )
            for name, detail in details.items()
        ]
        for details in (runner.inputs, runner.outputs)
    )
    return SimpleNamespace(inputs=inputs, outputs=outputs, input_shape=inputs[0].shape)


def _dtype(detail) -> str:
    """The type of the values that an input takes: real numbers where their scale is not 1."""
    scale, _ = detail["quantization"]
    return detail["dtype"].__name__ if scale in (0, 1) else "float32"

"""`kerasprune export`: a Keras model as a checked TFLite file."""

import dataclasses
import json
from pathlib import Path

import click

from kerasprune_cli.console import alive, print_json, print_table, say
from kerasprune_cli.data import read_data
from kerasprune_cli.errors import BadInput
from kerasprune_cli.files import InputFile, OutputFile, overwrite_option, require_other
from kerasprune_cli.lazy import core, kp, recipes
from kerasprune_cli.models import open_model
from kerasprune_cli.options import data_options, json_option, model_argument, seed_option
from kerasprune_cli.variants import build, list_option, variant_options


@click.command("export")
@model_argument
@click.option("-o", "--output", type=OutputFile(".tflite"), help="The file to write.")
@overwrite_option
@variant_options("recipe", "float32", "samples=500", several="the first whose file holds its accuracy")
@list_option(recipes="RECIPES")
@data_options("Representative inputs to calibrate int8 on and to compare with Keras on; labels say what that costs.")
@click.option("--verify/--no-verify", default=True, show_default=True, help="Compare the file with Keras.")
@click.option(
    "--batch-size", type=click.IntRange(0), default=1, show_default=True, help="Samples per call; 0 leaves it open."
)
@click.option(
    "--layout",
    type=click.Choice(["channels_last", "own"]),
    default="channels_last",
    show_default=True,
    help="Of a model with channels first: where the file has the channels of its images, last or as the model does.",
)
@click.option("--layer-errors", is_flag=True, help="Print how far every layer is from a float32 file.")
@click.option(
    "--metadata",
    "about",
    type=InputFile(),
    metavar="FILE.json",
    help="What the file shall say about itself, such as its labels: one JSON object.",
)
@click.option(
    "--c-source",
    type=OutputFile(".cc"),
    metavar="FILE.cc",
    help="Write the file as C++ source, too, with the arena and the ops of a microcontroller's program in FILE.h.",
)
@click.option("--dry-run", is_flag=True, help="Convert and compare, but write nothing.")
@seed_option
@json_option
def command(
    model_file,
    output,
    overwrite,
    recipe,
    recipe_settings,
    source,
    pixel_range,
    batch_size,
    about,
    c_source,
    dry_run,
    seed,
    as_json,
    **options,
):
    """Write MODEL as a TFLite file of built-in ops, and check that it computes what Keras computes."""
    if output is None and not dry_run:
        raise BadInput("Name the file to write with -o FILE.tflite, or use --dry-run.")
    if not dry_run:
        require_other(output, model_file.path, overwrite)
    recipe = [build(recipes.RECIPES, name.strip(), recipe_settings) for name in recipe.split(",")]
    model = open_model(model_file)
    data = None if source is None else read_data(source, model, pixel_range).train.pair
    with core.temporary_folder() as folder:
        target = folder / "model.tflite" if dry_run else output
        with alive("Converting"):
            options["metadata"] = None if about is None else _json_object(about)
            result = kp.export(model, target, recipe, data, batch_size=batch_size or None, seed=seed, **options)
        source = None if c_source is None or dry_run else kp.c_source(target, c_source)
    if as_json:
        print_json(as_data(result, None if dry_run else output))
        return
    compared = "not compared with Keras"
    if result.max_difference is not None:
        compared = f"differs from Keras by at most {result.max_difference:.2g} of the output's range"
    click.echo(f"{result.recipe}: {result.size:,} bytes, {sum(result.ops.values())} ops, {compared}.")
    if result.answers.said():
        click.echo(f"Answers: {result.answers.said()}.")
    if result.layer_errors:
        rows = [(row.layer, row.op, f"{row.error:.2g}", f"{row.rise:.2g}") for row in result.layer_errors]
        print_table(("layer", "op", "error", "of its own"), rows)
    if source is not None:
        found = "measured" if source.arena.is_measured else "estimated"
        click.echo(f"{source.path} needs an arena of {source.arena.size:,} bytes ({found}) and {len(source.ops)} ops.")
    if result.layout == "channels_last":
        takes = ", ".join(f"{name} {shape}" for name, shape in result.inputs.items())
        click.echo(f"The file takes channels last: {takes}. --layout own makes one that takes what the model does.")
    say("Nothing was written (--dry-run)." if dry_run else f"Wrote {output}.")


def _json_object(path: Path) -> dict:
    """The JSON object in a file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"--metadata {path} is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise BadInput(f"--metadata {path} must hold one JSON object. Received: {type(found).__name__}.")
    return found


def as_data(result, output: Path | None) -> dict:
    """An export's result as plain data; `output` is None where nothing was kept."""
    return {
        "output": None if output is None else str(output),
        "recipe": result.recipe,
        "size": result.size,
        "max_difference": result.max_difference,
        "ops": dict(result.ops),
        "layout": result.layout,
        "inputs": {name: list(shape) for name, shape in result.inputs.items()},
        "answers": dataclasses.asdict(result.answers),
        "remarks": list(result.remarks),
        "layer_errors": [dataclasses.asdict(row) for row in result.layer_errors],
    }

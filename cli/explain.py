"""`kerasprune explain`: what a sparse network of dense layers has learned, read off its weights."""

import importlib.util

import click

from kerasprune_cli.console import alive, print_json
from kerasprune_cli.errors import BadInput
from kerasprune_cli.files import OutputFolder
from kerasprune_cli.lazy import core, kp
from kerasprune_cli.models import open_model
from kerasprune_cli.options import json_option, model_argument


@click.command("explain")
@model_argument
@click.option(
    "-o", "--output", type=OutputFolder(), metavar="DIR", help="Write the findings as JSON, and pictures of them, here."
)
@json_option
def command(model_file, output, as_json):
    """Show which inputs MODEL (.keras or .h5) uses, what is connected with what, and which inputs are symmetric.

    For networks of dense layers with zeros in their weights: fit a model from `sparsify` and `strip` it first.
    """
    model = open_model(model_file)
    with alive("Reading the weights"):
        found = kp.explain(model)
    if output is not None:
        _write(found, output, model_file.path.stem)
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(found)


def _write(found, folder, name: str) -> None:
    """The JSON and every picture there is, named after the model: all of them, or none."""
    if importlib.util.find_spec("matplotlib") is None:
        raise BadInput("Pictures need matplotlib; install it: pip install 'kerasprune[plot]'.")
    folder.mkdir(exist_ok=True)
    kinds = core.plots_of(found)
    names = (f"{name}.{end}" for end in ("explain.json", *(f"{kind}.png" for kind in kinds)))
    with core.atomic_paths(*(folder / name for name in names)) as (findings, *pictures):
        found.save(findings)
        for kind, picture in zip(kinds, pictures, strict=True):
            kp.plot(found, kind, picture)

"""`kerasprune sensitivity`: how much a model feels what each of its parts loses."""

import importlib.util
import json

import click

from kerasprune_cli.console import alive, print_json, say
from kerasprune_cli.data import read_data
from kerasprune_cli.errors import BadInput
from kerasprune_cli.files import OutputFile
from kerasprune_cli.lazy import criteria, kp
from kerasprune_cli.models import open_model
from kerasprune_cli.options import data_options, json_option, model_argument, seed_option
from kerasprune_cli.training import require_loss
from kerasprune_cli.variants import build, list_option, variant_options


@click.command("sensitivity")
@model_argument
@data_options("Samples with labels, on which the model is measured.")
@click.option(
    "--samples", type=click.IntRange(1), default=1024, show_default=True, help="Measure on at most this many samples."
)
@click.option(
    "--of",
    type=click.Choice(["channels", "weights"]),
    default="channels",
    show_default=True,
    help="What is cut: channels of a group, or single weights of a kernel by magnitude.",
)
@variant_options("criterion", "taylor", "p=2")
@list_option(criteria="CRITERIA")
@click.option("--metric", help="Metric by its name; else what outputs and labels ask for.")
@click.option("--loss", help="Loss by its Keras name, where the model was saved without one.")
@click.option("--plot", type=OutputFile(".png"), metavar="FILE", help="Draw the curves into this picture.")
@click.option("-o", "--output", type=OutputFile(".json"), metavar="FILE", help="Write the curves as JSON.")
@seed_option
@json_option
def command(model_file, source, pixel_range, samples, of, metric, loss, plot, output, seed, as_json, **options):
    """Show how loss and metric of MODEL change when each of its groups of channels alone keeps less and less.

    Nothing is trained or repaired. What loses little can go first; protect what loses much.
    """
    if source is None:
        raise BadInput("A scan measures on labelled data: name it with --data.")
    if plot is not None and importlib.util.find_spec("matplotlib") is None:
        raise BadInput("Pictures need matplotlib; install it: pip install 'kerasprune[plot]'.")
    if loss is not None:
        require_loss(loss)
    criterion = None
    if of == "channels":
        criterion = build(criteria.CRITERIA, options["criterion"], options["criterion_settings"])
    model = open_model(model_file)
    data = read_data(source, model, pixel_range).train
    with alive("Cutting one part after the other"):
        found = kp.sensitivity(
            model,
            data.pair,
            criterion,
            of=of,
            metric=metric,
            loss=loss,
            limit=samples,
            seed=seed,
            progress=True,
        )
    for path, write in ((output, found.save), (plot, found.plot)):
        if path is not None:
            write(path)
    if as_json:
        print_json(json.loads(found.to_json()))
        return
    click.echo(found)
    written = [str(path) for path in (output, plot) if path is not None]
    if written:
        say(f"Wrote {' and '.join(written)}.")

"""`kerasprune inspect`: what can be removed from a model, what cannot, and why."""

import click

from kerasprune_cli.console import alive, print_json, print_table
from kerasprune_cli.lazy import kp
from kerasprune_cli.models import open_model
from kerasprune_cli.options import json_option, model_argument


@click.command("inspect")
@model_argument
@click.option("--group", help="Explain one group: what is tied to what, and who reads it.")
@json_option
def command(model_file, group, as_json):
    """Show what can be removed from MODEL (.keras or .h5), what cannot, and why.

    Channels that must live or die together form one group, named after the layer that makes them. Costs are per
    layer, for one sample: parameters and multiply-accumulates (MACs).
    """
    model = open_model(model_file)
    with alive("Tracing"):
        graph = kp.trace(model)
    if group is not None:
        click.echo(graph.explain(group))
    elif as_json:
        print_json(summary(model, graph))
    else:
        print_table(("layer", "params", "MACs"), _cost_rows(graph))
        click.echo(graph)


def summary(model, graph) -> dict:
    """Everything that `inspect` tells, as plain data."""
    layers = graph.cost_table.per_layer(graph.keep_all())
    return {
        "model": model.name,
        "params": round(graph.params()),
        "macs": round(graph.macs()),
        "input_shapes": [list(shape) for shape in graph.input_shapes],
        "channels": graph.channels(),
        "removable_channels": sum(group.width for group in graph.free_groups),
        "groups": [
            {
                "name": group.name,
                "width": group.width,
                "makers": list(group.makers),
                "ties": list(group.ties),
                "frozen": group.frozen,
            }
            for group in graph.groups
        ],
        "declined": dict(graph.declined),
        "layers": [
            {"name": name, "params": round(params), "macs": round(macs)} for name, (params, macs) in layers.items()
        ],
    }


def _cost_rows(graph):
    for name, (params, macs) in graph.cost_table.per_layer(graph.keep_all()).items():
        yield name, f"{params:,.0f}", f"{macs:,.0f}"
    yield "all layers", f"{graph.params():,.0f}", f"{graph.macs():,.0f}"

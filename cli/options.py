"""Options that several commands share."""

import click

from kerasprune_cli import data
from kerasprune_cli.files import InputFile

model_argument = click.argument("model_file", metavar="MODEL", type=InputFile())

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else."
)
seed_option = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of everything that is random."
)
pixel_range_option = click.option(
    "--pixel-range",
    type=(float, float),
    metavar="LOW HIGH",
    help="What the values 0 to 255 of images and uint8 arrays become before the model sees them, for example 0 1.",
)


def data_options(purpose: str, *, samples: int | None):
    """`--data`, `--samples` and `--pixel-range`.

    Args:
        purpose: What the data is for, the first sentence of the help.
        samples: The default of `--samples`; None for all.
    """

    def decorate(command):
        command = pixel_range_option(command)
        command = click.option(
            "--samples",
            type=click.IntRange(1),
            default=samples,
            show_default=True if samples else "all",
            help="Use at most this many samples of the data.",
        )(command)
        return click.option("--data", "source", metavar="DATA", help=f"{purpose} {data.HELP}")(command)

    return decorate

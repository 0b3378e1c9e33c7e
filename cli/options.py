"""Options that several commands share, and groups of options that belong together."""

import ast
import functools
import importlib.util
import math
from pathlib import Path

import click

from kerasprune_cli import data
from kerasprune_cli.errors import BadInput
from kerasprune_cli.files import InputFile
from kerasprune_cli.models import ModelFile


def measures() -> dict[str, str]:
    """What can be limited, by name, in a sentence: read off the files of the measures, which are not imported."""
    library = importlib.util.find_spec("kerasprune").submodule_search_locations[0]
    files = sorted(Path(library, "core", "measures").glob("[!_]*.py"))
    return {file.stem: ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) for file in files}


class Number(click.ParamType):
    """A whole number or a fraction: "8" is the int 8, "0.25" the float 0.25 and "25%" as well."""

    name = "number"

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        try:
            if value.isdigit() and value.isascii():
                return int(value)
            return float(value[:-1]) / 100 if value.endswith("%") else float(value)
        except ValueError as error:
            raise BadInput(f"{param.opts[0]} takes a number, such as 0.5 or 50%. Received: {value!r}.") from error


class Rounding(click.ParamType):
    """A whole number of at least 1, or "auto"."""

    name = "number|auto"

    def convert(self, value, param, ctx):
        return value if value == "auto" else click.IntRange(1).convert(value, param, ctx)


class FiniteRange(click.FloatRange):
    """A range of numbers without NaN, which is in none, and without infinity."""

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class LatencyLimit(click.ParamType):
    """A fraction, a percentage, milliseconds above 1, or a time with its unit: "0.2ms"."""

    name = "fraction|time"

    def convert(self, value, param, ctx):
        return value if not isinstance(value, str) or value.endswith("s") else Number().convert(value, param, ctx)


class Override(click.ParamType):
    """PATTERN=NUMBER."""

    name = "pattern=number"

    def convert(self, value, param, ctx):
        pattern, sign, number = value.rpartition("=")
        if not sign:
            raise BadInput(f"--override takes PATTERN=NUMBER, for example stem*=0.8. Received: {value!r}.")
        return pattern, Number().convert(number, param, ctx)


def model_argument(command):
    """MODEL with `--custom` and `--trust`; the command gets the three as `model_file`."""

    @functools.wraps(command)
    def wrapped(model_file, custom, trust, **options):
        return command(model_file=ModelFile(model_file, custom, trust), **options)

    return _together(click.argument("model_file", metavar="MODEL", type=InputFile()), custom_options)(wrapped)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of everything that is random."
)


def _a_range(ctx, param, value):
    """Refuse two ends that are one, or no numbers."""
    if value is not None and (value[0] == value[1] or not all(map(math.isfinite, value))):
        raise BadInput(f"--pixel-range takes two different numbers, such as 0 1. Received: {value[0]:g} {value[1]:g}.")
    return value


def data_options(purpose: str):
    """`--data` and `--pixel-range`.

    Args:
        purpose: What the data is for, the first sentence of the help.
    """
    return _together(
        click.option("--data", "source", metavar="DATA", help=f"{purpose} {data.HELP}"),
        click.option(
            "--pixel-range",
            type=(float, float),
            callback=_a_range,
            metavar="LOW HIGH",
            help="What the values 0 to 255 of images and uint8 arrays become, for example 0 1; as they are otherwise.",
        ),
    )


def budget_options(command):
    """One option per limit; the command gets them as `budget`, a dict of those that were given."""
    known = measures()
    timed = (
        "What is left of the time of the exported file, a fraction in (0, 1] or a percentage, or a time such as 0.2ms: "
        "candidates are exported and timed."
    )

    @functools.wraps(command)
    def wrapped(**options):
        given = {name: options.pop(name) for name in (*known, "latency")}
        return command(budget={name: value for name, value in given.items() if value is not None}, **options)

    wrapped = click.option("--latency", type=LatencyLimit(), metavar="LIMIT", help=timed)(wrapped)
    for name, what in reversed(known.items()):
        kept = f"What is left of this, a fraction in (0, 1] or a percentage, or an absolute number above 1: {what}"
        wrapped = click.option(f"--{name}", type=Number(), metavar="LIMIT", help=kept)(wrapped)
    return click.option("--macs", hidden=True, expose_value=False, callback=_named_otherwise)(wrapped)


def _named_otherwise(ctx, param, value):
    if value is not None:
        raise BadInput(f"Multiply-accumulates are limited by --flops: write --flops {value}.")


def _together(*options):
    """Several options as one decorator, in the order in which the help shall list them."""

    def decorate(command):
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


custom_options = _together(
    click.option(
        "--custom",
        multiple=True,
        metavar="MODULE",
        help="Import this module first: it registers the classes of the layers of MODEL; repeatable.",
    ),
    click.option(
        "--trust",
        is_flag=True,
        help="Run the Python code that MODEL holds, as in a Lambda layer: only for files of your own.",
    ),
)

selection_options = _together(
    click.option(
        "--ranking",
        metavar="NAME",
        help="Where channels compete, over the whole model or per_layer; see --list; else as suits the criterion.",
    ),
    click.option(
        "--round-to",
        type=Rounding(),
        help="Widths become multiples of this; auto, the default, is what kernels compute in one go: 8, 4 in narrow "
        "groups, and less where the budget asks for it.",
    ),
    click.option(
        "--min-width", type=Number(), default=1, show_default=True, help="Least width: channels, or a fraction."
    ),
    click.option(
        "--protect", multiple=True, metavar="PATTERN", help="Leave these layers alone, for example stem*; repeatable."
    ),
    click.option(
        "--override", multiple=True, type=Override(), help="Keep this fraction or number of channels; repeatable."
    ),
)

timing_options = _together(
    click.option("--timed", is_flag=True, help="Time MODEL and the smaller one as TFLite files, for the report."),
    click.option(
        "--latency-command",
        metavar="COMMAND",
        help="What times a file instead of this machine: a command line with {model} in the place of the file, that "
        "prints milliseconds last, or what LiteRT's benchmark_model prints; adb stands for that tool on an Android "
        "device.",
    ),
    click.option("--latency-recipe", metavar="NAME", default="float32", show_default=True, help="Recipe of the files."),
    click.option(
        "--latency-threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of the interpreter."
    ),
    click.option(
        "--latency-timeout",
        type=FiniteRange(0, min_open=True),
        default=120.0,
        show_default=True,
        help="Seconds that the command may take for a file.",
    ),
)

finetune_options = _together(
    click.option(
        "--finetune-epochs",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Train for so many epochs after every cut, on labelled data.",
    ),
    click.option(
        "--learning-rate",
        type=FiniteRange(0, min_open=True),
        default=1e-3,
        show_default=True,
        help="The highest of the fine-tuning: the rate rises to it, and falls to zero along a cosine.",
    ),
    click.option(
        "--validation-share",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.0,
        show_default=True,
        help="Share of the labelled data that is not trained on; the weights of the epoch that is best on it are kept.",
    ),
    click.option(
        "--distill/--no-distill",
        default=None,
        help="Let MODEL teach the smaller one in the fine-tuning (knowledge distillation).  [default: with epochs]",
    ),
    click.option(
        "--distill-option",
        "distill_settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="How it teaches: temperature, weight, features, feature_weight; repeatable.",
    ),
)

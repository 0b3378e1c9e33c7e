"""`kerasprune run`: a whole compression as a plan describes it."""

import os
from pathlib import Path

import click

from kerasprune_cli.compress import REPORTS, as_data, as_plan, measured, tell, with_plan, write
from kerasprune_cli.console import alive, print_json
from kerasprune_cli.data import Data, read_data
from kerasprune_cli.errors import BadInput
from kerasprune_cli.files import InputFile, OutputFile, overwrite_option, require_other
from kerasprune_cli.lazy import core, keras, kp
from kerasprune_cli.models import ModelFile, open_model
from kerasprune_cli.options import custom_options, json_option


@click.command("run")
@click.argument("plan_file", metavar="PLAN", type=InputFile())
@click.option("--model", type=InputFile(), help="The model; else the one that PLAN names.")
@click.option("--data", "source", metavar="DATA", help="The data; else that which PLAN names.")
@click.option("-o", "--output", type=OutputFile(".keras", beside=REPORTS), help="The smaller model; else as PLAN says.")
@custom_options
@overwrite_option
@click.option("--dry-run", is_flag=True, help="Compress and report, but write nothing and export nothing.")
@json_option
def command(plan_file, model, source, output, custom, trust, overwrite, dry_run, as_json):
    """Compress, train and export as PLAN says: a YAML or JSON file, or the report of an earlier compression.

    Its keys are the arguments of kerasprune.compress, beside finetune, export, and the files model, data and output,
    which are looked for beside PLAN.
    """
    plan = _plan(plan_file)
    model_file = ModelFile(model or _named(plan, "model", plan_file), custom, trust)
    source = source or _data(plan, plan_file)
    if not dry_run:
        output = output or _output(plan, plan_file)
        require_other(output, model_file.path, overwrite)
    keras.utils.set_random_seed(plan.values.get("seed", 0))  # before the model is opened, as in `compress`
    opened = open_model(model_file)
    pixel_range = plan.values.get("pixel_range")
    data = Data(None, None) if source is None else read_data(source, opened, pixel_range)
    with alive("Compressing"):
        result = plan.compress(opened, data.train and data.train.pair, progress=True)
    tested = measured(opened, result.model, data.test, plan.values.get("loss"))
    with core.temporary_folder() as folder, alive("Exporting"):
        files = []
        if not dry_run:
            result = plan.export(result, folder, data.train and data.train.x)
            result = with_plan(result, as_plan(model_file.path, source, pixel_range, output))
            files = [folder / each.file for each in plan.exports]
            write(result, output, files)
    if as_json:
        print_json(as_data(result, None if dry_run else output, data.test, tested))
    else:
        tell(result, None if dry_run else output, data.test, tested, files)


def _plan(path: Path):
    """The plan in a file; every mistake in it on a line of its own."""
    try:
        return kp.Plan.load(path)
    except core.PlanError as error:
        raise BadInput(str(error)) from error


def _named(plan, key: str, plan_file: Path) -> Path:
    """A file that the plan names, seen from its own folder."""
    if key not in plan.values:
        raise BadInput(f"{str(plan_file)!r} names no {key}: add `{key}: FILE`, or use --{key}.")
    return InputFile().convert(os.path.normpath(plan_file.parent / plan.values[key]), None, None)


def _data(plan, plan_file: Path) -> str | None:
    """The data that the plan names; a function is looked for as Python does."""
    named = plan.values.get("data")
    if named is None or (":" in named and not (plan_file.parent / named).exists()):
        return named
    return os.path.normpath(plan_file.parent / named)


def _output(plan, plan_file: Path) -> Path:
    named = plan.values.get("output")
    if named is None:
        raise BadInput(f"{str(plan_file)!r} names no output: add `output: small.keras`, or use -o FILE.keras.")
    return OutputFile(".keras", beside=REPORTS).convert(str(plan_file.parent / named), None, None)

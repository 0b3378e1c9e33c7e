"""`kerasprune compress`: a smaller model within a budget, and the report on it."""

import dataclasses
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from kerasprune_cli.console import alive, print_json, say
from kerasprune_cli.data import Data, Samples, read_data
from kerasprune_cli.errors import BadInput
from kerasprune_cli.files import OutputFile, overwrite_option, require_other
from kerasprune_cli.lazy import core, criteria, evidence, graph, keras, kp, recoveries, selection, strategies, tflite
from kerasprune_cli.models import open_model
from kerasprune_cli.options import (
    budget_options,
    data_options,
    finetune_options,
    json_option,
    measures,
    model_argument,
    seed_option,
    selection_options,
    timing_options,
)
from kerasprune_cli.training import require_loss, tuner
from kerasprune_cli.variants import build, list_option, variant_options

REPORTS = (".report.json", ".report.html")  # for machines, and for people
AUTO = "auto"
NONE = "none"  # of --recover


@click.command("compress")
@model_argument
@click.option(
    "-o",
    "--output",
    type=OutputFile(".keras", beside=REPORTS),
    help="The smaller model; its report goes beside it, as JSON and as a page.",
)
@overwrite_option
@budget_options
@variant_options("criterion", AUTO, "p=2")
@variant_options("strategy", AUTO, "schedule=cubic")
@list_option(criteria="CRITERIA", strategies="STRATEGIES", selection="RANKINGS", recoveries="RECOVERIES")
@click.option("--steps", type=click.IntRange(1), help="Rounds of an iterative strategy.")
@selection_options
@data_options("Samples for criteria that run the model, for --recover and, with labels, for --finetune-epochs.")
@click.option(
    "--samples", type=click.IntRange(1), default=1024, show_default=True, help="Score on at most this many samples."
)
@click.option("--loss", help="Loss by its Keras name, where the model was saved without one.")
@click.option(
    "--recover",
    multiple=True,
    metavar="NAME",
    default=[AUTO],
    show_default=True,
    help="What is done on the data after every cut, without training; repeatable, one of those that --list shows, or "
    "none.",
)
@click.option(
    "--effort",
    type=click.Choice(["quick", "normal", "thorough"]),
    default="normal",
    show_default=True,
    help="How much is tried on the data for what is auto: nothing, some criteria, or these in one round and several.",
)
@finetune_options
@timing_options
@click.option(
    "--layout",
    type=click.Choice(["own", "channels_last"]),
    default="own",
    show_default=True,
    help="Of a model with channels first: whether the smaller one has them first, too, or computes with channels last.",
)
@click.option("--dry-run", is_flag=True, help="Decide and report; train nothing and write nothing.")
@seed_option
@json_option
def command(model_file, output, overwrite, source, pixel_range, dry_run, as_json, budget, seed, **options):
    """Remove channels from MODEL until it is within the budget, and write a smaller model of stock Keras layers.

    The smaller model is checked against the model with the removed channels masked. A report on every layer is written
    beside it, as NAME.report.json, and as NAME.report.html for a browser.
    """
    if output is None and not dry_run:
        raise BadInput("Name the file to write with -o FILE.keras, or use --dry-run.")
    if not dry_run:
        require_other(output, model_file.path, overwrite)
    _require_sense(source, budget, options)
    ways = _ways(options, dry_run)
    if options["loss"] is not None:
        require_loss(options["loss"])
    limits = kp.Budget(**budget)
    keras.utils.set_random_seed(seed)  # before the model is opened: its dropout takes a seed when it is made
    model = open_model(model_file)
    data = Data(None, None) if source is None else read_data(source, model, pixel_range)
    with alive("Compressing"):
        result = kp.compress(
            model,
            limits,
            data=data.train and data.train.pair,
            train=None if dry_run else _trainer(data.train, options, seed),
            seed=seed,
            progress=True,
            **ways,
        )
    with alive("Measuring"):
        tested = () if dry_run else measured(model, result.model, data.test, options["loss"])
    if not dry_run:
        plan = as_plan(model_file.path, source, pixel_range, output) | _finetuned(options)
        result = with_plan(result, plan)
        write(result, output)
    if as_json:
        print_json(as_data(result, None if dry_run else output, data.test, tested))
        return
    click.echo(result.report)
    if tested:
        click.echo(f"on {data.test.size} samples of the test part: {', '.join(map(str, tested))}")
    say(
        "Nothing was written (--dry-run)."
        if dry_run
        else f"Wrote {', '.join(map(str, (output, *report_paths(output))))}."
    )


def tell(result, output: Path | None, samples: Samples | None, tested: tuple, files: Sequence[Path] = ()) -> None:
    """Print the report, and say what was written."""
    click.echo(result.report)
    if tested:
        click.echo(f"on {samples.size} samples of the test part: {', '.join(map(str, tested))}")
    paths = [] if output is None else [output, *report_paths(output), *(output.with_name(each.name) for each in files)]
    say(f"Wrote {', '.join(map(str, paths))}." if paths else "Nothing was written (--dry-run).")


def _require_sense(source: str | None, budget: dict, options: dict) -> None:
    """Raise BadInput where something is missing that other options need."""
    if source is None and (options["finetune_epochs"] or set(options["recover"]) - {AUTO, NONE}):
        raise BadInput("--finetune-epochs and --recover need data: name it with --data.")
    if not budget:
        names = ", ".join(f"--{name}" for name in (*measures(), "latency"))
        raise BadInput(f"There is no budget: give at least one of {names}; 0.5 keeps half.")


def report_paths(output: Path) -> list[Path]:
    """Where the reports on a model go: small.keras has small.report.json and small.report.html."""
    return [output.with_suffix(suffix) for suffix in REPORTS]


def _ways(options: dict, dry_run: bool) -> dict:
    """How to compress, as arguments of `kerasprune.compress`."""
    steps = () if options["steps"] is None else (f"steps={options['steps']}",)
    strategy = "iterative" if steps and options["strategy"] == AUTO else options["strategy"]
    if options["ranking"] is not None:
        selection.RANKINGS[options["ranking"]]  # an unknown one says so before the model is opened
    teaching = _teaching(options)
    given = {name: options[name] for name in ("ranking", "round_to", "protect")}
    given["overrides"] = dict(options["override"])
    return {
        "criterion": _built(criteria.CRITERIA, options["criterion"], options["criterion_settings"]),
        "strategy": _built(strategies.STRATEGIES, strategy, (*options["strategy_settings"], *steps)),
        "distill": False if dry_run else teaching,
        "loss": options["loss"],
        "limit": options["samples"],
        "layout": options["layout"],
        "recover": () if dry_run else _recover(options["recover"]),
        "effort": options["effort"],
        "latency": _timing(options),
        "min_width": options["min_width"],
        **{name: value for name, value in given.items() if value},
    }


def _timing(options: dict):
    """How files are timed, where a budget or the user asks for it; None leaves it to the library."""
    command, recipe, threads = (options[f"latency_{name}"] for name in ("command", "recipe", "threads"))
    if not options["timed"] and command is None and (recipe, threads) == ("float32", 1):
        return None
    measure = tflite.adb(threads) if command == "adb" else command
    return kp.Timing(recipe, threads, measure, timeout=options["latency_timeout"])


def _built(registry, name: str, settings: tuple[str, ...]):
    """As `build`; what is left to the library has no options."""
    if name != AUTO:
        return build(registry, name, settings)
    if settings:
        raise BadInput(f"Options belong to a {registry.kind} that is named. Received: {', '.join(settings)}.")
    return AUTO


def _recover(names: tuple[str, ...]):
    """The recoveries that are named; "auto" alone leaves them to the library."""
    if names == (AUTO,):
        return AUTO
    return [name for name in names if name != NONE and recoveries.RECOVERIES[name]]


def _teaching(options: dict):
    """How the model teaches the smaller one; False where it does not."""
    wanted = options["distill"] or (options["distill"] is None and bool(options["distill_settings"]))
    if wanted and not options["finetune_epochs"]:
        raise BadInput(
            "--distill and --distill-option are for the fine-tuning: say how long, as in --finetune-epochs 2."
        )
    if options["distill_settings"] and options["distill"] is False:
        raise BadInput("--distill-option says how the model teaches, and --no-distill that it does not.")
    if options["distill"] is False or not options["finetune_epochs"]:
        return False
    return build({"distill": kp.Distill}, "distill", options["distill_settings"])


def _trainer(samples: Samples | None, options: dict, seed: int):
    """What trains the model after every cut; None where no training is wanted."""
    if not options["finetune_epochs"]:
        return None
    return tuner(
        samples,
        epochs=options["finetune_epochs"],
        learning_rate=options["learning_rate"],
        loss=options["loss"],
        validation=options["validation_share"],
        seed=seed,
    )


def measured(before, after, samples: Samples | None, loss: str | None) -> tuple:
    """Loss and metrics of both models on samples that the compression has not seen; empty where there are none."""
    if samples is None or samples.y is None:
        return ()
    before, after = map(graph.Opened.of, (before, after))
    return strategies.Judgement.of(before, evidence.Sampling(samples.pair, loss)).measured(after)


def as_plan(model: Path, source: str | None, pixel_range, output: Path) -> dict:
    """The files as a plan beside the output names them: seen from there."""
    folder = output.resolve().parent
    data = os.path.relpath(source, folder) if source is not None and Path(source).exists() else source
    plan = {"model": os.path.relpath(model, folder), "data": data, "pixel_range": pixel_range, "output": output.name}
    return {name: list(value) if name == "pixel_range" else value for name, value in plan.items() if value is not None}


def _finetuned(options: dict) -> dict:
    """What a plan says of the fine-tuning; nothing where there was none."""
    if not options["finetune_epochs"]:
        return {}
    settings = {"epochs": options["finetune_epochs"], "learning_rate": options["learning_rate"]}
    share = options["validation_share"]
    return {"finetune": settings | ({"validation": share} if share else {})}


def with_plan(result, plan: dict):
    """The result, whose report says how the command line makes it again."""
    made = {name: value for name, value in result.report.plan.items() if name != "train"}
    return dataclasses.replace(result, report=dataclasses.replace(result.report, plan={**plan, **made}))


def write(result, output: Path, files: Sequence[Path] = ()) -> None:
    """The model, its reports and files that were made of it beside them: all or none."""
    exported = [output.with_name(file.name) for file in files]
    with core.atomic_paths(output, *report_paths(output), *exported) as (model, *others):
        kp.save_model(result.model, model)
        for report in others[: len(REPORTS)]:
            result.report.save(report)
        for file, copy in zip(files, others[len(REPORTS) :], strict=True):
            shutil.copyfile(file, copy)


def as_data(result, output: Path | None, samples: Samples | None, tested: tuple) -> dict:
    quality = [dataclasses.asdict(each) for each in tested]
    paths = [None] * len(REPORTS) if output is None else map(str, report_paths(output))
    return {
        "output": None if output is None else str(output),
        **dict(zip(("report_file", "report_page"), paths, strict=True)),
        "tested": {"samples": samples.size, "quality": quality} if tested else None,
        "report": json.loads(result.report.to_json()),
    }

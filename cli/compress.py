"""`kerasprune compress`: a smaller model within a budget, and the report on it."""

import dataclasses
import json
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

REPORT = ".report.json"
AUTO = "auto"
NONE = "none"  # of --recover


@click.command("compress")
@model_argument
@click.option(
    "-o", "--output", type=OutputFile(".keras", beside=REPORT), help="The smaller model; its report goes beside it."
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
    beside it, as NAME.report.json.
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
        tested = () if dry_run else _tested(model, result.model, data.test, options["loss"])
    if not dry_run:
        _write(result, output)
    if as_json:
        print_json(_as_data(result, None if dry_run else output, data.test, tested))
        return
    click.echo(result.report)
    if tested:
        click.echo(f"on {data.test.size} samples of the test part: {', '.join(map(str, tested))}")
    say("Nothing was written (--dry-run)." if dry_run else f"Wrote {output} and {report_path(output)}.")


def _require_sense(source: str | None, budget: dict, options: dict) -> None:
    """Raise BadInput where something is missing that other options need."""
    if source is None and (options["finetune_epochs"] or set(options["recover"]) - {AUTO, NONE}):
        raise BadInput("--finetune-epochs and --recover need data: name it with --data.")
    if not budget:
        names = ", ".join(f"--{name}" for name in (*measures(), "latency"))
        raise BadInput(f"There is no budget: give at least one of {names}; 0.5 keeps half.")


def report_path(output: Path) -> Path:
    """Where the report on a model goes: small.keras has small.report.json."""
    return output.with_suffix(REPORT)


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
    if options["distill_settings"] and not options["distill"]:
        raise BadInput("--distill-option says how the model teaches: add --distill.")
    if options["distill"] and not options["finetune_epochs"]:
        raise BadInput("--distill is for the fine-tuning: say how long, for example --finetune-epochs 2.")
    if not options["distill"]:
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


def _tested(before, after, samples: Samples | None, loss: str | None) -> tuple:
    """Loss and metrics of both models on samples that the compression has not seen; empty where there are none."""
    if samples is None or samples.y is None:
        return ()
    before, after = map(graph.Opened.of, (before, after))
    return strategies.Judgement.of(before, evidence.Sampling(samples.pair, loss)).measured(after)


def _write(result, output: Path) -> None:
    """The model and its report, both or none."""
    with core.atomic_paths(output, report_path(output)) as (model, report):
        kp.save_model(result.model, model)
        report.write_text(result.report.to_json(), encoding="utf-8")


def _as_data(result, output: Path | None, samples: Samples | None, tested: tuple) -> dict:
    quality = [dataclasses.asdict(each) for each in tested]
    return {
        "output": None if output is None else str(output),
        "report_file": None if output is None else str(report_path(output)),
        "tested": {"samples": samples.size, "quality": quality} if tested else None,
        "report": json.loads(result.report.to_json()),
    }

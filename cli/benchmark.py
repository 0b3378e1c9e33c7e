"""`kerasprune benchmark`: how long TFLite files take on this machine."""

import dataclasses
from pathlib import Path

import click

from kerasprune_cli.console import alive, print_json, print_table, say
from kerasprune_cli.files import InputFile, OutputFile
from kerasprune_cli.lazy import kp, tflite
from kerasprune_cli.options import json_option, seed_option

SLOWEST = 10  # ops that the profile shows


@click.command("benchmark")
@click.argument("files", metavar="FILE...", type=InputFile(), nargs=-1, required=True)
@click.option("--baseline", type=InputFile(), help="The file that all are compared with; else it is the first.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of the interpreter.")
@click.option("--warmup", type=click.IntRange(0), default=10, show_default=True, help="Untimed runs of each file.")
@click.option("--runs", type=click.IntRange(1), default=100, show_default=True, help="Timed runs of each file.")
@click.option("--profile", is_flag=True, help="Time every op of every file alone, too.")
@click.option("--plot", type=OutputFile(".png"), help="Draw the times into this picture; needs matplotlib.")
@seed_option
@json_option
def command(files, baseline, threads, warmup, runs, profile, plot, seed, as_json):
    """Measure the latency of TFLite FILEs on this machine, with LiteRT on the CPU.

    Several files are timed in turns in random order. Compare them by the ratios of one run: times of different runs
    differ by what else the machine did.
    """
    if baseline is None and len(files) > 1:
        baseline, *files = files
    with alive("Timing"):
        result = kp.benchmark(files[0], baseline, *files[1:], threads=threads, warmup=warmup, runs=runs, seed=seed)
        profiles = {each.path: tflite.profile(each.path, threads=threads, seed=seed) for each in result.files * profile}
    if plot is not None:
        tflite.plot_latencies(result, plot)
    if as_json:
        print_json(as_data(result, profiles))
        return
    _print(result)
    for path, times in profiles.items():
        _print_profile(path, times)
    if plot is not None:
        say(f"Wrote {plot}.")


def _print(result) -> None:
    print_table(
        ("file", "speed", "median", "fastest", "p90", "memory", "size"),
        [
            (
                str(row.path),
                f"{result.speedup_of(row):.2f} x",
                f"{row.median_ms:.3f} ms",
                f"{row.min_ms:.3f} ms",
                f"{row.p90_ms:.3f} ms",
                "" if row.memory is None else f"{row.memory:,} bytes",
                f"{row.size:,} bytes",
            )
            for row in result.files
        ],
    )
    if result.speedup is not None:
        click.echo(f"{result.model.path} is {result.speedup:.2f} times as fast as {result.baseline.path}.")
    for note in result.notes:
        click.echo(f"{note}.")
    click.echo(
        f"{result.warmup} warm-up and {result.runs} timed runs of each, {result.threads} thread(s), {result.processor}."
    )


def _print_profile(path: Path, times) -> None:
    """The slowest ops of a file."""
    known = sorted((time for time in times if time.ms is not None), key=lambda time: -time.ms)
    total = sum(time.ms for time in known)
    print_table(
        (f"op of {path}", "makes", "alone", "share"),
        [
            (time.op, f"{time.tensor.split(';')[0]} {time.shape}", f"{time.ms:.4f} ms", f"{time.ms / total:.1%}")
            for time in known[:SLOWEST]
        ],
    )
    click.echo(
        f"{len(known)} of {len(times)} ops timed by themselves, {total:.3f} ms together"
        + (f"; the {SLOWEST} slowest are shown." if len(known) > SLOWEST else ".")
    )


def as_data(result, profiles=()) -> dict:
    """A benchmark's result as plain data."""
    data = dataclasses.asdict(result)
    for latency in (data["model"], data["baseline"], *data["others"]):
        if latency is not None:
            latency["path"] = str(latency["path"])
    ops = {str(path): [dataclasses.asdict(time) for time in profiles[path]] for path in profiles}
    return data | {"notes": list(result.notes), "profile": ops}

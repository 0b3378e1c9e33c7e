"""`kerasprune benchmark`: how long a TFLite file takes on this machine."""

import dataclasses

import click

from kerasprune_cli.console import alive, print_json, print_table
from kerasprune_cli.files import InputFile
from kerasprune_cli.lazy import kp
from kerasprune_cli.options import json_option, seed_option


@click.command("benchmark")
@click.argument("file", type=InputFile())
@click.option("--baseline", type=InputFile(), help="A file to compare with; both are timed alternately in one run.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of the interpreter.")
@click.option("--warmup", type=click.IntRange(0), default=10, show_default=True, help="Untimed runs of each file.")
@click.option("--runs", type=click.IntRange(1), default=100, show_default=True, help="Timed runs of each file.")
@seed_option
@json_option
def command(file, baseline, threads, warmup, runs, seed, as_json):
    """Measure the latency of a TFLite FILE on this machine, with LiteRT on the CPU.

    Compare files by the ratio of one run with --baseline: times of different runs differ by what else the machine did.
    """
    with alive("Timing"):
        result = kp.benchmark(file, baseline, threads=threads, warmup=warmup, runs=runs, seed=seed)
    if as_json:
        print_json(as_data(result))
        return
    rows = [result.model] if result.baseline is None else [result.baseline, result.model]
    print_table(
        ("file", "median", "p90", "size"),
        [
            (str(row.path), f"{row.median_ms:.3f} ms", f"{row.p90_ms:.3f} ms", f"{row.path.stat().st_size:,} bytes")
            for row in rows
        ],
    )
    if result.speedup is not None:
        click.echo(f"{result.model.path} is {result.speedup:.2f} times as fast as {result.baseline.path}.")
    click.echo(f"{warmup} warm-up and {runs} timed runs of each, {threads} thread(s), {result.processor}.")


def as_data(result) -> dict:
    """A benchmark's result as plain data."""
    data = dataclasses.asdict(result)
    for key in ("model", "baseline"):
        if data[key] is not None:
            data[key]["path"] = str(data[key]["path"])
    return data

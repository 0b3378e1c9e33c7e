"""Size and single-thread latency of networks at half and a quarter of the MACs, and at half of the time.

    python -m benchmarks.latency [--only resnet8 ...] [--size 224]

The networks have random weights: what a file takes depends on widths alone. Every variant of a network is exported in
float32 and in int8, and all files are timed in turns, so that the ratios hold on a machine that does other things, too.
"half, any width" rounds nothing; "half, auto" rounds as for common kernels; "by table" takes the widths that pay on
this machine. Rows of networks that are not run again stay.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import mlperf_networks
from benchmarks.harness import Results, about, arguments, measured_on, table

APPLICATIONS = ("MobileNetV2", "ResNet50", "EfficientNetB0")
SMALL = ("resnet8", "mobilenet_quarter", "keyword_spotter")
GOALS = dict.fromkeys(APPLICATIONS, 1.9) | dict.fromkeys(SMALL, 1.6)  # speed of half the MACs, by table, in float32
RUNS = 40
RECIPES = ("float32", "int8")
CLOSE = 0.05  # of the target, within which a latency budget has to land


def main() -> int:
    parser = arguments(__doc__, seed=True, only=(*APPLICATIONS, *SMALL))
    parser.add_argument("--size", type=int, default=224, help="height and width of the images of the large networks")
    options = parser.parse_args()
    results = Results(options.output, "latency")
    rows = [row for row in results.rows() if row["network"] not in options.only]
    for name in options.only:
        rows += measured(name, options.size, options.seed)
        results.write({"rows": rows}, lines(rows))
    results.show()
    return 0


def network(name: str, size: int):
    """A network with random weights."""
    import keras

    if name in SMALL:
        return getattr(mlperf_networks, name)()
    return getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3))


def variants(kp) -> dict[str, dict]:
    """What is made of each network: by the name the arguments of `compress`."""
    table = kp.Timing()
    return {
        "half, any width": {"budget": kp.Budget(flops=0.5), "round_to": 1},
        "half, auto": {"budget": kp.Budget(flops=0.5)},
        "half, by table": {"budget": kp.Budget(flops=0.5), "latency": table},
        "quarter, by table": {"budget": kp.Budget(flops=0.25), "latency": table},
        "latency 0.5": {"budget": kp.Budget(latency=0.5), "latency": table},
    }


def measured(name: str, size: int, seed: int) -> list[dict]:
    """The rows of a network."""
    import keras

    import kerasprune as kp

    keras.utils.set_random_seed(seed)
    dense = network(name, size)
    whole = kp.trace(dense).macs()
    shape = "x".join(str(length) for length in dense.inputs[0].shape[1:])
    with tempfile.TemporaryDirectory() as folder:
        files = Files(kp, Path(folder))
        rows = [files.added("dense", dense) | {"macs_kept": 1.0}]
        for variant, ways in variants(kp).items():
            result = kp.compress(dense, criterion="magnitude", strategy="one_shot", seed=seed, **ways)
            kept = kp.trace(result.model).macs() / whole
            landed = result.report.latency.kept if variant.startswith("latency") else None
            rows.append(files.added(variant, result.model) | {"macs_kept": kept, "landed": landed})
        files.time(rows)
    return [{"network": name, "input": shape, **row, **about()} for row in rows]


class Files:
    """The exported variants of one network."""

    def __init__(self, kp, folder: Path):
        self.kp, self.folder = kp, folder
        self.paths: list[tuple[int, str, Path]] = []
        self.count = 0

    def added(self, variant: str, model) -> dict:
        """Export a model in every recipe; returns a row with the sizes."""
        from kerasprune.strategies.stopwatch import make_calm

        row: dict = {"variant": variant}
        for recipe in RECIPES:
            if recipe != "float32":
                make_calm(model := self.kp.slim(model, self.kp.trace(model), self.kp.trace(model).keep_all()))
            path = self.kp.Timing(recipe).export(model, self.folder / f"{self.count}_{recipe}.tflite")
            self.paths.append((self.count, recipe, path))
            row[f"{recipe}_bytes"] = path.stat().st_size
        self.count += 1
        return row

    def time(self, rows: list[dict]) -> None:
        """Time all files in turns, and write milliseconds and the speed beside the dense float32 file into the rows."""
        times = self.kp.Timing(runs=RUNS).times([path for *_, path in self.paths])
        usual = np.percentile(times, 25, axis=0)
        for (place, recipe, _), milliseconds in zip(self.paths, usual, strict=True):
            rows[place][f"{recipe}_ms"] = float(milliseconds)
            rows[place][f"{recipe}_speed"] = float(usual[0] / milliseconds)


def lines(rows: list[dict]) -> list[str]:
    """Markdown."""
    cells = [
        (
            row["network"],
            row["input"],
            row["variant"],
            f"{row['macs_kept']:.1%}",
            *(f"{row[f'{recipe}_bytes'] / 1024:,.0f} KiB" for recipe in RECIPES),
            *(f"{row[f'{recipe}_ms']:.3f} ms" for recipe in RECIPES),
            *(f"{row[f'{recipe}_speed']:.2f} x" for recipe in RECIPES),
        )
        for row in rows
    ]
    titles = ("network", "input", "variant", "MACs", "float32", "int8", "float32", "int8", "float32", "int8")
    return [
        "# Half of the MACs, and half of the time",
        "",
        "Sizes, latencies on one thread, and speed beside the dense float32 file; random weights, ranked by magnitude.",
        measured_on(rows),
        "",
        *table(titles, cells),
        "",
        *verdicts(rows),
    ]


def verdicts(rows: list[dict]) -> list[str]:
    """A sentence on each network: what half the MACs and what the latency budget came to beside their goals."""
    found = []
    for name in dict.fromkeys(row["network"] for row in rows):
        of = {row["variant"]: row for row in rows if row["network"] == name}
        half, timed = of["half, by table"], of["latency 0.5"]
        again = 1 / timed["float32_speed"]
        close = "within" if abs(again / 0.5 - 1) <= CLOSE else "more than"
        found.append(
            f"- {name}: half the MACs by table {half['float32_speed']:.2f} times as fast (goal {GOALS[name]}); the "
            f"latency budget landed at {timed['landed']:.1%} in `compress`, {again:.1%} timed again ({close} "
            f"{CLOSE:.0%} of the target), with {timed['macs_kept']:.1%} of the MACs."
        )
    return found


if __name__ == "__main__":
    sys.exit(main())

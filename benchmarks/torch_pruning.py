"""Time kerasprune beside Torch-Pruning: the same networks, the same share of every layer, the same run.

    python -m benchmarks.torch_pruning [--torch-python PATH]

Each side runs in a process of its own, by turns. It removes half of the channels of every group by the sum of their
absolute weights, classes excepted; loading the libraries and building the network do not count. Times are seconds of
the processor, with one thread in PyTorch. Torch-Pruning changes the network in place, kerasprune builds a new one. PATH
is the Python that has torch and torch-pruning, by default this one: `pip install torch torch-pruning`.
"""

import argparse
import json
import statistics
import subprocess
import sys

from benchmarks.harness import Results, about, arguments, in_child, measured_on, processor_seconds, table

NETWORKS = {"ResNet50": "resnet50", "MobileNetV2": "mobilenet_v2"}
SHARE = 0.5
ROUNDS = 5
TURNS = 2
LIMIT = 0.5


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--torch-python", default=sys.executable, help="the Python that has torch and torch-pruning")
    parser.add_argument("--here", choices=["kerasprune", "torch"], help=argparse.SUPPRESS)
    parser.add_argument("--network", choices=NETWORKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(SIDES[options.here](options.network)))
        return 0
    probe = [options.torch_python, "-c", "import torch_pruning"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        print(f"{options.torch_python} has no torch-pruning: pip install torch torch-pruning, or pass --torch-python.")
        return 2
    rows = [compare(name, options.torch_python) for name in NETWORKS]
    results = Results(options.output, "torch_pruning")
    results.write({"share": SHARE, "rows": rows}, lines(rows))
    results.show()
    return 0 if all(row["ratio"] <= LIMIT for row in rows) else 1


def compare(name: str, torch_python: str) -> dict:
    """Both sides on one network, by turns; the medians of all rounds."""
    results = {"kerasprune": [], "torch": []}
    for _ in range(TURNS):
        for side, python in (("kerasprune", sys.executable), ("torch", torch_python)):
            results[side].append(in_child("benchmarks.torch_pruning", "--here", side, "--network", name, python=python))
    medians = {side: statistics.median(sum((r["seconds"] for r in runs), [])) for side, runs in results.items()}
    floor = statistics.median(sum((run["floor"] for run in results["kerasprune"]), []))
    row = {"name": name, "seconds": medians, "ratio": medians["kerasprune"] / medians["torch"], "floor_seconds": floor}
    return row | {"params": {side: runs[0]["params"] for side, runs in results.items()}} | about()


def with_kerasprune(name: str) -> dict:
    """Seconds of trace, score, select and slim, and the parameters before and after."""
    import keras

    import kerasprune as kp

    model = getattr(keras.applications, name)(weights=None, classifier_activation=None)

    def prune():
        graph = kp.trace(model)
        scores = kp.score(model, graph, "magnitude")
        return kp.slim(model, graph, kp.select(graph, scores, kp.Budget(params=1.0), overrides={"*": SHARE}))

    def clone():
        return keras.models.clone_model(model)

    small = prune()
    rounds = [(processor_seconds(prune), processor_seconds(clone)) for _ in range(ROUNDS)]
    seconds, floor = ([times[side] for times in rounds] for side in (0, 1))
    return {"seconds": seconds, "floor": floor, "params": [model.count_params(), small.count_params()]}


def with_torch(name: str) -> dict:
    """Seconds of the dependency graph, the importance and the pruning, and the parameters before and after."""
    import copy

    import torch
    import torch_pruning

    from benchmarks import torch_networks

    torch.set_num_threads(1)
    model = getattr(torch_networks, NETWORKS[name])().eval()
    image = torch.randn(1, 3, 224, 224)

    def prune(network):
        torch_pruning.pruner.MagnitudePruner(
            network,
            image,
            importance=torch_pruning.importance.MagnitudeImportance(p=1),
            pruning_ratio=SHARE,
            ignored_layers=[network[-1]],
        ).step()
        return network

    def count(network):
        return sum(weight.numel() for weight in network.state_dict().values() if weight.dim())

    small = prune(copy.deepcopy(model))
    small(image)
    copies = [copy.deepcopy(model) for _ in range(ROUNDS)]
    return {
        "seconds": [processor_seconds(lambda c=c: prune(c)) for c in copies],
        "params": [count(model), count(small)],
    }


SIDES = {"kerasprune": with_kerasprune, "torch": with_torch}


def lines(rows: list[dict]) -> list[str]:
    """Markdown."""
    cells = []
    for row in rows:
        ours, theirs = (row["seconds"][side] for side in ("kerasprune", "torch"))
        params = ("{:.2f} M -> {:.2f} M".format(*(p / 1e6 for p in row["params"][side])) for side in row["params"])
        times = (f"{ours:.2f} s", f"{row['floor_seconds']:.2f} s", f"{theirs:.2f} s", f"{row['ratio']:.2f}")
        cells.append((row["name"], *times, *params))
    titles = "network", "kerasprune", "clone_model alone", "Torch-Pruning", "ratio", "parameters", "of Torch-Pruning"
    return [
        "# Beside Torch-Pruning",
        "",
        f"{100 * (1 - SHARE):.0f} % of every group stays; medians, in one run.",
        "Nothing that makes a new Keras model can be faster than `clone_model`, which copies no weights.",
        measured_on(rows),
        "",
        *table(titles, cells),
    ]


if __name__ == "__main__":
    sys.exit(main())

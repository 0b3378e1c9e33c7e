"""Remove the neurons of the two networks of the Incredible Shrinking Neural Network, one at a time, without training.

    python -m benchmarks.shrinking_network --data DIR

DIR holds `shrinking_networks/shrinking_networks.npz`: the weights of both networks and 500 images. Every criterion
ranks anew after every removal, on the images on which the accuracy is measured, as in the published rows.
"""

from collections.abc import Callable

import keras
import numpy as np
from scipy.stats import spearmanr

import kerasprune as kp
from benchmarks import datasets
from benchmarks.harness import Results, about, arguments, measured_on, table
from kerasprune.criteria import CRITERIA
from kerasprune.evidence import Evidence, Sampling

# Accuracy at 10, 20, ..., 80 % of the neurons removed, recomputed from the published weights.
EXPECTED = {
    ("net_400_100_10", "oracle"): [0.994, 0.996, 0.994, 0.986, 0.986, 0.980, 0.916, 0.802],
    ("net_400_100_10", "gauss_newton"): [0.998, 0.998, 0.996, 0.996, 0.992, 0.974, 0.932, 0.776],
    ("net_400_100_10", "quadratic"): [0.994, 0.994, 0.996, 0.988, 0.976, 0.966, 0.914, 0.778],
    ("net_400_100_10", "linear"): [0.986, 0.982, 0.976, 0.972, 0.954, 0.958, 0.868, 0.794],
    ("net_400_50_50_10", "oracle"): [1.0, 0.996, 0.990, 0.972, 0.938, 0.878, 0.712, 0.472],
    ("net_400_50_50_10", "gauss_newton"): [1.0, 1.0, 0.988, 0.974, 0.932, 0.914, 0.740, 0.552],
    ("net_400_50_50_10", "quadratic"): [0.974, 0.964, 0.928, 0.830, 0.816, 0.786, 0.732, 0.524],
    ("net_400_50_50_10", "linear"): [0.958, 0.892, 0.818, 0.772, 0.666, 0.628, 0.358, 0.176],
}
NETWORKS = ("net_400_100_10", "net_400_50_50_10")
STOP = 0.8

# From a `gain`, 0 for what is gone, and the ids that are left, the change of the loss for each of them.
Ranking = Callable[[np.ndarray, np.ndarray], np.ndarray]


def build(arrays, name: str) -> keras.Model:
    """The network with its published weights, sigmoid throughout."""
    count = sum(key.startswith(f"{name}/kernel") for key in arrays)
    model = keras.Sequential([keras.Input((400,), name="image")], name=name)
    for index in range(count):
        kernel, bias = arrays[f"{name}/kernel_{index}"], arrays[f"{name}/bias_{index}"]
        layer = keras.layers.Dense(len(bias), activation="sigmoid", name=f"dense{index}")
        model.add(layer)
        layer.set_weights([kernel, bias])
    return model


def rankings(evidence: Evidence) -> dict[str, Ranking]:
    """The criteria, compiled once for all steps."""
    names = ("oracle", "gauss_newton", "quadratic", "linear")
    found = {name: CRITERIA[name]().under_gain(evidence) for name in names}
    return {name: lambda gain, left, scores=scores: scores(gain)[left] for name, scores in found.items()}


def shrink(evidence: Evidence, ranking: Ranking, accuracy: Callable[[np.ndarray], float]) -> list[dict]:
    """Remove the neuron of the smallest change, rank again, and so on: one entry per removal."""
    graph = evidence.graph
    free = np.flatnonzero(~graph.frozen)
    gain, steps = np.ones(graph.num_ids), []
    for _ in range(round(STOP * len(free))):
        left = free[gain[free] > 0]
        removed = left[np.argmin(ranking(gain, left))]
        gain[removed] = 0.0
        loss = evidence.probe.mean_loss(evidence.data, gain)
        steps.append({"removed": int(removed), "loss": loss, "accuracy": accuracy(gain)})
    return steps


def forward(model: keras.Model, graph: kp.ChannelGraph, x: np.ndarray, y: np.ndarray) -> Callable:
    """The accuracy of a chain of sigmoid layers under a gain, in double precision."""
    weights = [[np.asarray(value, float) for value in layer.get_weights()] for layer in model.layers]
    kernels = sorted((w for w in graph.weights if w.index == 0), key=lambda w: w.layer)

    def accuracy(gain: np.ndarray) -> float:
        value = x.astype(float)
        for (kernel, bias), labels in zip(weights, kernels, strict=True):
            if labels.axes[0] is not None:
                value = value * gain[labels.axes[0]]
            value = 1 / (1 + np.exp(-(value @ kernel + bias)))
        return float(np.mean(value.argmax(axis=1) == y))

    return accuracy


def measure(arrays, name: str) -> dict:
    """All criteria on one network."""
    x, y = arrays["x"], arrays["y"]
    model = build(arrays, name)
    graph = kp.trace(model)
    data = (x, np.eye(10, dtype="float32")[y])
    evidence = Evidence(model, graph, Sampling(data, "mse", batch_size=len(x)))
    accuracy, free = forward(model, graph, x, y), np.flatnonzero(~graph.frozen)
    found = rankings(evidence)
    first = {key: ranking(np.ones(graph.num_ids), free) for key, ranking in found.items()}
    return {
        "accuracy": accuracy(np.ones(graph.num_ids)),
        "neurons": len(free),
        "spearman": {key: float(spearmanr(first["oracle"], change).statistic) for key, change in first.items()},
        "steps": {key: shrink(evidence, ranking, accuracy) for key, ranking in found.items()},
    }


def lines(content: dict) -> list[str]:
    """Markdown: ours beside what is published or recomputed."""
    cells = []
    for name, result in content["networks"].items():
        for key, steps in result["steps"].items():
            places = [round(result["neurons"] * tenth / 10) - 1 for tenth in range(1, 9)]
            ours = (f"{steps[place]['accuracy']:.3f}" for place in places)
            cells.append((name, key, f"{result['spearman'][key]:.3f}", *ours))
            cells.append((name, f"{key}, expected", "", *(f"{value:.3f}" for value in EXPECTED[name, key])))
    shares = (f"{10 * tenth} %" for tenth in range(1, 9))
    return [
        "# Neurons removed one at a time, without training",
        "",
        "Accuracy on the 500 images after removing a share of the hidden neurons, ranked anew after every removal;",
        "`expected` rows were computed before by independent code. One image is .002.",
        measured_on([content]),
        "",
        *table(("network", "criterion", "Spearman with oracle", *shares), cells),
    ]


def main() -> None:
    """Measure both networks and write the table."""
    options = arguments(__doc__, needs=(datasets.SHRINKING_NETWORKS,)).parse_args()
    arrays = datasets.arrays(options.data, datasets.SHRINKING_NETWORKS)
    content = {**about(), "networks": {name: measure(arrays, name) for name in NETWORKS}}
    results = Results(options.output, "shrinking_network")
    results.write(content, lines(content))
    results.show()


if __name__ == "__main__":
    main()

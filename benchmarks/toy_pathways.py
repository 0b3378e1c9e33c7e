"""Two functions of two inputs each, learned by one network: do gates on its weights find that they are two?

    python -m benchmarks.toy_pathways

The published task: 4 inputs in [-1, 1], outputs `3 sin((x0 - x1)^2)` and `(x2 + x3)^3`, 1,000 samples to train on and
1,000 to test on, a 4-10-10-2 network with SiLU, mean absolute error, 7,500 steps on the whole training set.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import kerasprune as kp  # noqa: E402
from kerasprune.core import write_text  # noqa: E402

RESULTS = Path(__file__).parent / "results"
STEPS = 7_500
DENSITY = 0.15
SIZE = 160
WEIGHTS = 20  # of 160; the published run ends with 18


def samples(seed: int, number: int = 1_000) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (number, 4) and targets (number, 2)."""
    x = np.random.default_rng(seed).uniform(-1, 1, (number, 4)).astype("float32")
    return x, np.stack([3 * np.sin((x[:, 0] - x[:, 1]) ** 2), (x[:, 2] + x[:, 3]) ** 3], axis=1)


def network(seed: int) -> keras.Model:
    """4-10-10-2 with SiLU."""
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(10, activation="silu", name=f"hidden{number}") for number in (1, 2)]
    return keras.Sequential([keras.Input((4,), name="x"), *hidden, keras.layers.Dense(2, name="y")])


def fit(model: keras.Model, data, steps: int = STEPS, rate: float = 0.01) -> None:
    """Full-batch Adam; the learning rate falls in the last fifth."""
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        [int(0.8 * steps), int(0.92 * steps)], [rate, rate / 5, rate / 25]
    )
    model.compile(keras.optimizers.Adam(schedule), "mean_absolute_error", steps_per_execution=1)
    x, y = (np.tile(part, (25, 1)) for part in data)  # 25 steps per epoch
    model.fit(x, y, batch_size=len(data[0]), epochs=steps // 25, shuffle=False, verbose=0)


def error(model: keras.Model, data) -> float:
    """Mean absolute error."""
    return float(np.abs(model.predict(data[0], batch_size=len(data[0]), verbose=0) - data[1]).mean())


def published(seed: int) -> keras.Model:
    """The network with the published penalty on the weights of the whole."""
    return kp.sparsify(network(seed), method="penalty", seed=seed)


def budget(seed: int) -> keras.Model:
    """The network with gates that leave a given number of weights."""
    return kp.sparsify(network(seed), weights=WEIGHTS, seed=seed)


def wrappers(seed: int) -> keras.Model:
    """The published penalty by hand: every layer wrapped, each with its part of the factor."""
    layers = network(seed).layers
    shares = [layer.kernel.shape[0] * layer.kernel.shape[1] / SIZE for layer in layers]
    wrapped = [kp.layers.Sparse(layer, penalty=0.01 * share) for layer, share in zip(layers, shares, strict=True)]
    return keras.Sequential([keras.Input((4,), name="x"), *wrapped])


WAYS = {"budget": budget, "published": published, "wrappers": wrappers}


def run(seed: int, method: str) -> tuple[dict, kp.Explanation]:
    """One seed: the figures, and the explanation of the sparse network."""
    start = time.process_time()
    train, test = samples(2 * seed), samples(2 * seed + 1)
    sparse = WAYS[method](seed)
    fit(sparse, train)
    plain = kp.strip(sparse)
    small = kp.slim(plain)
    found = kp.explain(small)
    result = {
        "method": method,
        "seed": seed,
        "density": sum(np.count_nonzero(layer.get_weights()[0]) for layer in plain.layers) / SIZE,
        "test_error": error(plain, test),
        "test_error_slimmed": error(small, test),
        "widths": [layer.units for layer in small.layers],
        "pathways": [[list(pathway.inputs), list(pathway.outputs)] for pathway in found.pathways],
        "symmetries": [[pair.first, pair.second, round(pair.cosine, 3)] for pair in found.symmetries],
        "cpu_seconds": round(time.process_time() - start),
    }
    result["separate"] = sorted(map(tuple, (out for _, out in result["pathways"]))) == [(0,), (1,)] and all(
        set(inputs) <= ({0, 1} if outputs == [0] else {2, 3}) for inputs, outputs in result["pathways"]
    )
    return result, found


def table(runs: list[dict], dense: list[float]) -> str:
    """Markdown: one row per run."""
    errors = ", ".join(f"{value:.4f}" for value in dense)
    lines = [
        "# Two functions in one network: pathways",
        "",
        f"Mean absolute error of dense networks on the test set: {errors} (one per seed).",
        "`separate`: two sub-networks, x0 and x1 to y0, x2 and x3 to y1. `published` is the method with its penalty",
        "and settings; `wrappers` is the same with every layer wrapped by hand; `budget` is ours, told to leave",
        f"{WEIGHTS} weights.",
        "",
        "| method | seed | density | test error | separate | neurons | symmetries (inputs, cosine) |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in runs:
        pairs = "; ".join(f"{a}, {b}: {cosine}" for a, b, cosine in r["symmetries"])
        lines.append(
            f"| {r['method']} | {r['seed']} | {r['density']:.3f} | {r['test_error']:.4f} | "
            f"{'yes' if r['separate'] else 'no'} | {'-'.join(map(str, r['widths'][:-1]))} | {pairs} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run all seeds in all ways, and draw the first of ours that separates the two functions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    runs, dense, drawn = [], [], False
    for seed in range(options.seeds):
        plain = network(seed)
        fit(plain, samples(2 * seed))
        dense.append(error(plain, samples(2 * seed + 1)))
        for method in WAYS:
            result, found = run(seed, method)
            runs.append(result)
            print(json.dumps(result), f"dense {dense[-1]:.4f}", flush=True)
            if method == "budget" and result["separate"] and not drawn:
                kp.plot(found, "pathways", options.output / "toy_pathways.png")
                drawn = True
    runs.sort(key=lambda r: (r["method"], r["seed"]))
    content = {"machine": "2 shared x86_64 cores", "keras": keras.__version__, "backend": keras.backend.backend()}
    write_text(
        options.output / "toy_pathways.json", json.dumps({**content, "dense": dense, "runs": runs}, indent=1) + "\n"
    )
    write_text(options.output / "toy_pathways.md", table(runs, dense))
    print(table(runs, dense))


if __name__ == "__main__":
    main()

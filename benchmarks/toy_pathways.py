"""Two functions of two inputs each, learned by one network: do gates on its weights find that they are two?

    python -m benchmarks.toy_pathways

The published task: 4 inputs in [-1, 1], outputs `3 sin((x0 - x1)^2)` and `(x2 + x3)^3`, 1,000 samples to train on and
1,000 to test on, a 4-10-10-2 network with SiLU, mean absolute error, 7,500 steps on the whole training set.
"""

import time

import keras
import numpy as np

import kerasprune as kp
from benchmarks.harness import Results, about, arguments, measured_on, table

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


def lines(content: dict) -> list[str]:
    """Markdown: one row per run."""
    errors = ", ".join(f"{value:.4f}" for value in content["dense"])
    cells = [
        (
            r["method"],
            r["seed"],
            f"{r['density']:.3f}",
            f"{r['test_error']:.4f}",
            "yes" if r["separate"] else "no",
            "-".join(map(str, r["widths"][:-1])),
            "; ".join(f"{a}, {b}: {cosine}" for a, b, cosine in r["symmetries"]),
        )
        for r in content["rows"]
    ]
    return [
        "# Two functions in one network: pathways",
        "",
        f"Mean absolute error of dense networks on the test set: {errors} (one per seed).",
        "`separate`: two sub-networks, x0 and x1 to y0, x2 and x3 to y1. `published` is the method with its penalty",
        "and settings; `wrappers` is the same with every layer wrapped by hand; `budget` is ours, told to leave",
        f"{WEIGHTS} weights.",
        measured_on([content]),
        "",
        *table(
            ("method", "seed", "density", "test error", "separate", "neurons", "symmetries (inputs, cosine)"), cells
        ),
    ]


def main() -> None:
    """Run all seeds in all ways, and draw the first of ours that separates the two functions."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    results = Results(options.output, "toy_pathways")
    rows, dense, drawn = [], [], False
    for seed in range(options.seeds):
        plain = network(seed)
        fit(plain, samples(2 * seed))
        dense.append(error(plain, samples(2 * seed + 1)))
        for method in WAYS:
            row, found = run(seed, method)
            rows.append(row)
            print(row, f"dense {dense[-1]:.4f}", flush=True)
            if method == "budget" and row["separate"] and not drawn:
                kp.plot(found, "pathways", options.output / "toy_pathways.png")
                drawn = True
    rows.sort(key=lambda r: (r["method"], r["seed"]))
    content = {**about(), "dense": dense, "rows": rows}
    results.write(content, lines(content))
    results.show()


if __name__ == "__main__":
    main()

"""Large and sparse against small and dense, and against `prune_low_magnitude`, on a small MobileNet for Fashion-MNIST.

    python -m benchmarks.gradual_pruning --data DIR [--peer PYTHON] [--seeds 3] [--epochs 5] [--images 20000]

DIR holds `fashion_mnist/fashion_mnist.npz`. PYTHON is an interpreter with tensorflow-model-optimization and tf_keras.
Both libraries get the same network, initial weights, order of images, optimizer and schedule: pointwise convolutions
and the classifier lose 50, 75 and 90 % of their weights each, along the cubic curve, ranked every 50 steps until 60 %
of the steps are done. The dense networks beside them are narrower, with as many parameters as the sparse ones have that
are not zero. Nothing was chosen on the test images. Finished runs are written at once and are not repeated.
"""

import argparse
import json
import os
import time

import numpy as np

from benchmarks import datasets, step_cost
from benchmarks.harness import Results, about, arguments, in_child, measured_on, table
from benchmarks.separable_network import is_pruned, left, network, started

SPARSITIES = (0.5, 0.75, 0.9)
BATCH, RATE, EVERY, END = 100, 3e-3, 50, 0.6


def compiled(keras, model, steps: int):
    """The model with Adam along a cosine."""
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps, alpha=0.02)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"], jit_compile=False)
    return model


def load(options) -> dict[str, np.ndarray]:
    """Training images in an order that the seed gives, all test images, values from 0 to 1."""
    found = datasets.arrays(options.data, datasets.FASHION_MNIST)
    order = np.random.default_rng(options.seed).permutation(len(found["y_train"]))[: options.images]
    images = {"x": found["x_train"][order], "x_test": found["x_test"]}
    labels = {"y": found["y_train"][order], "y_test": found["y_test"]}
    scaled = {name: (each[..., None] / 255).astype("float32") for name, each in images.items()}
    return scaled | {name: each.astype("int32") for name, each in labels.items()}


def trained(keras, model, data: dict, options, callbacks=()) -> float:
    """Train; seconds of the processor."""
    steps = options.epochs * (len(data["x"]) // BATCH)
    compiled(keras, model, steps)
    start = time.process_time()
    model.fit(
        data["x"], data["y"], batch_size=BATCH, epochs=options.epochs, shuffle=False, verbose=0, callbacks=[*callbacks]
    )
    return time.process_time() - start


def row(model, data: dict, seconds: float, **values) -> dict:
    """The figures of a model without wrappers, compiled."""
    accuracy = float(model.evaluate(data["x_test"], data["y_test"], batch_size=500, verbose=0)[1])
    kernels = {layer.name: layer.get_weights()[0] for layer in model.layers if is_pruned(layer.name)}
    found = {name: int(np.count_nonzero(kernel)) for name, kernel in kernels.items()}
    zeros = sum(kernel.size for kernel in kernels.values()) - sum(found.values())
    if values["sparsity"] and found != left(values["sparsity"]):
        raise AssertionError(f"{values} left {found}, where {left(values['sparsity'])} was asked for.")
    parameters = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) - zeros
    return {**values, "accuracy": accuracy, "parameters": parameters, "cpu_seconds": round(seconds, 1)}


def ours(keras, options, data: dict, sparsity: float):
    """The large network, sparse."""
    import kerasprune as kp

    model = started(keras, options.seed)
    steps = options.epochs * (len(data["x"]) // BATCH)
    sparse = _sparse(kp, model, sparsity, steps)
    seconds = trained(keras, sparse, data, options)
    return row(kp.strip(sparse), data, seconds, system="kerasprune", sparsity=sparsity, seed=options.seed)


def _sparse(kp, model, sparsity: float, steps: int):
    way = {"method": "magnitude", "distribution": "uniform", "protect": ["stem", "depthwise*"]}
    return kp.sparsify(model, sparsity, **way, ramp=END, settle=END, every=EVERY, steps=steps)


def dense(keras, options, data: dict, width: float, beside: float):
    """A network of another width without zeros, beside the sparse one of this sparsity."""
    model = started(keras, options.seed, width)
    seconds = trained(keras, model, data, options)
    return row(model, data, seconds, system="dense", sparsity=0.0, seed=options.seed, width=width, beside=beside)


def narrow(keras, parameters: int) -> float:
    """The width at which the dense network comes closest to a number of parameters."""
    widths = np.round(np.arange(0.1, 1.001, 0.01), 2)
    sizes = [sum(int(np.prod(weight.shape)) for weight in network(keras, each).trainable_weights) for each in widths]
    return float(widths[np.abs(np.array(sizes) - parameters).argmin()])


def _wrapped(tf_keras, model, sparsity: float, steps: int):
    """The same in Keras 2 by `prune_low_magnitude`."""
    import tensorflow_model_optimization as tfmot

    schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, sparsity, 0, int(END * steps), power=3, frequency=EVERY)

    def wrap(layer):
        known = is_pruned(layer.name)
        return tfmot.sparsity.keras.prune_low_magnitude(layer, pruning_schedule=schedule) if known else layer

    return tf_keras.models.clone_model(model, clone_function=wrap)


def peer(options) -> list[dict]:
    """All sparsities of one seed by `prune_low_magnitude`, in an interpreter of its own."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow_model_optimization as tfmot
    import tf_keras

    data, rows = load(options), []
    for sparsity in SPARSITIES:
        plain = started(tf_keras, options.seed)
        model = _wrapped(tf_keras, plain, sparsity, options.epochs * (len(data["x"]) // BATCH))
        model.set_weights(_with_states(model, plain))
        seconds = trained(tf_keras, model, data, options, [tfmot.sparsity.keras.UpdatePruningStep()])
        stripped = compiled(tf_keras, tfmot.sparsity.keras.strip_pruning(model), 1)
        rows.append(row(stripped, data, seconds, system="tfmot", sparsity=sparsity, seed=options.seed))
    return rows


def _with_states(model, plain) -> list[np.ndarray]:
    """The weights of the wrapped model with those of the plain one in the layers inside."""
    for layer in model.layers:
        inside = getattr(layer, "layer", layer)
        inside.set_weights(plain.get_layer(inside.name).get_weights())
    return model.get_weights()


def cost(options, here: str) -> dict:
    """Median seconds of a training step, plain and pruned in turns; see `step_cost.compare`."""
    steps = 10**5
    if here == "tfmot":
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        import tensorflow_model_optimization as tfmot
        import tf_keras as keras

        pruned = compiled(keras, _wrapped(keras, started(keras, 0), 0.9, steps), steps)
        update = tfmot.sparsity.keras.UpdatePruningStep()
        update.set_model(pruned)
        update.on_train_begin()
    else:
        import keras

        import kerasprune as kp

        pruned = compiled(keras, _sparse(kp, started(keras, 0), 0.9, steps), steps)
    models = {"plain": compiled(keras, started(keras, 0), steps), "pruned": pruned}
    found = step_cost.compare(models, (28, 28, 1), BATCH, options.rounds)
    named = step_cost.keras_2_versions() if here == "tfmot" else about()["versions"]
    return {"system": here, "backend": named, "plain": found["plain"], "pruned": found["pruned"]}


def train_missing(options, results: Results) -> None:
    """The runs that the results lack, written one by one."""
    import keras

    for seed in range(options.seeds):
        options.seed = seed
        done = {(each["system"], each["sparsity"], each.get("beside"), each["seed"]) for each in results.rows()}
        data = load(options)
        for sparsity in SPARSITIES:
            if ("kerasprune", sparsity, None, seed) not in done:
                _add(results, [ours(keras, options, data, sparsity)])
            sizes = [r["parameters"] for r in results.rows() if r["system"] != "dense" and r["sparsity"] == sparsity]
            if ("dense", 0.0, sparsity, seed) not in done:
                _add(results, [dense(keras, options, data, narrow(keras, sizes[0]), sparsity)])
        if ("dense", 0.0, 0.0, seed) not in done:
            _add(results, [dense(keras, options, data, 1.0, 0.0)])
        if options.peer and ("tfmot", SPARSITIES[0], None, seed) not in done:
            words = ["--data", options.data, "--epochs", options.epochs, "--images", options.images]
            _add(
                results,
                in_child("benchmarks.gradual_pruning", *words, "--seed", seed, "--here", "peer", python=options.peer),
            )


def _add(results: Results, rows: list[dict]) -> None:
    content = results.read()
    content["rows"] = [*content.get("rows", []), *({**each, **about()} for each in rows)]
    print(*rows, sep="\n", flush=True)
    results.write(content, lines(content))


def lines(content: dict) -> list[str]:
    """Markdown: accuracy by sparsity, then what a step costs."""
    rows = content["rows"]
    cells = []
    for sparsity in (0.0, *SPARSITIES):
        same = {
            "large": [r for r in rows if r["system"] == "kerasprune" and r["sparsity"] == sparsity],
            "small": [r for r in rows if r.get("beside") == sparsity],
            "peer": [r for r in rows if r["system"] == "tfmot" and r["sparsity"] == sparsity],
        }
        parts = [_accuracy(found) for found in same.values()]
        size = " / ".join(f"{found[0]['parameters']:,}" for found in list(same.values())[:2] if found)
        cells.append((f"{100 * sparsity:.0f} %", size, *parts))
    titles = ("zeros", "parameters, sparse / dense", "large and sparse", "small and dense", "prune_low_magnitude")
    costs = [
        (each["system"], each["backend"], f"{1e3 * each['plain']:.2f} ms", f"{each['pruned']['ratio']:.2f}")
        for each in content.get("costs", [])
    ]
    return [
        "# Gradual magnitude pruning of a small MobileNet, Fashion-MNIST",
        "",
        "Test accuracy, mean (lowest to highest) over the seeds. Zeros are counted in the pointwise convolutions and",
        "the classifier, parameters over the whole network. In the first row nothing is pruned.",
        f"{content.get('budget', '')} {measured_on(rows) if rows else ''}",
        "",
        *table(titles, cells),
        "",
        f"A training step, batches of {BATCH}, median of the processor's time, without XLA; the models of one library",
        "take turns.",
        "",
        *table(("library", "versions", "plain step", "pruned, times as long"), costs),
    ]


def _accuracy(rows: list[dict]) -> str:
    if not rows:
        return ""
    found = [100 * each["accuracy"] for each in rows]
    return f"{np.mean(found):.2f} % ({min(found):.2f} to {max(found):.2f}, {len(found)} seeds)"


def main() -> None:
    """Train what is missing, measure the steps, write the table."""
    parser = arguments(__doc__, needs=(datasets.FASHION_MNIST,), seed=True)
    parser.add_argument("--peer", metavar="PYTHON", help="an interpreter with tensorflow-model-optimization")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--images", type=int, default=20_000, help="of training")
    parser.add_argument("--rounds", type=int, default=200, help="training steps that are timed")
    parser.add_argument("--here", choices=("peer", "kerasprune", "tfmot"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    datasets.find(options.data, datasets.FASHION_MNIST)
    if round(END * options.epochs * (options.images // BATCH)) % EVERY:  # `prune_low_magnitude` would end too early
        parser.error(f"{END:.0%} of the steps must be a multiple of {EVERY}. Take --epochs 5 --images 20000.")
    if options.here:
        print(json.dumps(peer(options) if options.here == "peer" else cost(options, options.here)))
        return
    results = Results(options.output, "gradual_pruning")
    content = results.read()
    content["budget"] = f"{options.epochs} epochs over {options.images:,} images, Adam."
    content.setdefault("rows", [])
    results.write(content, lines(content))
    train_missing(options, results)
    content = results.read()
    words = ["--data", options.data, "--rounds", options.rounds, "--here"]
    content["costs"] = [in_child("benchmarks.gradual_pruning", *words, "kerasprune")]
    if options.peer:
        content["costs"].append(in_child("benchmarks.gradual_pruning", *words, "tfmot", python=options.peer))
    results.write(content, lines(content))
    results.show()


if __name__ == "__main__":
    main()

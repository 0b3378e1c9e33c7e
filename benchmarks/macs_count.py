"""Compare the multiply-accumulates of a trace with those that TensorFlow's profiler counts in the same network.

    python -m benchmarks.macs_count [--only ResNet50 ...]

The profiler counts the floating-point operations of a frozen graph, two for a multiply-accumulate. Of these the table
takes what convolutions and matrix products do; additions, activations and norms are no multiply-accumulates. Grouped
convolutions of Keras (ConvNeXt) are compiled functions on TensorFlow, into which the profiler does not look: their
layers are left out of the share that is compared.
"""

import os
import sys
from pathlib import Path

from benchmarks.harness import Results, arguments, table

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

NETWORKS = (
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "NASNetMobile",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "Xception",
)
PRODUCTS = ("Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2", "Einsum")
LIMIT = 0.02


def main() -> int:
    options = arguments(__doc__, only=NETWORKS).parse_args()
    rows = []
    for name in options.only:
        rows.append(measure(name))
        print(rows[-1], flush=True)
    write(rows, options.output)
    return 0 if all(abs(row["ratio"] - 1) <= LIMIT for row in rows) else 1


def measure(name: str) -> dict:
    """Both counts for one network of `keras.applications`, at its usual size."""
    import keras

    import kerasprune as kp
    from kerasprune.graph import operations

    keras.backend.clear_session()
    model = getattr(keras.applications, name)(weights=None)
    graph = kp.trace(model)
    costs = graph.cost_table.per_layer(graph.keep_all())
    hidden = sum(costs[path][1] for path, layer in operations(model).items() if getattr(layer, "groups", 1) > 1)
    ours, theirs = graph.macs(), profiled(model, graph.input_shapes)
    return {"network": name, "trace": ours, "hidden": hidden, "profiler": theirs, "ratio": (ours - hidden) / theirs}


def profiled(model, input_shapes) -> float:
    """What TensorFlow counts for one sample of these shapes."""
    import tensorflow as tf

    pairs = zip(input_shapes, model.inputs, strict=True)
    shapes = [tf.TensorSpec(shape, tensor.dtype) for shape, tensor in pairs]
    graph = tf.function(lambda *inputs: model(list(inputs), training=False)).get_concrete_function(*shapes).graph
    profiler = tf.compat.v1.profiler
    settings = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation())
    node = profiler.profile(graph, cmd="op", options=settings.with_empty_output().build())
    flops = 0
    while node.children:  # the kinds of operations hang one below the other, with their totals
        (node,) = node.children
        flops += node.float_ops if node.name in PRODUCTS else 0
    return flops / 2


def write(rows: list[dict], folder: Path) -> None:
    """The table as JSON and as Markdown, and on the screen."""
    lines = ["# Multiply-accumulates by two counts", ""]
    lines += ["What the profiler cannot see, grouped convolutions, is left out of the ratio.", ""]
    cells = [
        (r["network"], *(f"{r[key]:,.0f}" for key in ("trace", "hidden", "profiler")), f"{r['ratio']:.4f}")
        for r in rows
    ]
    titles = ("network", "trace", "of it grouped", "TensorFlow's profiler", "ratio")
    results = Results(folder, "macs_count")
    results.write({"rows": rows}, [*lines, *table(titles, cells)])
    results.show()


if __name__ == "__main__":
    sys.exit(main())

"""Show that the cost of a trace grows linearly with the number of calls in a model.

    python -m benchmarks.speed [--blocks 25 50 100 200]

The models are residual networks of that many blocks: two convolutions, two batch normalisations, an addition and two
activations each. Keras' own time to build them is beside it, for comparison. Times are seconds of the processor.
"""

import statistics
import sys
import time

from benchmarks.harness import Results, about, arguments, measured_on, processor_seconds, table

ROUNDS = 7
LIMIT = 1.5  # how much dearer a call may be in the largest model than in the smallest


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--blocks", nargs="+", type=int, default=[25, 50, 100, 200])
    options = parser.parse_args()
    rows = [measure(count) for count in options.blocks]
    growth = rows[-1]["per_call"] / rows[0]["per_call"]
    results = Results(options.output, "speed")
    results.write({"growth": growth, "rows": rows}, lines(rows, growth))
    results.show()
    return 0 if growth <= LIMIT else 1


def measure(blocks: int) -> dict:
    """The median time of a trace of a network of so many blocks."""
    import kerasprune as kp

    start = time.process_time()
    model = residual_network(blocks)
    built = time.process_time() - start
    calls = len(kp.trace(model).calls)
    median = statistics.median(processor_seconds(lambda: kp.trace(model)) for _ in range(ROUNDS))
    row = {"blocks": blocks, "calls": calls, "seconds": median, "per_call": median / calls, "build_seconds": built}
    return row | about()


def residual_network(blocks: int, width: int = 16):
    """A plain residual network on images of 32 x 32."""
    import keras

    layers = keras.layers
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(width, 3, padding="same")(image)
    for _ in range(blocks):
        branch = x
        for _ in range(2):
            branch = layers.Conv2D(width, 3, padding="same", use_bias=False)(branch)
            branch = layers.ReLU()(layers.BatchNormalization()(branch))
        x = layers.Add()([x, branch])
    return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def lines(rows: list[dict], growth: float) -> list[str]:
    """Markdown."""
    cells = [
        (
            row["blocks"],
            row["calls"],
            f"{1e3 * row['seconds']:.1f} ms",
            f"{1e6 * row['per_call']:.1f} us",
            f"{row['build_seconds']:.2f} s",
        )
        for row in rows
    ]
    return [
        "# The cost of a trace",
        "",
        f"A call costs {growth:.2f} times as much in the largest network as in the smallest.",
        measured_on(rows),
        "",
        *table(("residual blocks", "calls", "trace", "per call", "Keras builds it in"), cells),
    ]


if __name__ == "__main__":
    sys.exit(main())

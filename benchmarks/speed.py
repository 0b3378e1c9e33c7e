"""Show that the cost of a trace grows linearly with the number of calls in a model.

    python -m benchmarks.speed [--blocks 25 50 100 200]

The models are residual networks of that many blocks: two convolutions, two batch normalisations, an addition and two
activations each. Keras' own time to build them is beside it, for comparison. Times are seconds of the processor.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROUNDS = 7
LIMIT = 1.5  # how much dearer a call may be in the largest model than in the smallest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", nargs="+", type=int, default=[25, 50, 100, 200])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    rows = [measure(count) for count in options.blocks]
    growth = rows[-1]["per_call"] / rows[0]["per_call"]
    write(rows, growth, options.output)
    return 0 if growth <= LIMIT else 1


def measure(blocks: int) -> dict:
    """The median time of a trace of a network of so many blocks."""
    import kerasprune as kp

    start = time.process_time()
    model = residual_network(blocks)
    built = time.process_time() - start
    calls = len(kp.trace(model).calls)
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        kp.trace(model)
        seconds.append(time.process_time() - start)
    median = statistics.median(seconds)
    return {"blocks": blocks, "calls": calls, "seconds": median, "per_call": median / calls, "build_seconds": built}


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


def write(rows: list[dict], growth: float, folder: Path) -> None:
    """The table as JSON and as Markdown, and on the screen."""
    from kerasprune.core import write_text

    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# The cost of a trace", ""]
    lines += [f"A call costs {growth:.2f} times as much in the largest network as in the smallest.", ""]
    lines += ["| residual blocks | calls | trace | per call | Keras builds it in |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['blocks']} | {row['calls']} | {1e3 * row['seconds']:.1f} ms | {1e6 * row['per_call']:.1f} us "
        f"| {row['build_seconds']:.2f} s |"
        for row in rows
    ]
    text = "\n".join([*lines, ""])
    print(text)
    write_text(folder / "speed.md", text)
    write_text(folder / "speed.json", json.dumps({"growth": growth, "rows": rows}, indent=1))


if __name__ == "__main__":
    sys.exit(main())

"""Random losses, labels, weights and data: our mean loss and the oracle of a channel against `evaluate`.

python -m benchmarks.random_losses --count 2000 --backend jax
"""

import argparse
import os
import sys
import time
import traceback


def main() -> None:
    """Try seeds until the count is reached, and print which differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="Stop after so long.")
    parser.add_argument("--backend", default=os.environ.get("KERAS_BACKEND", "tensorflow"))
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    from tests.laws.random_losses import check_loss  # noqa: PLC0415  (after the backend is chosen)

    _eager(options.backend)
    compared, refused, differ, start = 0, 0, [], time.monotonic()
    for seed in range(options.start, options.start + options.count):
        if time.monotonic() - start > options.seconds:
            break
        try:
            used = check_loss(seed)
        except Exception as error:
            differ.append(seed)
            print(f"seed {seed}: {type(error).__name__}: {' '.join(str(error).split())[:600]}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc(limit=-3)
        else:
            compared, refused = compared + used, refused + (not used)
    total = compared + refused + len(differ)
    print(f"{options.backend}: {total} draws, {compared} equal, {refused} refused by `evaluate`, {len(differ)} differ")
    sys.exit(bool(differ))


def _eager(backend: str) -> None:
    """Without compilation, which takes longer than all else on models that small."""
    if backend == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415

        tf.config.run_functions_eagerly(True)
    if backend == "jax":
        import jax  # noqa: PLC0415

        jax.config.update("jax_disable_jit", True)


if __name__ == "__main__":
    main()

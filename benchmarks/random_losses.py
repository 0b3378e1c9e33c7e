"""Compare our mean loss, and the oracle of a channel, with `evaluate`: `python -m benchmarks.random_losses`.

Losses, labels, weights, structures and data are those of the law tests; the seed of every mismatch is printed, and the
exit code is 1 if there is any. Nothing is compiled, which takes longer than all else on models that small.
"""

import os
import sys
import time
import warnings
from collections.abc import Callable

from benchmarks.harness import about, arguments, measured_on


def main() -> int:
    parser = arguments(__doc__, seed=True, writes=False)
    parser.add_argument("--count", type=int, default=2000, help="how many draws, from that of the seed on")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--backend", default=os.environ.get("KERAS_BACKEND", "tensorflow"))
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    warnings.filterwarnings("ignore")
    compile_nothing(options.backend)
    from tests.laws.random_losses import check_loss

    equal, refused, failures = run(options.seed, options.count, options.seconds, check_loss)
    print(
        f"{equal + refused + len(failures)} draws from seed {options.seed} on {options.backend}: {equal} equal, "
        f"{refused} refused by `evaluate`, {len(failures)} mismatches or exceptions"
    )
    print(measured_on([about()]))
    return 1 if failures else 0


def run(first: int, count: int, seconds: float, check: Callable[[int], bool]) -> tuple[int, int, list[int]]:
    """How many draws are equal, how many are refused by `evaluate`, and the seeds of all others."""
    results: list[bool] = []
    failures, start = [], time.perf_counter()
    for seed in range(first, first + count):
        if time.perf_counter() - start > seconds:
            break
        try:
            results.append(check(seed))
        except Exception as error:  # every kind is a finding
            failures.append(seed)
            print(f"draw {seed}: {type(error).__name__}: {' '.join(str(error).split())[:800]}", flush=True)
        if seed % 20 == 0:
            print(f"{len(results)} done", end="\r", file=sys.stderr, flush=True)
    return sum(results), len(results) - sum(results), failures


def compile_nothing(backend: str) -> None:
    """Let the backend run everything step by step, and no function look for the frames of its errors."""
    import keras

    keras.config.disable_traceback_filtering()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)
        tf.debugging.disable_traceback_filtering()
    if backend == "jax":
        import jax

        jax.config.update("jax_disable_jit", True)
        jax.config.update("jax_disable_most_optimizations", True)  # single operations are compiled still


if __name__ == "__main__":
    sys.exit(main())

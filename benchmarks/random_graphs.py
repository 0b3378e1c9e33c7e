"""Slim thousands of random models and compare each with its masked model: `python -m benchmarks.random_graphs`.

The models are those of the law tests; the seed of every failure is printed, and the exit code is 1 if there is any.
"""

import argparse
import os
import sys
import time
import warnings

import numpy as np


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="how many models (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="number of the first model (default: 0)")
    parser.add_argument("--backend", default=os.environ.get("KERAS_BACKEND", "tensorflow"))
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", module="keras")
    failures, shares, seconds = run(options.seed, options.count)
    for seed, error in failures:
        print(f"model {seed}: {type(error).__name__}: {error}")
    print(
        f"{options.count} random models from seed {options.seed} on {options.backend}: "
        f"{len(failures)} mismatches or exceptions; "
        f"{100 * np.mean(shares):.0f} % of the channels could be removed; {seconds:.0f} s"
    )
    return 1 if failures else 0


def run(first: int, count: int) -> tuple[list[tuple[int, Exception]], list[float], float]:
    """Check `count` models; returns the failures by seed, the shares of removable channels, and the seconds it took."""
    import keras
    from rich.progress import track

    from tests.laws.check_slim import assert_slims_right
    from tests.laws.random_models import from_generator, random_model

    failures, shares, start = [], [], time.perf_counter()
    for seed in track(range(first, first + count), description="slimming random models"):
        rng = np.random.default_rng(seed)
        try:
            shares.append(assert_slims_right(random_model(from_generator(rng)), rng))
        except Exception as error:  # every kind is a finding
            failures.append((seed, error))
        if seed % 50 == 0:
            keras.backend.clear_session()
    return failures, shares, time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())

"""Slim thousands of random models and compare each with its masked model: `python -m benchmarks.random_graphs`.

The models are those of the law tests; the seed of every failure is printed, and the exit code is 1 if there is any.
A model that differs by more than 1e-5 in single precision is built again in double precision: if it agrees there within
1e-12, the difference was rounding (a division by almost nothing, for instance), and it is counted as such.
"""

import os
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

from benchmarks.harness import about, arguments, measured_on


def main() -> int:
    parser = arguments(__doc__, seed=True, writes=False)
    parser.add_argument("--count", type=int, default=2000, help="how many models, from that of the seed on")
    parser.add_argument("--backend", default=os.environ.get("KERAS_BACKEND", "tensorflow"))
    parser.add_argument("--placed", action="store_true", help="put masks and gates at random places")
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    warnings.filterwarnings("ignore", module="keras")
    failures, rounding, shares, seconds = run(options.seed, options.count, check_placed if options.placed else check)
    for seed in rounding:
        print(f"model {seed}: differs by rounding only")
    for seed, error in failures:
        print(f"model {seed}: {type(error).__name__}: {error}")
    what = "weights were left" if options.placed else "channels could be removed"
    print(
        f"{options.count} random models from seed {options.seed} on {options.backend}: "
        f"{len(failures)} mismatches or exceptions, {len(rounding)} differ by rounding only; "
        f"{100 * np.mean(shares):.0f} % of the {what}; {seconds:.0f} s"
    )
    print(measured_on([about()]))
    return 1 if failures else 0


def run(first: int, count: int, check: Callable) -> tuple[list[tuple[int, Exception]], list[int], list[float], float]:
    """Check `count` models.

    Returns:
        The failures by seed, the seeds of those that differ by rounding only, what `check` returned of all others, and
        the seconds it took.
    """
    import keras
    from rich.progress import track

    import kerasprune as kp

    failures, rounding, shares, start = [], [], [], time.perf_counter()
    for seed in track(range(first, first + count), description="slimming random models"):
        try:
            shares.append(check(seed))
        except (kp.VerificationError, AssertionError) as error:
            if agrees_in_double(seed, check):
                rounding.append(seed)
            else:
                failures.append((seed, error))
        except Exception as error:  # every kind is a finding
            failures.append((seed, error))
        if seed % 50 == 0:
            keras.backend.clear_session()
    return failures, rounding, shares, time.perf_counter() - start


def check(seed: int, **limits) -> float:
    """The share of removable channels of one model, which is checked."""
    from tests.laws.check_slim import assert_slims_right
    from tests.laws.random_models import from_generator, random_model

    rng = np.random.default_rng(seed)
    return assert_slims_right(random_model(from_generator(rng)), rng, **limits)


def check_placed(seed: int, **limits) -> float:
    """The share of the weights that are left of one model with masks and gates, which is checked."""
    from tests.laws.placed_layers import assert_placed_slims_right
    from tests.laws.random_models import from_generator

    rng = np.random.default_rng(seed)
    return assert_placed_slims_right(from_generator(rng), rng, **limits)


def agrees_in_double(seed: int, check: Callable) -> bool:
    """Whether the model agrees with its masked one when everything is computed in double precision."""
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        check(seed, tolerance=1e-12)
    except Exception:  # it differs there, too, or the backend has no such precision for one of its layers
        return False
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy(policy)
    return True


if __name__ == "__main__":
    sys.exit(main())

"""Everything that must pass, in one command: `python -m tests` runs lint, import floors and tests on both backends."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
SCRIPTS = Path(sys.executable).parent
PYTEST = [sys.executable, "-m", "pytest"]
# Export writes TFLite and the command line ends in it: both need TensorFlow, the rest runs on every backend.
ANY_BACKEND = ["--ignore=tests/tflite", "--ignore=tests/cli", "-m", "not slow"]
STEPS = (
    ("lint", [SCRIPTS / "ruff", "check", "."], {}),
    ("import floors", [SCRIPTS / "lint-imports"], {}),
    ("tests on TensorFlow", PYTEST, {"KERAS_BACKEND": "tensorflow"}),
    ("tests of the core on JAX", [*PYTEST, *ANY_BACKEND], {"KERAS_BACKEND": "jax"}),
)


def main() -> int:
    """Run the steps; the exit code is that of the first one that fails, else 0."""
    for title, command, settings in STEPS:
        print(f"== {title}", flush=True)
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **settings}
        code = subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode
        if code:
            print(f"== {title}: failed with exit code {code}", file=sys.stderr)
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())

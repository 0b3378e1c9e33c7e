"""Scripts that measure, each `python -m benchmarks.NAME`; what they share is in `benchmarks.harness`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read by TensorFlow when it is imported

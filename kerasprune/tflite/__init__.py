"""From a Keras model to a checked TFLite file, and what that file costs to run."""

from kerasprune.tflite.exporter import ExportResult, export
from kerasprune.tflite.latency import BenchmarkResult, Latency, benchmark
from kerasprune.tflite.runner import Runner, run_tflite

__all__ = [
    "BenchmarkResult",
    "ExportResult",
    "Latency",
    "Runner",
    "benchmark",
    "export",
    "run_tflite",
]

"""From a Keras model to a checked TFLite file, and what that file costs to run."""

from kerasprune.tflite.exporter import ExportResult, export
from kerasprune.tflite.latency import BenchmarkResult, Latency, benchmark
from kerasprune.tflite.processor import Processor, this_processor
from kerasprune.tflite.requirements import assert_installed
from kerasprune.tflite.runner import Runner, run_tflite

__all__ = [
    "BenchmarkResult",
    "ExportResult",
    "Latency",
    "Processor",
    "Runner",
    "assert_installed",
    "benchmark",
    "export",
    "run_tflite",
    "this_processor",
]

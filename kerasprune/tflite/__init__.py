"""From a Keras model to a checked TFLite file, and what that file costs to run."""

from kerasprune.tflite.exporter import ExportResult, export
from kerasprune.tflite.latency import BenchmarkResult, Latency, benchmark
from kerasprune.tflite.latency_table import LatencyTable
from kerasprune.tflite.layer_costs import LayerCosts
from kerasprune.tflite.processor import Processor, this_processor
from kerasprune.tflite.requirements import assert_installed
from kerasprune.tflite.runner import Runner, run_tflite
from kerasprune.tflite.timing import Timing, adb, resolve_timing

__all__ = [
    "BenchmarkResult",
    "ExportResult",
    "Latency",
    "LatencyTable",
    "LayerCosts",
    "Processor",
    "Runner",
    "Timing",
    "adb",
    "assert_installed",
    "benchmark",
    "export",
    "resolve_timing",
    "run_tflite",
    "this_processor",
]

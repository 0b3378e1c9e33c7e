"""From a Keras model to a checked TFLite file, and what that file costs to run."""

from kerasprune.tflite.answers import Answers
from kerasprune.tflite.c_source import CSource, c_source
from kerasprune.tflite.exporter import ExportResult, export
from kerasprune.tflite.file_metadata import file_metadata
from kerasprune.tflite.file_quality import quality_of
from kerasprune.tflite.latency import BenchmarkResult, Latency, benchmark
from kerasprune.tflite.latency_table import LatencyTable
from kerasprune.tflite.layer_costs import LayerCosts
from kerasprune.tflite.layer_errors import LayerError
from kerasprune.tflite.op_times import OpTime, profile
from kerasprune.tflite.plot_latencies import plot_latencies
from kerasprune.tflite.processor import Processor, this_processor
from kerasprune.tflite.requirements import assert_installed
from kerasprune.tflite.runner import Runner, run_tflite
from kerasprune.tflite.timing import Timing, adb, resolve_timing

__all__ = [
    "Answers",
    "BenchmarkResult",
    "CSource",
    "ExportResult",
    "Latency",
    "LatencyTable",
    "LayerCosts",
    "LayerError",
    "OpTime",
    "Processor",
    "Runner",
    "Timing",
    "adb",
    "assert_installed",
    "benchmark",
    "c_source",
    "export",
    "file_metadata",
    "plot_latencies",
    "profile",
    "quality_of",
    "resolve_timing",
    "run_tflite",
    "this_processor",
]

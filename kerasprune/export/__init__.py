"""From a Keras model to a checked TFLite file, and what that file costs to run."""

from kerasprune.export.exporter import ExportResult, export
from kerasprune.export.latency import BenchmarkResult, Latency, benchmark
from kerasprune.export.processor import Processor, this_processor
from kerasprune.export.recipe import Recipe, recipe, recipes
from kerasprune.export.recipes.dynamic import Dynamic
from kerasprune.export.recipes.float16 import Float16
from kerasprune.export.recipes.float32 import Float32
from kerasprune.export.recipes.int8 import Int8
from kerasprune.export.runner import Runner, run_tflite

__all__ = [
    "BenchmarkResult",
    "Dynamic",
    "ExportResult",
    "Float16",
    "Float32",
    "Int8",
    "Latency",
    "Processor",
    "Recipe",
    "Runner",
    "benchmark",
    "export",
    "recipe",
    "recipes",
    "run_tflite",
    "this_processor",
]

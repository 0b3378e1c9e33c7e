"""From a Keras model to a checked TFLite file, and what that file costs to run."""

from kerasprune.tflite.exporter import ExportResult, export
from kerasprune.tflite.latency import BenchmarkResult, Latency, benchmark
from kerasprune.tflite.processor import Processor, this_processor
from kerasprune.tflite.recipe import Recipe, recipe, recipes
from kerasprune.tflite.recipes.dynamic import Dynamic
from kerasprune.tflite.recipes.float16 import Float16
from kerasprune.tflite.recipes.float32 import Float32
from kerasprune.tflite.recipes.int8 import Int8
from kerasprune.tflite.runner import Runner, run_tflite

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

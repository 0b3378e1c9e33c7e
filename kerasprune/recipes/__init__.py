"""Ways to turn a Keras model into a TFLite file: one file per recipe."""

from kerasprune.recipes.dynamic import Dynamic
from kerasprune.recipes.float16 import Float16
from kerasprune.recipes.float32 import Float32
from kerasprune.recipes.int8 import Int8
from kerasprune.recipes.int16x8 import Int16x8
from kerasprune.recipes.recipe import RECIPES, Recipe, register

__all__ = ["RECIPES", "Dynamic", "Float16", "Float32", "Int8", "Int16x8", "Recipe", "names", "register"]

names = RECIPES.names
RECIPES.collect(__name__)

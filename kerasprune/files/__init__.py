"""Opening and writing model files."""

from kerasprune.files.load import load_model
from kerasprune.files.save import save_model

__all__ = ["load_model", "save_model"]

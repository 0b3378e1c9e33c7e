"""Writing a model so that no reader ever meets half a file."""

import os
from pathlib import Path

import keras

from kerasprune.core.errors import ModelFileError, OptionError
from kerasprune.core.files import atomic_path
from kerasprune.core.quiet import quiet
from kerasprune.graph import first_not_finite


def save_model(model: keras.Model, path: str | os.PathLike) -> Path:
    """Write `model` to `path`; a file that stood there is replaced only once the new one is complete.

    Args:
        model: Any Keras model that has been built.
        path: Ends in `.keras` (recommended) or `.h5`. Its folder must exist.

    Returns:
        The path.

    Raises:
        ModelFileError: The suffix is unknown, a weight holds NaN or infinity, or Keras cannot serialize the model.
        OptionError: It is no model.
        FolderError: The file cannot be written: the folder does not exist, the disk is full.

    Example:

    >>> save_model(small, "small.keras")
    PosixPath('small.keras')
    """
    if not isinstance(model, keras.Model):
        raise OptionError(f"`model` must be a keras.Model. Received: {type(model).__name__}.")
    path = Path(path)
    weight = first_not_finite(model)
    if weight is not None:
        raise ModelFileError(
            f"The weight {weight!r} of {model.name!r} holds NaN or infinite values, so it is not written. Where "
            "training made them, take a lower learning rate."
        )
    if path.suffix not in (".keras", ".h5"):
        raise ModelFileError(f"A model file must end in '.keras' or '.h5'. Received: {str(path)!r}.")
    with atomic_path(path) as temporary, quiet("absl"):
        try:
            model.save(temporary)
        except OSError:
            raise
        except Exception as error:  # Keras lets through whatever a layer's own get_config raises
            raise ModelFileError(f"The model {model.name!r} cannot be saved: {error}") from error
    return path

"""Opening what users have on their disks: `.keras` and legacy `.h5`, of Keras 3 and of Keras 2."""

import contextlib
import json
import os
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import keras

from kerasprune.core.errors import ModelFileError
from kerasprune.core.quiet import quiet
from kerasprune.core.temporary import temporary_folder
from kerasprune.files.archive import major, saved_by
from kerasprune.files.keras2 import changed_activations, modernize


def load_model(path: str | os.PathLike, *, trust: bool = False) -> keras.Model:
    """Open a Keras model file.

    The kind of file is told by its content, not by its name. A file of Keras 2 is read through a temporary copy whose
    config says the same in the words of Keras 3 (see `kerasprune.files.keras2`); the file itself is never changed.
    Files are opened in Keras' safe mode: one that holds code of its own (a lambda) is refused. Your own layers must be
    registered with `keras.saving.register_keras_serializable` before.

    Args:
        path: A `.keras` or `.h5` file with architecture and weights.
        trust: Run the code that the file holds. It can do anything that you can do: only for files of your own.

    Returns:
        The model. It is compiled if the file holds settings that Keras can restore; otherwise it is not, and a warning
        says why. The optimizer state of a Keras 2 file is not restored.

    Raises:
        ModelFileError: The file is missing, damaged, not a model, or a model that Keras 3 cannot build.

    Example:

    >>> model.save("classifier.h5")
    >>> load_model("classifier.h5").name == model.name
    True
    """
    path = Path(path)
    with _readable(path) as readable, quiet("absl"):
        try:
            return keras.models.load_model(readable, safe_mode=not trust)
        except Exception as error:  # the settings for training may be what is wrong: the model does without
            compile_error = error
        try:
            model = keras.models.load_model(readable, compile=False, safe_mode=not trust)
        except Exception as error:
            raise ModelFileError(
                f"{str(path)!r} cannot be opened as a Keras model: {_reason(error)}.{_advice(error, trust)}"
            ) from error
    warnings.warn(
        f"The compile settings in {str(path)!r} cannot be restored: {_reason(compile_error)}. "
        "Call `compile` before you train or evaluate the model.",
        stacklevel=2,
    )
    return model


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[Path]:
    """A path under which this Keras can open the file: the file itself, or a temporary copy that it understands."""
    is_zip = _is_zip(path)
    with _damage_named(path):
        is_old = (saved_by(path) if is_zip else _h5_version(path)) < 3
    suffix = ".keras" if is_zip else ".h5"
    if not is_old and path.suffix == suffix:
        yield path
        return
    with temporary_folder() as folder:
        copy = folder / f"model{suffix}"
        with _damage_named(path):
            changed = (_copy_zip if is_zip else _copy_h5)(path, copy) if is_old else _link(path, copy)
        if changed:
            warnings.warn(
                f"{str(path)!r} was saved by Keras 2, whose `hard_sigmoid` is clip(0.2 x + 0.5, 0, 1); in Keras 3 it "
                f"is relu6(x + 3) / 6. The outputs will differ. Layers: {', '.join(changed)}.",
                stacklevel=4,
            )
        yield copy


@contextlib.contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turn what the readers of archives, HDF5 and JSON raise into one sentence about the file."""
    try:
        yield
    except ModelFileError:
        raise
    except Exception as error:  # a damaged file makes the readers raise nearly everything
        raise ModelFileError(f"{str(path)!r} is damaged or no Keras model: {_reason(error)}. Save it again.") from error


def _is_zip(path: Path) -> bool:
    """Whether the file is a `.keras` archive (True) or HDF5 (False); anything else is an error."""
    if not path.exists():
        raise ModelFileError(f"There is no file {str(path)!r}.")
    if path.is_dir():
        raise ModelFileError(
            f"{str(path)!r} is a folder. Expected: a '.keras' or '.h5' file. Keras 3 cannot open a SavedModel; "
            "open it with the Keras that wrote it and save it as '.h5'."
        )
    if zipfile.is_zipfile(path):
        return True
    if h5py.is_hdf5(path):
        return False
    raise ModelFileError(
        f"{str(path)!r} ({path.stat().st_size} bytes) is damaged or no Keras model: it is neither a '.keras' archive "
        "nor an HDF5 file."
    )


def _h5_version(path: Path) -> int:
    """The major version of the Keras that wrote an HDF5 file."""
    with h5py.File(path) as file:
        if "model_config" not in file.attrs:
            raise ModelFileError(
                f"{str(path)!r} is damaged or no Keras model: it has no `model_config`. A file of weights only cannot "
                "be opened: build the model, call `load_weights` and save it whole."
            )
        file["model_weights"]  # raises a KeyError that names it
        return major(file.attrs.get("keras_version"))


def _copy_zip(source: Path, target: Path) -> list[str]:
    """Copy a `.keras` archive of Keras 2 with a modern config; returns the layers whose activation changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        config = json.loads(old.read("config.json"))
        for name in old.namelist():
            new.writestr(name, json.dumps(modernize(config)) if name == "config.json" else old.read(name))
    return changed_activations(config)


def _copy_h5(source: Path, target: Path) -> list[str]:
    """Copy the weights and a modern config of a Keras 2 `.h5` file; returns the layers whose activation changed."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        old.copy("model_weights", new)
        for name, value in old.attrs.items():
            if name in ("model_config", "training_config"):
                config = json.loads(value)
                value = json.dumps(modernize(config))
            new.attrs[name] = value
        return changed_activations(json.loads(old.attrs["model_config"]))


def _link(source: Path, target: Path) -> list[str]:
    """Give a file the suffix by which Keras tells formats apart."""
    target.symlink_to(source.resolve())
    return []


def _reason(error: Exception) -> str:
    """What a Keras exception says in its innermost sentence, without the config that it quotes and the full stop."""
    if isinstance(error, KeyError):
        return f"it lacks {error.args[0]}"
    lines = str(error).split("Exception encountered: ")[-1].strip().splitlines() or [type(error).__name__]
    first = " ".join(" ".join(lines).split()) if lines[0].endswith(":") else lines[0]
    return first.rstrip(". ") if len(first) <= 300 else f"{first[:300]}.."


def _advice(error: Exception, trust: bool) -> str:
    """What opens a file that needs code which is not there, or must not run yet."""
    text = str(error)
    if not trust and ("lambda" in text.lower() and "safe_mode" in text or "Lambda" in text):
        return " It holds Python code: if the file is your own, pass `trust=True`, or --trust on the command line."
    if "Could not locate" in text or "Unknown layer" in text or "not registered" in text:
        return (
            " Import the module that registers it with `keras.saving.register_keras_serializable` before, or name the "
            "module with --custom package.module on the command line."
        )
    return ""

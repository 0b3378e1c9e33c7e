"""What a TFLite file says about itself: labels, normalisation, how it was made."""

import json
import os
from collections.abc import Mapping
from typing import Any

from kerasprune.core.errors import OptionError
from kerasprune.tflite.flatbuffer import metadata, parse, with_metadata
from kerasprune.tflite.runner import read_model

_NAME = "kerasprune.json"


def described(content: bytes, about: Mapping[str, Any]) -> bytes:
    """The same model with `about` in its metadata.

    Raises:
        OptionError: It cannot be written as JSON.
    """
    try:
        text = json.dumps(about, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise OptionError(
            f"`metadata` must be text, numbers, lists and dicts of these: {error}. Received: {about!r:.200}."
        ) from error
    return with_metadata(content, _NAME, text.encode())


def file_metadata(model: str | os.PathLike | bytes) -> dict[str, Any]:
    """What was given to `export` as `metadata`, read from the file, and the recipe that made it.

    Args:
        model: The path of a `.tflite` file, or its bytes.

    Returns:
        The dict; empty where the file has none.

    Raises:
        ModelFileError: The file is missing, damaged or no TFLite model.

    Example:

    >>> path = export(dense, "named.tflite", metadata={"labels": ["cat", "dog", "fish"]}).path
    >>> file_metadata(path)
    {'labels': ['cat', 'dog', 'fish'], 'recipe': 'float32'}
    """
    found = metadata(parse(*read_model(model)), _NAME)
    return {} if found is None else json.loads(found)

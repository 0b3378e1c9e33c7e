"""What the archive of a `.keras` file says about itself, read with care: the file may be anybody's."""

import json
import zipfile
from pathlib import Path

from kerasprune.core.errors import ModelFileError

# Bytes that Keras would read into memory at once. It writes some hundred and some thousand per layer.
_LARGEST = {"metadata.json": 2**20, "config.json": 2**28}
_LARGEST_PACKED = 2**26  # bytes that any other member may have before it counts how well they are packed
_MOST_PACKED = 200  # Keras packs nothing; other packers get weights to a few times smaller


def saved_by(path: Path) -> int:
    """The major version of the Keras that wrote a `.keras` archive, once it is sure that its members can be read.

    Raises:
        ModelFileError: A member is missing, or is far larger than the archive makes one believe, or the metadata is not
            what Keras writes.
    """
    with zipfile.ZipFile(path) as archive:
        missing = {"config.json", "metadata.json", "model.weights.h5"} - set(archive.namelist())
        if missing:
            raise ModelFileError(
                f"{str(path)!r} is damaged or no Keras model: the archive has no {' and no '.join(sorted(missing))}."
            )
        for member in archive.infolist():
            _require_harmless(path, member)
        metadata = json.loads(archive.read("metadata.json"))
    if not isinstance(metadata, dict):
        raise ModelFileError(
            f"{str(path)!r} is damaged or no Keras model: its metadata is a {type(metadata).__name__}; an object with "
            "the version of Keras was expected. Save the model again."
        )
    return major(metadata.get("keras_version"))


def major(version: object) -> int:
    """3 of "3.15.1"; what wrote no version is older than that.

    Raises:
        ModelFileError: It is no version.
    """
    text = version.decode() if isinstance(version, bytes) else "1" if version is None else version
    number = text.split(".")[0] if isinstance(text, str) else ""
    if not number.isdecimal():
        raise ModelFileError(
            f"The file says that Keras {version!r} wrote it; a version such as '3.12.0' was expected. Save the model "
            "again."
        )
    return int(number)


def _require_harmless(path: Path, member: zipfile.ZipInfo) -> None:
    """Refuse a member that would fill the memory or the disk once it is unpacked."""
    size, packed = member.file_size, max(member.compress_size, 1)
    largest = _LARGEST.get(member.filename, max(_LARGEST_PACKED, _MOST_PACKED * packed))
    if size > largest:
        raise ModelFileError(
            f"{str(path)!r} is no Keras model: its {member.filename} unpacks from {packed:,} to {size:,} bytes, at "
            f"most {largest:,} were expected. Do not open a file of unknown origin; your own, save again."
        )

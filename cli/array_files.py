"""Arrays in files: `.npz`, `.npy` and `.csv`, told by what they hold where that can be seen."""

import csv
import math
from pathlib import Path

import numpy as np

from kerasprune_cli.errors import BadInput

LABELS = "y"  # the column of a CSV file, and the array of an .npz file, that holds the labels


def read_npz(path: Path, input_names: list[str]) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file by name; a `.npy` file under that name is read as one."""
    with path.open("rb") as file:
        if file.read(6) == b"\x93NUMPY":
            return read_npy(path, input_names)
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        except Exception as error:  # a damaged archive makes numpy raise nearly everything
            raise _unreadable(path, ".npz file of plain arrays", error) from error


def read_npy(path: Path, input_names: list[str]) -> dict[str, np.ndarray]:
    """The one array of a `.npy` file: the inputs."""
    try:
        return {"x": np.load(path, allow_pickle=False)}
    except OSError:
        raise
    except Exception as error:  # a damaged file makes numpy raise nearly everything
        raise _unreadable(path, ".npy file of a plain array", error) from error


def read_csv(path: Path, input_names: list[str]) -> dict[str, np.ndarray]:
    """The columns of a CSV file with a header: y for the labels, the others for the inputs.

    Args:
        path: The file, in UTF-8 with commas.
        input_names: Of the model. Where every input has a column of its name, these are the inputs; else the columns
            beside y are the features of the one input, in their order.

    Raises:
        BadInput: It is no such table, or a cell that must be a number is none.
    """
    header, rows = _table(path)
    columns = {name: [row[index] for row in rows] for index, name in enumerate(header)}
    labels = {name: _numbers(columns[name], path, name, words=True) for name in (LABELS,) if name in columns}
    if set(input_names) <= set(columns):
        return {name: _numbers(columns[name], path, name, words=True) for name in input_names} | labels
    features = [_numbers(column, path, name) for name, column in columns.items() if name != LABELS]
    if not features:
        raise BadInput(f"{str(path)!r} has no column beside {LABELS}; expected one for every feature of the model.")
    return {"x": np.stack(features, axis=1), **labels}


READERS = {".csv": read_csv, ".npy": read_npy, ".npz": read_npz}


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header of a CSV file and its rows, which are as long as the header."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file, strict=True) if line]
    except (csv.Error, UnicodeDecodeError) as error:
        raise _unreadable(path, "CSV file in UTF-8", error) from error
    if len(lines) < 2:
        raise BadInput(
            f"{str(path)!r} is empty; expected a line with the names of the columns and one line per sample."
        )
    header, rows = [name.strip() for name in lines[0]], lines[1:]
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise BadInput(f"The cells of {str(path)!r} are not parted by commas; write it with commas.")
    if all(_is_number(name) for name in header):
        raise BadInput(
            f"The first line of {str(path)!r} holds numbers; expected the names of the columns, {LABELS} for labels."
        )
    if len(set(header)) < len(header):
        raise BadInput(
            f"Two columns of {str(path)!r} have one name; name them apart. Found: {', '.join(header)[:200]}."
        )
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise BadInput(
                f"Row {number} of {str(path)!r} has {len(row)} cells; the header has {len(header)}, parted by commas."
            )
    return header, rows


def _numbers(cells: list[str], path: Path, name: str, *, words: bool = False) -> np.ndarray:
    """A column as numbers (n,), whole ones as int; as words where it may hold some and does."""
    for number, cell in enumerate(cells, start=2):
        if not _is_number(cell):
            if words and cell.strip():
                return np.array(cells)
            raise BadInput(
                f"Row {number} of {str(path)!r} holds {cell!r} in the column {name!r}; expected a number. Encode words "
                "as numbers, and fill in what is missing."
            )
    values = np.array([float(cell) for cell in cells])
    return values.astype(int) if all(_is_whole(cell) for cell in cells) else values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_whole(cell: str) -> bool:
    digits = cell.strip().lstrip("+-")
    return digits.isdecimal() and math.fabs(float(digits)) < 2**53


def _unreadable(path: Path, kind: str, error: Exception) -> BadInput:
    reason = " ".join(str(error).split()) or type(error).__name__
    return BadInput(f"{str(path)!r} is not a readable {kind}: {reason.rstrip('.')[:200]}. Write it again.")

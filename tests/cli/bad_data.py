"""Data that does not fit, or is none: by name what is wrong, and how the files are made."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

X = np.linspace(0, 1, 12 * 36, dtype="float32").reshape(12, 6, 6, 1)
Y = np.arange(12) % 3
F = X.reshape(12, 36)[:, :4]
R = np.linspace(-1, 1, 12)
B = np.arange(12) % 2
DATES = np.arange("2026-01-01", "2026-01-13", dtype="datetime64[D]")
WORDS = np.array(["ant", "bee", "cat"] * 4)


def _with(array: np.ndarray, value) -> np.ndarray:
    """A copy that holds `value` in one place."""
    copy = np.array(array, dtype=float if isinstance(value, float) else array.dtype)
    copy.flat[5] = value
    return copy


# By name: model, arrays of an .npz file, a word of the sentence.
ARRAYS = {
    "rank too small": ("classifier", {"x": X[:, 0, 0], "y": Y}, "shape"),
    "rank too large": ("classifier", {"x": X[..., None], "y": Y}, "shape"),
    "another width": ("classifier", {"x": X[:, :5], "y": Y}, "shape"),
    "another key": ("classifier", {"images": X, "y": Y}, "images"),
    "labels alone": ("classifier", {"y": Y}, "no inputs"),
    "nothing": ("classifier", {}, "nothing"),
    "other lengths": ("classifier", {"x": X, "y": Y[:5]}, "5 labels"),
    "no sample": ("classifier", {"x": X[:0], "y": Y[:0]}, "empty"),
    "no labels at all": ("classifier", {"x": X, "y": Y[:0]}, "0 labels"),
    "inputs hold NaN": ("classifier", {"x": _with(X, np.nan), "y": Y}, "NaN"),
    "inputs hold infinity": ("classifier", {"x": _with(X, np.inf), "y": Y}, "infinite"),
    "test inputs hold NaN": (
        "classifier",
        {"x_train": X, "y_train": Y, "x_test": _with(X, np.nan), "y_test": Y},
        "NaN",
    ),
    "inputs are objects": ("classifier", {"x": np.array([{}] * 12), "y": Y}, "plain arrays"),
    "inputs are words": ("classifier", {"x": WORDS, "y": Y}, "numbers"),
    "inputs are dates": ("classifier", {"x": DATES, "y": Y}, "numbers"),
    "inputs are complex": ("classifier", {"x": X + 1j, "y": Y}, "numbers"),
    "inputs are one number": ("classifier", {"x": np.float32(3), "y": Y}, "shape ()"),
    "inputs are none": ("classifier", {"x": np.array(None), "y": Y}, "plain arrays"),
    "classes out of range": ("classifier", {"x": X, "y": Y + 1}, "3 classes"),
    "classes below 0": ("classifier", {"x": X, "y": Y - 1}, "-1"),
    "classes are words": ("classifier", {"x": X, "y": WORDS}, "np.unique"),
    "classes are bytes": ("classifier", {"x": X, "y": WORDS.astype("S")}, "np.unique"),
    "classes are dates": ("classifier", {"x": X, "y": DATES}, "dates"),
    "classes are times": ("classifier", {"x": X, "y": DATES - DATES[0]}, "times"),
    "classes are one number": ("classifier", {"x": X, "y": np.int64(1)}, "one number"),
    "classes are complex": ("classifier", {"x": X, "y": Y + 0j}, "complex"),
    "classes are objects": ("classifier", {"x": X, "y": np.array([None] * 12)}, "plain arrays"),
    "classes are records": ("classifier", {"x": X, "y": np.zeros(12, "i4,f4")}, "records"),
    "a class 0.5": ("classifier", {"x": X, "y": _with(Y, 0.5)}, "0.5"),
    "classes and a half": ("classifier", {"x": X, "y": Y[:, None] / 2}, "0.5"),
    "a class NaN": ("classifier", {"x": X, "y": _with(Y, np.nan)}, "NaN"),
    "too many columns": ("classifier", {"x": X, "y": np.eye(5)[Y]}, "(12, 5)"),
    "an axis too many": ("classifier", {"x": X, "y": np.eye(3)[Y][..., None]}, "(12, 3, 1)"),
    "test classes out of range": (
        "classifier",
        {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 5},
        "3 classes",
    ),
    "weights of another length": ("classifier", {"x": X, "y": Y, "sample_weight": np.ones(3)}, "sample weights"),
    "weights below 0": ("classifier", {"x": X, "y": Y, "sample_weight": -np.ones(12)}, "sample weights"),
    "weights hold NaN": ("classifier", {"x": X, "y": Y, "sample_weight": _with(np.ones(12), np.nan)}, "sample weights"),
    "values hold NaN": ("regression", {"x": F, "y": _with(R, np.nan)}, "NaN"),
    "values hold infinity": ("regression", {"x": F, "y": _with(R[:, None], np.inf)}, "infinite"),
    "values are words": ("regression", {"x": F, "y": WORDS}, "words"),
    "values are dates": ("regression", {"x": F, "y": DATES}, "dates"),
    "two values for one": ("regression", {"x": F, "y": np.stack([R, R], 1)}, "(12, 2)"),
    "features too few": ("regression", {"x": F[:, :3], "y": R}, "shape"),
    "binary labels are words": ("binary", {"x": F, "y": WORDS}, "words"),
    "binary labels hold NaN": ("binary", {"x": F, "y": _with(B, np.nan)}, "NaN"),
    "one input missing": ("two_inputs", {"left": F, "y": R}, "right"),
    "one array for two inputs": ("two_inputs", {"x": F, "y": R}, "left, right"),
    "inputs of two lengths": ("two_inputs", {"left": F, "right": F[:5], "y": R}, "different numbers"),
}

# What is in fact fine.
FINE = {
    "one column of classes": ("classifier", {"x": X, "y": Y[:, None]}),
    "classes as whole floats": ("classifier", {"x": X, "y": Y.astype(float)}),
    "pixels without channels": ("classifier", {"x": X[..., 0], "y": Y.astype("uint8")}),
    "weighed samples": ("classifier", {"x": X, "y": Y, "sample_weight": np.ones(12)}),
    "binary labels (n,)": ("binary", {"x": F, "y": B}),
    "binary labels as truth values": ("binary", {"x": F, "y": B.astype(bool)[:, None]}),
    "values (n,)": ("regression", {"x": F.astype("float64"), "y": R}),
    "values (n, 1)": ("regression", {"x": F, "y": R[:, None]}),
}


def npy(header: str, content: bytes = b"") -> bytes:
    """A `.npy` file with this header."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content


def rows(count) -> bytes:
    """A `.npy` file that claims so many rows."""
    return npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count}, 6, 6, 1), }}\n", b"\0" * 144)


def zipped(**members: bytes) -> bytes:
    """An `.npz` file of raw members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def whole() -> bytes:
    """A good `.npz` file."""
    buffer = io.BytesIO()
    np.savez(buffer, x=X, y=Y)
    return buffer.getvalue()


def single(array) -> bytes:
    """A good `.npy` file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


# By file name: the content and a word of the sentence.
FILES = {
    "empty.npz": (b"", "not a readable .npz"),
    "random.npz": (np.random.default_rng(0).bytes(3000), "not a readable .npz"),
    "half.npz": (whole()[:1500], "not a readable .npz"),
    "text.npz": (b"x,y\n1,2\n", "not a readable .npz"),
    "rows_1e8.npz": (zipped(x=rows(10**8)), "not a readable .npz"),
    "rows_1e12.npz": (zipped(x=rows(10**12)), "not a readable .npz"),
    "rows_1e18.npz": (zipped(x=rows(10**18)), "not a readable .npz"),
    "rows_negative.npz": (zipped(x=rows(-3)), "not a readable .npz"),
    "code.npz": (zipped(x=npy("__import__('os').abort()\n")), "not a readable .npz"),
    "damaged.npz": (whole().replace(X[3].tobytes(), X[4].tobytes()), "not a readable .npz"),
    "other_members.npz": (zipped(x=b"text"), "received dtype"),
    "empty.npy": (b"", "not a readable .npy"),
    "half.npy": (single(X)[:500], "not a readable .npy"),
    "objects.npy": (single(np.array([1])).replace(b"'<i8'", b"'|O' "), "not a readable .npy"),
    "rows_1e12.npy": (rows(10**12), "not a readable .npy"),
    "other_shape.npy": (single(F), "shape"),
    "words.npy": (single(WORDS), "numbers"),
    "data.tfrecord": (b"\0" * 20, "function"),
    "data.parquet": (b"PAR1", "no known kind"),
    "data": (b"PAR1", "no known kind"),
}

TABLE = "a,b,c,d,y\n" + "\n".join(f"{n},0.5,{n / 3},1,{n % 2}" for n in range(12)) + "\n"
# By name: the text of a CSV file for a model of four features and one output, and a word of the sentence.
TABLES = {
    "empty": ("", "empty"),
    "header alone": ("a,b,c,d,y\n", "empty"),
    "no header": (TABLE.split("\n", 1)[1], "holds numbers"),
    "row too short": (TABLE + "1,2\n", "Row 14"),
    "a word": (TABLE.replace("0.5", "half", 1), "'half'"),
    "a missing cell": (TABLE.replace("0.5", "", 1), "column 'b'"),
    "NaN": (TABLE.replace("0.5", "nan", 1), "NaN"),
    "two columns of one name": (TABLE.replace("b", "a", 1), "one name"),
    "semicolons": (TABLE.replace(",", ";"), "commas"),
    "labels are words": (TABLE.replace(",0\n", ",no\n").replace(",1\n", ",yes\n"), "words"),
    "a label missing": (TABLE.replace(",0\n", ",\n", 1), "column 'y'"),
    "a feature too many": (TABLE.replace("y", "e"), "shape"),
    "labels alone": ("y\n1\n0\n", "no column"),
    "open quotes": (TABLE + '"1,2,3,4,5\n', "CSV"),
}

# By name: a function's file, and a word of the sentence.
FUNCTIONS = {
    "raises": ("def f(): raise KeyError('boom')", "boom"),
    "returns none": ("def f(): pass", "NoneType"),
    "returns text": ("def f(): return 'text'", "str"),
    "returns a number": ("def f(): return 3", "int"),
    "returns a list": ("def f(): return [1, 2, 3]", "list"),
    "returns an empty list": ("def f(): return []", "empty"),
    "returns an empty dict": ("def f(): return {}", "no inputs"),
    "returns another shape": ("def f(): return np.ones((4, 5)), np.ones(4)", "shape"),
    "returns other lengths": ("def f(): return np.ones((4, 6, 6, 1)), np.zeros(3)", "lengths"),
    "returns four parts": ("def f(): return (np.ones((4, 6, 6, 1)), np.zeros(4), np.ones(4), np.ones(4))", "inputs"),
    "returns three unequal parts": ("def f(): return np.ones((4, 6, 6, 1)), np.zeros(4), np.ones(3)", "lengths"),
    "returns objects": ("def f(): return np.array([object()] * 4), np.zeros(4)", "numbers"),
    "returns words for labels": ("def f(): return np.ones((2, 6, 6, 1)), np.array(['a', 'b'])", "words"),
    "yields unequal batches": (
        "def f(): return iter([(np.ones((2, 6, 6, 1)), np.zeros(2)), (np.ones((2, 5, 5, 1)), np.zeros(2))])", "no data"
    ),
    "fails between batches": ("def f():\n yield np.ones((2, 6, 6, 1)), np.zeros(2)\n raise OSError('gone')", "gone"),
    "needs arguments": ("def f(path): return path", "needs some"),
    "has a syntax error": ("def f(: return 3", "SyntaxError"),
    "has an import error": ("import nowhere_at_all\ndef f(): pass", "nowhere_at_all"),
    "fails on import": ("1 / 0", "division"),
    "ends on import": ("raise SystemExit(0)", "SystemExit"),
    "ends the process": ("def f(): raise SystemExit(0)", "SystemExit"),
    "is none": ("f = 3", "not a function"),
    "is missing": ("", "cannot be imported"),
    "has no end": ("import tensorflow as tf\ndef f(): return tf.data.Dataset.range(3).repeat()", "without end"),
}  # fmt: skip
SOURCES = {
    "nowhere:f": "cannot be imported",
    ".module:f": "cannot be imported",
    ":f": "cannot be imported",
    "json:": "cannot be imported",
    "json:a:b": "cannot be imported",
}


def image(path: Path, value: int = 0, size: tuple[int, int] = (6, 6)) -> None:
    """One grey image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, "uint8")).save(path)


def classes(folder: Path, names: str = "abc", each: int = 2) -> None:
    """A good folder with one sub-folder per class."""
    for number, name in enumerate(names):
        for count in range(each):
            image(folder / name / f"{count}.png", 40 * number)


def _broken(folder: Path) -> None:
    classes(folder)
    (folder / "a" / "0.png").write_bytes(b"no image")


def _half(folder: Path) -> None:
    classes(folder)
    file = folder / "b" / "1.png"
    file.write_bytes(file.read_bytes()[:40])


def _dangling(folder: Path) -> None:
    classes(folder)
    (folder / "b" / "2.png").symlink_to(folder / "nowhere.png")


def _bomb(folder: Path) -> None:
    """A picture that says that it has 10 ** 10 points."""
    classes(folder)
    chunk = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    head = b"IHDR" + chunk
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(chunk)) + head + struct.pack(">I", zlib.crc32(head))
    (folder / "a" / "0.png").write_bytes(data)


def _empty_class(folder: Path) -> None:
    classes(folder)
    (folder / "b2").mkdir()


def _no_image(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a" / "notes.txt").write_text("text")


def _test_lacks_a_class(folder: Path) -> None:
    classes(folder / "train")
    classes(folder / "test", "ab")


def _three_parts(folder: Path) -> None:
    for part in ("train", "val", "test"):
        classes(folder / part)


# By name: what makes the folder, and a word of the sentence.
FOLDERS = {
    "broken": (_broken, "0.png"),
    "half": (_half, "1.png"),
    "dangling": (_dangling, "2.png"),
    "bomb": (_bomb, "0.png"),
    "empty class": (_empty_class, "b2"),
    "no image": (_no_image, "no images"),
    "nothing": (lambda folder: None, "no sub-folders"),
    "flat": (lambda folder: image(folder / "0.png"), "no sub-folders"),
    "one class": (lambda folder: classes(folder, "a"), "one class"),
    "five classes for three": (lambda folder: classes(folder, "abcde"), "3 classes"),
    "train without classes": (lambda folder: image(folder / "train" / "0.png"), "no sub-folders"),
    "test lacks a class": (_test_lacks_a_class, "'c'"),
    "three parts": (_three_parts, "more than two parts"),
}

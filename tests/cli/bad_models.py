"""Model files that are none, or that nobody should open: what is wrong by name, and how the file is made."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np

HUGE = 2**29  # bytes of blanks: more than any member of a model that small may unpack to


def repacked(good: Path, target: Path, **members) -> None:
    """A copy of a `.keras` archive with other members: bytes, None for none, or a function of the old bytes."""
    names = {"config": "config.json", "metadata": "metadata.json", "weights": "model.weights.h5"}
    changes = {names.get(name, name): content for name, content in members.items()}
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name in [*old.namelist(), *(name for name in changes if name not in old.namelist())]:
            content = changes.get(name, lambda same: same)
            if callable(content):
                content = content(old.read(name))
            if content is not None:
                new.writestr(name, content)


def edited(change):
    """A member that holds JSON, changed in place by a function of its data."""

    def edit(content: bytes) -> bytes:
        data = json.loads(content)
        return json.dumps(change(data)).encode()

    return edit


def with_layer(**arguments):
    """A config whose first convolution was made with other arguments."""

    def change(config):
        layer = next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Conv2D")
        layer["config"].update(arguments)
        return config

    return edited(change)


def with_class(**names):
    """A config whose first convolution is of another class."""

    def change(config):
        next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Conv2D").update(names)
        return config

    return edited(change)


def with_weights(change):
    """Weights, changed by a function of the HDF5 file."""

    def edit(content: bytes) -> bytes:
        buffer = io.BytesIO(content)
        with h5py.File(buffer, "r+") as file:
            change(file)
        return buffer.getvalue()

    return edit


def _replace(path: str, value):
    def change(file):
        del file[path]
        if value is not None:
            file[path] = value

    return with_weights(change)


KERNEL = "layers/conv2d/vars/0"
LAMBDA = {"module": "keras.layers", "class_name": "Lambda", "registered_name": None}
CODE = {"function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}}
VERSION = '{"keras_version": %s, "date_saved": "2026-01-01@00:00:00"}'

# By name: the members that differ from those of a good archive, and a word of the sentence.
ARCHIVES = {
    "no config": ({"config": None}, "config.json"),
    "no metadata": ({"metadata": None}, "metadata.json"),
    "no weights": ({"weights": None}, "model.weights.h5"),
    "config is broken": ({"config": b'{"class_name": '}, "cannot be opened"),
    "config is empty": ({"config": b""}, "cannot be opened"),
    "config is a list": ({"config": b"[]"}, "cannot be opened"),
    "config is null": ({"config": b"null"}, "cannot be opened"),
    "config is a number": ({"config": b"3"}, "cannot be opened"),
    "config is not text": ({"config": b"\xff\xfe\x00"}, "cannot be opened"),
    "config is nested": ({"config": b"[" * 100_000}, "cannot be opened"),
    "config is huge": ({"config": b" " * HUGE}, "config.json"),
    "class is unknown": ({"config": with_class(class_name="Nowhere")}, "Nowhere"),
    "class is of another module": ({"config": with_class(module="os", class_name="system")}, "cannot be opened"),
    "class is code": ({"config": with_class(**LAMBDA, config=CODE)}, "cannot be opened"),
    "layer of size 0": ({"config": with_layer(filters=0)}, "cannot be opened"),
    "layer of negative size": ({"config": with_layer(filters=-8)}, "cannot be opened"),
    "layer of 10 ** 15 channels": ({"config": with_layer(filters=10**15)}, "cannot be opened"),
    "layer of no size": ({"config": with_layer(filters="many")}, "cannot be opened"),
    "metadata is broken": ({"metadata": b"{"}, "damaged"),
    "metadata is a list": ({"metadata": b"[]"}, "metadata"),
    "metadata is null": ({"metadata": b"null"}, "metadata"),
    "metadata is huge": ({"metadata": b" " * HUGE}, "metadata.json"),
    "version is a number": ({"metadata": VERSION % 3}, "version"),
    "version is a word": ({"metadata": VERSION % '"new"'}, "version"),
    "version is a list": ({"metadata": VERSION % "[3]"}, "version"),
    "weights are random": ({"weights": bytes(range(256)) * 40}, "cannot be opened"),
    "weights are huge": ({"weights": b"\0" * HUGE}, "model.weights.h5"),
    "weights lack a layer": ({"weights": _replace(KERNEL, None)}, "cannot be opened"),
    "weights of another shape": ({"weights": _replace(KERNEL, np.ones((2, 2)))}, "cannot be opened"),
    "weights are elsewhere": ({"weights": _replace(KERNEL, h5py.ExternalLink("/etc/hostname", "/"))}, "cannot be"),
    "weights hold NaN": ({"weights": _replace(KERNEL, np.full((3, 3, 1, 8), np.nan))}, "NaN"),
    "weights hold infinity": ({"weights": _replace(KERNEL, np.full((3, 3, 1, 8), np.inf))}, "infinite"),
    "a huge member too many": ({"assets/blanks": b" " * HUGE}, "assets/blanks"),
}


def _flagged(whole: bytes, offset: int, value: int) -> bytes:
    """An archive with two bytes of every central header set: its flags or its way of packing."""
    changed, start = bytearray(whole), 0
    while (start := changed.find(b"PK\x01\x02", start)) >= 0:
        changed[start + offset : start + offset + 2] = value.to_bytes(2, "little")
        start += 4
    return bytes(changed)


def _empty_archive() -> bytes:
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    return buffer.getvalue()


# By name: the file as bytes, made from those of a good archive, and a word of the sentence.
FILES = {
    "empty": (lambda whole: b"", "damaged"),
    "half": (lambda whole: whole[: len(whole) // 2], "damaged"),
    "without its end": (lambda whole: whole[:-30], "damaged"),
    "without its start": (lambda whole: whole[1000:], "damaged"),
    "random": (lambda whole: np.random.default_rng(0).bytes(5000), "damaged"),
    "text": (lambda whole: b"not a model", "damaged"),
    "a pickle": (lambda whole: pickle.dumps({"weights": [1, 2]}), "damaged"),
    "an empty archive": (lambda whole: _empty_archive(), "config.json"),
    "encrypted": (lambda whole: _flagged(whole, 8, 1), "damaged"),
    "packed in an unknown way": (lambda whole: _flagged(whole, 10, 97), "damaged"),
}

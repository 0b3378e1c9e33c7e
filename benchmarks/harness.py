"""What every benchmark script shares: its arguments, the machine it runs on, and its results as JSON and Markdown.

Nothing but the standard library is imported at the top: the scripts start this module under interpreters that have no
kerasprune, too, in order to measure other libraries.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def arguments(
    doc: str, *, needs: Sequence[str] = (), seed: bool = False, only: Collection[str] = (), writes: bool = True
) -> argparse.ArgumentParser:
    """A parser with the arguments that scripts have in common; each adds its own.

    Args:
        doc: The docstring of the script.
        needs: Files below the folder of the data; with any, there is a required `--data DIR`.
        seed: Whether there is `--seed`, by default 0.
        only: With any, `--only NAME ...` chooses some of these; by default it is all of them.
        writes: Whether there is `--output`, the folder for the results.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if needs:
        files = ", ".join(needs)
        parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder with {files}")
    if only:
        parser.add_argument("--only", nargs="+", choices=only, default=list(only), metavar="NAME", help="these alone")
    if seed:
        parser.add_argument("--seed", type=int, default=0)
    if writes:
        parser.add_argument("-o", "--output", type=Path, default=RESULTS, metavar="DIR", help="folder for the results")
    return parser


def about() -> dict[str, str]:
    """Where something is measured, as a part of a row: `machine` and `versions`, one line each."""
    from kerasprune.tflite import this_processor

    return {"machine": str(this_processor()), "versions": versions()}


def versions() -> str:
    """Keras, its backend and numpy, and on TensorFlow whether it computes with oneDNN."""
    import keras
    import numpy as np

    name = keras.backend.backend()
    backend = f"{name} {sys.modules[name].__version__}"
    if name == "tensorflow":
        backend += f" with oneDNN {'on' if _onednn_is_on() else 'off'}"
    return f"keras {keras.__version__} on {backend}, numpy {np.__version__}"


def _onednn_is_on() -> bool:
    """TensorFlow switches it on by itself on some processors; on a CPU nothing else convolves with channels first."""
    import tensorflow as tf

    with tf.device("CPU"):
        try:
            tf.nn.conv2d(tf.zeros((1, 1, 2, 2)), tf.zeros((1, 1, 1, 1)), 1, "VALID", data_format="NCHW")
        except tf.errors.UnimplementedError:
            return False
    return True


def measured_on(rows: Iterable[dict]) -> str:
    """A sentence: where the rows were measured and with which versions, as `about` said then."""
    places: dict[str, list[str]] = {}
    for row in rows:
        places.setdefault(row["machine"], []).append(row["versions"])
    if len(places) == 1:
        return "".join(f"Measured on {place}; {'; '.join(dict.fromkeys(v))}." for place, v in places.items())
    parts = (f"{place}: {len(v)} row{'s' * (len(v) > 1)}, {'; '.join(dict.fromkeys(v))}" for place, v in places.items())
    return f"Measured on several machines. {'. '.join(parts)}."


class Results:
    """The results of one script, `NAME.json` and `NAME.md` in one folder; each is written whole or not at all.

    Args:
        folder: Where they are; it is made.
        name: Their name.
    """

    def __init__(self, folder: Path, name: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.json, self.markdown = folder / f"{name}.json", folder / f"{name}.md"

    def read(self) -> dict[str, Any]:
        """What was written last; empty where nothing was."""
        return json.loads(self.json.read_text(encoding="utf-8")) if self.json.is_file() else {}

    def rows(self) -> list[dict]:
        """The rows that were written last."""
        return self.read().get("rows", [])

    def write(self, content: dict[str, Any], lines: Iterable[str]) -> None:
        """Write both files.

        Args:
            content: What the JSON holds; what has been measured at several times, in `rows` with an `about` each.
            lines: Of the Markdown.
        """
        from kerasprune.core import write_text

        write_text(self.json, json.dumps(content, indent=1) + "\n")
        write_text(self.markdown, "\n".join([*lines, ""]))

    def show(self) -> None:
        """Print the Markdown."""
        print(self.markdown.read_text(encoding="utf-8"))


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of a Markdown table."""
    yield f"| {' | '.join(titles)} |"
    yield "|---" * len(titles) + "|"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def in_child(module: str, *words: object, python: str = sys.executable, **environment: str) -> Any:
    """What another process prints as JSON in its last line.

    Args:
        module: A script.
        words: Its arguments.
        python: The interpreter.
        environment: Variables to set.

    Raises:
        RuntimeError: It failed; the text ends with its complaint.
    """
    command = [python, "-m", module, *map(str, words)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} failed with exit code {done.returncode}.\n{done.stderr.strip()[-2000:]}"
        )
    return json.loads(done.stdout.strip().splitlines()[-1])


def processor_seconds(work: Callable[[], object]) -> float:
    """How long some work takes, over all threads; other work on the machine does not count."""
    start = time.process_time()
    work()
    return time.process_time() - start

"""What is left of runs that are killed (SIGKILL) at random moments, and of the run that comes after them.

A run is killed at a moment drawn from the time that an undisturbed one takes, or, every third time, as soon as it
writes. Then every output must be the old one or the complete new one, the next run must end like an undisturbed one,
and no file may be left over after it, beside the outputs or in the folder for temporary files. The script fails if one
of this is not so. Processes are forked from one that has imported everything, so that the time is spent in the work.
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np

import kerasprune as kp
import kerasprune_cli.compress
import kerasprune_cli.export  # noqa: F401  (what the runs import)
from benchmarks.file_content import digest, is_record
from benchmarks.harness import Results, about, arguments, measured_on, table
from kerasprune_cli.main import cli

COMPRESS = ("compress", "model.keras", "-o", "small.keras", "--flops", "0.5", "--data", "data.npz", "--json")
SETTLED = 0.1, 0.9  # the middle, as fractions of an undisturbed run


def _command(*words: str) -> Callable[[], None]:
    return lambda: cli([*words])


def _samples() -> tuple[np.ndarray, np.ndarray]:
    with np.load("data.npz") as data:
        return data["x"], data["y"]


def _fit(model: keras.Model, epochs: int = 1, **span: int) -> None:
    adam = keras.optimizers.Adam(name="adam")  # without a name it would count the trainings of the process
    model.compile(adam, "sparse_categorical_crossentropy")
    model.fit(*_samples(), epochs=epochs, verbose=0)


def _gate() -> None:
    """Gates learned in `fit`, read, cut out and saved."""
    keras.utils.set_random_seed(0)
    gated = kp.gate(kp.load_model("model.keras"), "gumbel", budget=kp.Budget(flops=0.5))
    _fit(gated, epochs=6)
    kp.save_model(kp.slim(gated), "small.keras")


def _strategy(strategy: object) -> Callable[[], None]:
    """A strategy that trains and cuts in turn, and goes on from its file."""

    def work() -> None:
        keras.utils.set_random_seed(0)
        model = kp.load_model("model.keras")
        kept = kp.compress(model, kp.Budget(params=0.5), strategy=strategy, data=_samples(), train=_fit)
        kp.save_model(kept.model, "small.keras")

    return work


# By name: what is run, in a folder with model.keras and data.npz, and the files that it writes.
RUNS: dict[str, tuple[Callable[[], None], tuple[str, ...]]] = {
    "compress": (_command(*COMPRESS, "--criterion", "oracle"), ("small.keras", "small.report.json")),
    "fine-tune": (
        _command(*COMPRESS, "--strategy", "iterative", "--steps", "2", "--finetune-epochs", "2"),
        ("small.keras", "small.report.json"),
    ),
    "serial": (
        _command(
            *(*COMPRESS, "--criterion", "oracle", "--strategy", "serial"),
            *("--strategy-option", "path=steps.json", "--strategy-option", "max_removals=12"),
        ),
        ("small.keras", "small.report.json", "steps.json"),
    ),
    "gate": (_gate, ("small.keras",)),
    "lottery": (
        _strategy(kp.strategies.LotteryTicket(of="weights", steps=2, path="run.npz")),
        ("small.keras", "run.npz"),
    ),
    "retrain": (
        _strategy(kp.strategies.TrainPruneRetrain(steps=3, quality=1.0, path="run.npz")),
        ("small.keras", "run.npz"),
    ),
    "export": (
        _command("export", "model.keras", "-o", "m.tflite", "--recipe", "int8", "--data", "data.npz"),
        ("m.tflite",),
    ),
}
RESUMED = {"steps.json", "run.npz"}  # are there only once a run has begun, and grow


class Trial:
    """One kind of run, killed again and again in one folder.

    Args:
        name: Of `RUNS`.
        place: An empty folder.
        rng: Draws the moments.
    """

    def __init__(self, name: str, place: Path, rng: np.random.Generator):
        self.name, self.rng = name, rng
        self.work, self.outputs = RUNS[name]
        self.place, self.scratch = place / "work", place / "scratch"
        for folder in (self.place, self.scratch):
            folder.mkdir()
        _waited(self._start(_inputs))
        start = time.monotonic()
        if _waited(self._start(self.work)):
            raise RuntimeError(f"The undisturbed run {name!r} fails.")
        self.seconds = time.monotonic() - start
        self.expected = {name: digest(self.place / name) for name in self.outputs}

    def row(self, kills: int) -> dict:
        """Kill so many runs, let a run come after each, and count."""
        counts = dict.fromkeys(("middle", "writing", "old", "new", "ended", "folders left", "bad"), 0)
        for number in range(kills):
            for name in self.outputs:
                (self.place / name).unlink(missing_ok=True)
                if name not in RESUMED:
                    (self.place / name).write_bytes(b"old")
            while_writing = number % 3 == 2
            share = self._killed(while_writing)
            counts["ended"] += share is None
            counts["writing"] += while_writing
            counts["middle"] += share is not None and SETTLED[0] <= share <= SETTLED[1]
            counts["folders left"] += len(self._left())
            whole = [self._state(name) for name in self.outputs]
            counts["old"] += all(state in ("old", "begun") for state in whole)
            counts["new"] += all(state == "new" for state in whole)
            after = _waited(self._start(self.work))
            same = all(self._state(name) == "new" for name in self.outputs)
            fine = "broken" not in whole and after == 0 and same and not self._left()
            if not fine:
                print(self.name, share, whole, after, same, self._left(), file=sys.stderr)
            counts["bad"] += not fine
        return {"run": self.name, "seconds": round(self.seconds, 1), "kills": kills, **counts}

    def _killed(self, while_writing: bool) -> float | None:
        """Start a run and kill it; returns at which share of an undisturbed run, None where it was over by then."""
        start, child = time.monotonic(), self._start(self.work)
        moment = start + self.rng.uniform(0.02, 0.98) * self.seconds
        seen = int(self.rng.integers(1, 6)) if RESUMED & {*self.outputs} else 1  # which of several writings
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if while_writing:
                seen -= any(path.name.startswith(".kerasprune-") for path in self.place.iterdir())
            if seen <= 0 if while_writing else time.monotonic() >= moment:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return (time.monotonic() - start) / self.seconds
            time.sleep(0 if while_writing else 0.002)
        return None

    def _state(self, name: str) -> str:
        """What has become of an output: "old", "new" as of an undisturbed run, "begun" (to be resumed) or "broken"."""
        path = self.place / name
        if name in RESUMED:
            if not path.exists():
                return "old"
            return "new" if digest(path) == self.expected[name] else "begun" if is_record(path) else "broken"
        if path.read_bytes() == b"old":
            return "old"
        return "new" if digest(path) == self.expected[name] else "broken"

    def _left(self) -> list[str]:
        """What lies about beside inputs and outputs."""
        known = {"model.keras", "data.npz", *self.outputs}
        return [
            path.name for folder in (self.place, self.scratch) for path in folder.iterdir() if path.name not in known
        ]

    def _start(self, work: Callable[[], None]) -> int:
        """The number of a new process that does the work in the folder and says nothing."""
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            nothing = os.open(os.devnull, os.O_WRONLY)
            for stream in (1, 2):
                os.dup2(nothing, stream)
            os.chdir(self.place)
            tempfile.tempdir = str(self.scratch)
            work()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            os._exit(code)


def _inputs() -> None:
    """A small classifier, trained a little, and its data, in the working folder."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(512, 12, 12, 3)).astype("float32"), np.arange(512) % 4
    image = keras.Input((12, 12, 3))
    hidden = image
    for width in (16, 24, 32):
        hidden = keras.layers.Conv2D(width, 3, padding="same", use_bias=False)(hidden)
        hidden = keras.layers.ReLU()(keras.layers.BatchNormalization()(hidden))
    hidden = keras.layers.GlobalAveragePooling2D()(hidden)
    model = keras.Model(image, keras.layers.Dense(4, activation="softmax")(hidden))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save("model.keras")
    np.savez("data.npz", x=x, y=y)


def _waited(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _markdown(rows: list[dict]) -> Iterator[str]:
    yield "# Killed runs"
    yield ""
    yield (
        "Runs that were killed (SIGKILL) at a random moment, every third while it wrote, and a run after each. All "
        "old, all new: the outputs after the kill; else some of them. Bad: an output that is neither old nor complete, "
        "or a run after the kill that fails, gives other files than an undisturbed one, or leaves anything behind."
    )
    yield ""
    titles = ("run", "undisturbed", "kills", "at 10 to 90 % of it", "while writing", "over before")
    yield from table(
        (*titles, "all old", "all new", "temporary folders left by the kills", "bad"),
        (
            (
                row["run"],
                f"{row['seconds']} s",
                *(row[key] for key in ("kills", "middle", "writing", "ended", "old", "new", "folders left", "bad")),
            )
            for row in rows
        ),
    )
    yield ""
    yield f"Seed {', '.join(sorted({str(row['seed']) for row in rows}))}. {measured_on(rows)}"


def main() -> int:
    """Measure, write the results and return the exit code."""
    parser = arguments(__doc__, seed=True, only=tuple(RUNS))
    parser.add_argument("--kills", type=int, default=30, help="kills of each kind of run")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    results = Results(options.output, "kills")
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only:
            place = Path(folder, name)
            place.mkdir()
            measured.append({**Trial(name, place, rng).row(options.kills), "seed": options.seed})
            print(measured[-1], flush=True)
    rows = {row["run"]: row for row in (*results.rows(), *({**row, **about()} for row in measured))}
    results.write({"rows": list(rows.values())}, _markdown(list(rows.values())))
    results.show()
    return 1 if any(row["bad"] for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

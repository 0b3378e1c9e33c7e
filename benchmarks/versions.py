"""The oldest and the newest versions that `setup.cfg` admits, each in a fresh environment.

The oldest are the lower bounds of `setup.cfg`, on the oldest Python; the newest are what pip finds, on every one. Each
environment is made in a temporary folder, gets the package with its extras, runs `kerasprune demo` and some tests on
TensorFlow and JAX, and is deleted before the next. Interpreters are looked for on the path and where pyenv keeps them.
"""

import configparser
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Results, arguments, table

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
EXTRAS = ("tflite", "jax")
TESTS = (
    "tests/core",
    "tests/selection",
    "tests/slimming/test_slim.py",
    "tests/criteria/test_score.py",
    "tests/files",
    "tests/recoveries/test_reconstruct.py",
)
CONFLICT = "The conflict is caused by:"  # as pip says it
SHOWN = ("keras", "tensorflow", "jax", "numpy")
BY_NAME = {f"oldest, Python {PYTHONS[0]}": (PYTHONS[0], True)}
BY_NAME |= {f"newest, Python {python}": (python, False) for python in PYTHONS}


def main() -> int:
    """Try the environments, write the results and return the exit code."""
    parser = arguments(__doc__, only=tuple(BY_NAME))
    parser.add_argument("--without-demo", action="store_true", help="leave the demo out")
    options = parser.parse_args()
    results = Results(options.output, "versions")
    rows = {row["name"]: row for row in results.rows()}
    for name in options.only:
        rows[name] = {"name": name, **tried(*BY_NAME[name], demo=not options.without_demo)}
        print(rows[name], flush=True)
        ordered = [rows[known] for known in BY_NAME if known in rows]
        results.write({"rows": ordered}, _markdown(ordered))
    results.show()
    return 0 if all(row["fine"] for row in rows.values()) else 1


def tried(python: str, oldest: bool, demo: bool = True) -> dict:
    """What becomes of one environment.

    Args:
        python: The version of the interpreter.
        oldest: Whether everything is as old as `setup.cfg` allows.
        demo: Whether the demo is run.
    """
    interpreter = find_python(python)
    if interpreter is None:
        return {"python": python, "found": {}, "steps": {"install": "no such interpreter here"}, "fine": False}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        tree = place / "tree"
        tree.mkdir()
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for file in filter(None, files.split("\0")):
            (tree / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, tree / file)
        own = place / "venv" / "bin" / "python"
        bounds = place / "bounds.txt"
        bounds.write_bytes("\n".join(lower_bounds(EXTRAS)).encode() if oldest else b"")
        words = (f".[{','.join(EXTRAS)}]", "pytest", "hypothesis", "--constraint", str(bounds))
        steps = {"install": _ran([interpreter, "-m", "venv", str(own.parents[1])], tree)}
        if steps["install"] == "ok":
            steps["install"] = _ran([own, "-m", "pip", "install", *words], tree)
        if steps["install"] == "ok":
            steps |= _used(own, tree, demo)
        found = _output([own, "-m", "pip", "list", "--format=freeze"]).split() if own.exists() else []
    versions = {name.lower(): version for name, _, version in (line.partition("==") for line in found)}
    return {"python": python, "found": versions, "steps": steps, "fine": all(s == "ok" for s in steps.values())}


def _used(own: Path, tree: Path, demo: bool) -> dict[str, str]:
    """What the demo and the tests say in an environment."""
    steps = {"demo": _ran([own.with_name("kerasprune"), "demo"], tree.parent)} if demo else {}
    for backend in ("tensorflow", "jax"):
        tests = [own, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *TESTS]
        steps[backend] = _ran(tests, tree, KERAS_BACKEND=backend)
    return steps


def find_python(version: str) -> str | None:
    """An interpreter of this version that runs; None where there is none."""
    places = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    for place in filter(None, map(str, places)):
        said = subprocess.run([place, "--version"], capture_output=True, text=True, check=False)
        if said.returncode == 0 and said.stdout.startswith(f"Python {version}."):
            return place
    return None


def lower_bounds(extras: tuple[str, ...]) -> Iterator[str]:
    """The requirements of `setup.cfg`, each pinned to the oldest version that it admits."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = [config["options"]["install_requires"], *(config["options.extras_require"][extra] for extra in extras)]
    for line in "\n".join(lines).split("\n"):
        found = re.fullmatch(r"([\w.-]+)>=([\d.]+)", line.strip())
        if found:
            yield f"{found[1]}=={found[2]}.*"


def _ran(command: list, folder: Path, **environment: str) -> str:
    """ "ok", or the last lines of what a command said when it failed."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **quiet},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return "ok"
    said = (done.stdout + done.stderr).strip().splitlines()
    print("\n".join(said[-40:]), file=sys.stderr)
    if CONFLICT in said:
        said = [" and ".join(line.strip() for line in said[said.index(CONFLICT) + 1 :][:3])]
    wrong = [line for line in said if re.search(r"Error|FAILED|^E ", line)]
    return " ".join((wrong or said or ["?"])[-1].split())[:200]


def _output(command: list) -> str:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout


def _markdown(rows: list[dict]) -> Iterator[str]:
    yield "# Versions"
    yield ""
    yield (
        "Fresh environments: the lower bounds of `setup.cfg` on the oldest Python, and what pip installs today. Each "
        f"runs `kerasprune demo` and, on both backends, {len(TESTS)} groups of tests."
    )
    yield ""
    steps = {"install": "installs", "demo": "demo", "tensorflow": "tests on TensorFlow", "jax": "tests on JAX"}
    yield from table(
        ("environment", *SHOWN, *steps.values()),
        (
            (
                row["name"],
                *(row["found"].get(name, "") for name in SHOWN),
                *(row["steps"].get(step, "not run").replace("|", "/") for step in steps),
            )
            for row in rows
        ),
    )


if __name__ == "__main__":
    sys.exit(main())

"""The code of the documentation runs, and does what the text says."""

import importlib
import importlib.util
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kerasprune as kp
from tests.registries import restored_afterwards

PROJECT = Path(__file__).parents[1]
DOCS = PROJECT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "```python" in path.read_text(encoding="utf-8"))
NOTEBOOKS = sorted(DOCS.rglob("*.ipynb"))


def python_of(page: Path) -> list[str]:
    """The Python code of a page or a notebook, block by block."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        return ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def ran(page: Path) -> dict:
    """The names that the code of a page leaves."""
    namespace: dict = {}
    with restored_afterwards():
        for code in python_of(page):
            exec(compile(code, str(page), "exec"), namespace)
    return namespace


CHECKED = "gates_by_hand"


@pytest.mark.slow
@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ran(page)
    if page.stem == CHECKED:
        assert_gates_make_the_models_smaller(names, page)


def assert_gates_make_the_models_smaller(names: dict, page: Path) -> None:
    assert names["small"].count_params() <= 0.3 * 266_610
    assert names["smaller"].count_params() < names["small"].count_params()
    assert names["plain"].count_params() == 266_610
    code = page.read_text(encoding="utf-8").split("# Gates on single weights")[1].split("```")[1]
    assert len(code.strip().splitlines()) <= 16  # fifteen lines of code behind the name of the language


def test_there_are_pages_and_notebooks_with_code():
    assert len(PAGES) > 12 and len(NOTEBOOKS) == 3 and CHECKED in [page.stem for page in PAGES]


def test_the_reference_has_all_that_is_public():
    told = set(re.findall(r"^::: (\S+)", "".join(p.read_text() for p in DOCS.glob("reference/*.md")), re.MULTILINE))
    public = [getattr(kp, name) for name in kp.__all__ if not inspect.ismodule(getattr(kp, name))]
    for room in (kp.criteria, kp.strategies, kp.recoveries, kp.recipes, kp.gates, kp.sparse):
        public += [entry for entry in room.names.__self__.values() if isinstance(entry, type)]
    paths = {f"{each.__module__}.{each.__qualname__}" for each in public if each.__module__.startswith("kerasprune")}
    assert paths - told == set()


def test_links_between_pages_lead_somewhere():
    for page in DOCS.rglob("*.md"):
        for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert "://" in link or (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_page_is_in_the_navigation():
    named = re.findall(r": (\S+\.md)$", (PROJECT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("mkdocs", "material", "mkdocstrings")),
    reason="needs the extra docs",
)
def test_the_site_is_built_without_a_network_and_refers_to_nothing_outside(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True, env=_without_network())
    assert "benchmarks/results/mnist_sparse.png" in (tmp_path / "guides" / "sparse_weights.html").read_text()
    assert (tmp_path / "benchmarks" / "results" / "mnist_sparse.png").exists()
    for page in tmp_path.rglob("*.html"):
        loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"?(https?://[^\s\">]+)", page.read_text())
        assert loaded == [], page.name


def _without_network() -> dict[str, str]:
    """An environment in which every request would end at a door that is closed."""
    import os

    return {**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


def test_messages_of_the_troubleshooting_are_what_we_say():
    rooms = [PROJECT / "kerasprune", PROJECT / "cli"]
    code = "".join(path.read_text(encoding="utf-8") for room in rooms for path in sorted(room.rglob("*.py")))
    said = re.sub(r"\s+", " ", re.sub(r'"\s*\n\s*f?"', "", code))  # sentences go over several lines
    quoted = re.findall(r'\*\*"(.+?)"\*\*', (DOCS / "troubleshooting.md").read_text(encoding="utf-8"))
    parts = [part.strip(" .,") for message in quoted for part in message.split("...")]
    assert len(quoted) > 15 and [part for part in parts if part not in said] == []

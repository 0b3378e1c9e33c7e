"""What a new user runs first."""

import configparser
import re
import runpy
from pathlib import Path

import setuptools

PROJECT = Path(__file__).parents[2]


def test_the_readme_has_two_commands_and_ci_runs_the_second():
    install, test = re.findall(r"^(python3 -m venv .*)$", (PROJECT / "README.md").read_text(), re.MULTILINE)
    assert install.endswith("kerasprune demo")
    assert test in (PROJECT / ".ci" / "run").read_text().splitlines()


def test_every_package_of_the_tree_is_installed(monkeypatch):
    given = {}
    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr(setuptools, "setup", given.update)
    runpy.run_path("setup.py")
    found = {path.parent.relative_to(PROJECT).as_posix() for path in PROJECT.glob("kerasprune/**/__init__.py")}
    for folder, name in (("cli", "kerasprune_cli"), ("saved_models", "kerasprune_models")):
        assert given["package_dir"][name] == folder
        packages = {path.parent.relative_to(PROJECT).as_posix() for path in PROJECT.glob(f"{folder}/**/__init__.py")}
        found |= {package.replace(folder, name, 1) for package in packages}
    assert sorted(given["packages"]) == sorted(name.replace("/", ".") for name in found)


def test_the_core_needs_no_tensorflow():
    config = configparser.ConfigParser()
    config.read(PROJECT / "setup.cfg", encoding="utf-8")
    names = {
        part: re.findall(r"^[\w-]+", text, re.MULTILINE) for part, text in config["options.extras_require"].items()
    }
    core = re.findall(r"^[\w-]+", config["options"]["install_requires"], re.MULTILINE)
    assert "keras" in core and not {"tensorflow", "ai-edge-litert", "jax", "torch", "matplotlib"} & set(core)
    assert {"tensorflow", "ai-edge-litert", "flatbuffers"} <= set(names["tflite"])

"""What a new user runs first."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_the_readme_has_two_commands_and_ci_runs_the_second():
    install, test = re.findall(r"^(python3 -m venv .*)$", (PROJECT / "README.md").read_text(), re.MULTILINE)
    assert install.endswith("kerasprune demo")
    assert test in (PROJECT / ".ci" / "run").read_text().splitlines()


def test_every_package_of_the_tree_is_installed():
    listed = re.search(r"^packages =\n((?:    .*\n)+)", (PROJECT / "setup.cfg").read_text(), re.MULTILINE)[1].split()
    found = {".".join(path.parent.relative_to(PROJECT).parts) for path in PROJECT.glob("kerasprune/**/__init__.py")}
    assert sorted(listed) == sorted({*found, "kerasprune_cli", "kerasprune_models"})

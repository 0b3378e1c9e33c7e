"""One name, one thing: no two classes and no two modules of the library share one."""

import ast
import collections
from pathlib import Path

import kerasprune

FILES = sorted(Path(kerasprune.__file__).parent.rglob("*.py"))


def assert_unique(places: dict[str, list[str]]) -> None:
    shared = {name: found for name, found in places.items() if len(found) > 1}
    assert not shared, f"These names stand for several things: {shared}"


def test_no_two_classes_share_a_name():
    places = collections.defaultdict(list)
    for file in FILES:
        for item in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(item, ast.ClassDef):
                places[item.name].append(f"{file.name}:{item.lineno}")
    assert len(places) > 50
    assert_unique(places)


def test_no_two_modules_share_a_name():
    places = collections.defaultdict(list)
    for file in FILES:
        places[file.stem if file.stem != "__init__" else file.parent.name + "/"].append(str(file))
    assert_unique(places)

"""Rules about the whole package."""

import ast
import builtins
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

import kerasprune

ROOMS = ["kerasprune"] + [f"kerasprune.{room.name}" for room in pkgutil.iter_modules(kerasprune.__path__) if room.ispkg]
NAMESPACES = ("criteria", "gates", "recipes", "recoveries", "sparse", "strategies")
HEAVY = {
    "ai_edge_litert",
    "click",
    "flatbuffers",
    "matplotlib",
    "optuna",
    "pydantic",
    "rich",
    "scipy",
    "tensorflow",
    "tensorflow_model_optimization",
    "tf_keras",
    "yaml",
}


@pytest.mark.parametrize("room", ROOMS)
def test_all_is_sorted_and_complete(room):
    module = importlib.import_module(room)
    assert list(module.__all__) == sorted(module.__all__, key=lambda name: (not name.isupper(), name.islower(), name))
    public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    modules = {name for name, value in public.items() if isinstance(value, types.ModuleType)}
    assert set(module.__all__) - modules == set(public) - modules - {"TYPE_CHECKING"}


@pytest.mark.parametrize("room", ROOMS[1:])
def test_no_room_is_hidden_by_a_function_of_its_name(room):
    assert getattr(kerasprune, room.partition(".")[2]) is sys.modules[room]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_namespace_has_its_classes_a_decorator_and_the_names(namespace):
    room = getattr(kerasprune, namespace)
    assert namespace in kerasprune.__all__
    registry = room.names.__self__
    assert room.names() == list(registry) and len(room.names()) > 1
    for entry in registry.values():
        if isinstance(entry, type):
            assert getattr(room, entry.__name__) is entry and entry.__name__ in room.__all__


@pytest.mark.parametrize(
    ("old", "namespace"),
    [
        ("criterion", "criteria"),
        ("recipe", "recipes"),
        ("recovery", "recoveries"),
        ("sparsifier", "sparse"),
        ("strategy", "strategies"),
    ],
)
def test_an_old_name_still_works_and_names_the_new_one(old, namespace):
    with pytest.warns(DeprecationWarning, match=f"`kerasprune.{old}` is called `kerasprune.{namespace}.register`"):
        found = getattr(kerasprune, old)
    assert found == getattr(kerasprune, namespace).register


def test_a_name_that_never_was_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'criterium'"):
        kerasprune.criterium  # noqa: B018


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_importing_the_package_loads_nothing_heavy_beyond_keras(backend):
    code = (
        "import keras, sys; before = set(sys.modules); import kerasprune; "
        f"print(sorted({{m.split('.')[0] for m in set(sys.modules) - before}} & {HEAVY!r}))"
    )
    environment = {**os.environ, "KERAS_BACKEND": backend}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


FUNCTIONS = [name for name in kerasprune.__all__ if inspect.isfunction(getattr(kerasprune, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_says_the_types_of_what_it_takes_and_returns(name):
    signature = inspect.signature(getattr(kerasprune, name))
    named = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    assert [each.name for each in named if each.annotation is inspect.Parameter.empty] == []
    assert signature.return_annotation is not inspect.Signature.empty


# What Python and Keras themselves ask for: an attribute that is not there, a method that a subclass must write.
NOT_OURS = {"AttributeError", "NotImplementedError"}


def test_every_error_that_is_raised_on_purpose_is_of_the_one_tree():
    own = {name for name in dir(kerasprune) if name.endswith("Error")}
    assert all(issubclass(getattr(kerasprune, name), kerasprune.KeraspruneError) for name in own)
    builtin = {name for name, value in vars(builtins).items() if isinstance(value, type)} - NOT_OURS
    found = []
    for file in sorted(Path(kerasprune.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and node.exc is not None:
                raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                if getattr(raised, "id", None) in builtin:
                    found.append(f"{file.name}:{node.lineno}: {raised.id}")
    assert found == []

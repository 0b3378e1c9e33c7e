"""What is registered in a room of the library, read off its files, so that a list needs no import of Keras."""

import ast
import dataclasses
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

Definition = ast.ClassDef | ast.FunctionDef
_PLAIN = (bool, int, float, str)


class Variant(NamedTuple):
    """One registered variant: its name, the first line of its docstring, and its options with their defaults."""

    name: str
    sentence: str
    options: dict[str, str]


def listed(room: str, registry: str) -> str:
    """The variants of a registry as lines of text.

    Args:
        room: The package of the library that they are in.
        registry: The name of the registry there.
    """
    kind, variants = read(room, registry)
    lines = [f"{kind}:"]
    for variant in sorted([*variants, *_added(room, registry, {variant.name for variant in variants})]):
        lines.append(f"  {variant.name}: {variant.sentence}")
        options = ", ".join(f"{name}={default}" for name, default in variant.options.items())
        lines += [f"    options: {options}"] if options else []
    return "\n".join(lines)


def read(room: str, registry: str) -> tuple[str, list[Variant]]:
    """What the entries of a registry are called, in the singular, and its variants by name."""
    library = importlib.util.find_spec("kerasprune").submodule_search_locations[0]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(Path(library, room).glob("*.py"))]
    nodes = [node for tree in trees for node in tree.body]
    classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
    decorators = set(_decorators(nodes, registry))
    found = [
        Variant(name, (ast.get_docstring(node) or "").split("\n")[0], dict(_options(node, classes)))
        for node in nodes
        if isinstance(node, Definition)
        for name in _names(node, decorators)
    ]
    return _kind(nodes, registry), sorted(found)


def _added(room: str, registry: str, known: set[str]) -> Iterator[Variant]:
    """What else has been registered in a library that is loaded, for example by the user's own modules."""
    for name, entry in getattr(sys.modules.get(f"kerasprune.{room}"), registry, {}).items():
        if name not in known:
            fields = dataclasses.fields(entry) if dataclasses.is_dataclass(entry) else ()
            options = {field.name: str(field.default) for field in fields if isinstance(field.default, _PLAIN)}
            yield Variant(name, (entry.__doc__ or "").split("\n")[0], options)


def _kind(nodes: list[ast.stmt], registry: str) -> str:
    """The argument of `registry = Registry("...")`."""
    (kind,) = (node.value.args[0].value for node in nodes if isinstance(node, ast.Assign) and _target(node) == registry)
    return kind


def _decorators(nodes: list[ast.stmt], registry: str) -> Iterator[str]:
    """What files an object in the registry: `REGISTRY.register`, a second name for it, a function that calls it."""
    method = f"{registry}.register"
    yield method
    for node in nodes:
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == method:
            yield _target(node)
        elif isinstance(node, ast.FunctionDef) and method in map(ast.unparse, _called(node)):
            yield node.name


def _called(node: ast.FunctionDef) -> Iterator[ast.expr]:
    return (part.func for statement in node.body for part in ast.walk(statement) if isinstance(part, ast.Call))


def _names(node: Definition, decorators: set[str]) -> Iterator[str]:
    """The names under which an object is filed."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) in decorators:
            yield decorator.args[0].value


def _options(node: Definition, classes: dict[str, ast.ClassDef]) -> Iterator[tuple[str, str]]:
    """The fields of a dataclass, those of its bases first, that are truth values, numbers or words."""
    if isinstance(node, ast.FunctionDef):
        return
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in classes:
            yield from _options(classes[base.id], classes)
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and field.value is not None:
            kinds = {kind.strip() for kind in ast.unparse(field.annotation).split("|")}
            if kinds & {"bool", "int", "float", "str"}:
                yield field.target.id, _text(_default(field.value))


def _default(value: ast.expr) -> ast.expr:
    """The default of a field, also where that is written `field(default=...)`."""
    given = value.keywords if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("field") else ()
    return next((each.value for each in given if each.arg == "default"), value)


def _text(value: ast.expr) -> str:
    try:
        return str(ast.literal_eval(value))
    except ValueError:
        return ast.unparse(value)


def _target(node: ast.Assign) -> str:
    return ast.unparse(node.targets[0])

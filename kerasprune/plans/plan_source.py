"""The text of a plan, YAML or JSON, as plain data that knows the line of every key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from kerasprune.core import PlanError

# Keys, and numbers in lists, that lead to a value.
Place = tuple[str | int, ...]


class Mistake(NamedTuple):
    """What is wrong at one place of a plan."""

    place: Place
    sentence: str


@dataclass(frozen=True, eq=False)
class PlanSource:
    """Plain data, and where it stands.

    Attributes:
        content: The data.
        lines: The line of every key and every entry of a list, counted from 1; empty where the data was no text.
        name: Of the file; empty where there was none.
        mistakes: What was found wrong in the text itself.
    """

    content: Any
    lines: Mapping[Place, int] = field(default_factory=dict)
    name: str = ""
    mistakes: tuple[Mistake, ...] = ()

    @classmethod
    def read(cls, path: str | Path) -> "PlanSource":
        """The data of a file.

        Raises:
            PlanError: It cannot be read, or is neither YAML nor JSON.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PlanError(f"The plan {str(path)!r} cannot be read: {error}.") from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str = "") -> "PlanSource":
        """The data of a text.

        Raises:
            PlanError: It is neither YAML nor JSON.
        """
        import yaml  # noqa: PLC0415  (only who reads plans pays for it)

        loader = _loader()(text)
        try:
            node = loader.get_single_node()
            reader = _NodeReader(loader)
            content = {} if node is None else reader.value(node, ())
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            why = getattr(error, "problem", None) or str(error)
            raise PlanError(f"{name or 'The plan'}{line}: this is neither YAML nor JSON: {why}.") from error
        finally:
            loader.dispose()
        return cls(content, reader.lines, name, tuple(reader.mistakes)).inner()

    def inner(self) -> "PlanSource":
        """The plan in a report of ours, where that is what was read."""
        if not (isinstance(self.content, Mapping) and isinstance(self.content.get("plan"), Mapping)):
            return self
        lines = {place[1:]: line for place, line in self.lines.items() if place[:1] == ("plan",)}
        return PlanSource(self.content["plan"], lines, self.name)

    def error(self, mistakes: tuple[Mistake, ...]) -> PlanError:
        """One line for every mistake, in the order of the file."""
        ordered = sorted(mistakes, key=lambda mistake: self.lines.get(mistake.place, 0))
        return PlanError("\n".join(self._told(mistake) for mistake in ordered))

    def _told(self, mistake: Mistake) -> str:
        key = ".".join(map(str, mistake.place))
        line = next((self.lines[place] for place in _upwards(mistake.place) if place in self.lines), None)
        where = [self.name, f"line {line}" if line else "", f"`{key}`" if key else ""]
        return f"{', '.join(filter(None, where)) or 'The plan'}: {mistake.sentence}"


def _upwards(place: Place) -> list[Place]:
    return [place[:length] for length in range(len(place), 0, -1)]


class _NodeReader:
    """Turns nodes of YAML into plain data, and notes lines and keys that stand twice."""

    def __init__(self, loader):
        self.loader = loader
        self.lines: dict[Place, int] = {}
        self.mistakes: list[Mistake] = []

    def value(self, node, place: Place) -> Any:
        """The data of a node."""
        kind = node.id
        if kind == "mapping":
            return self._mapping(node, place)
        if kind == "sequence":
            for number, part in enumerate(node.value):
                self.lines[(*place, number)] = part.start_mark.line + 1
            return [self.value(part, (*place, number)) for number, part in enumerate(node.value)]
        return self.loader.construct_object(node)

    def _mapping(self, node, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, part in node.value:
            key = str(key_node.value)
            here = (*place, key)
            if key in found:
                sentence = f"The key stands twice, in lines {self.lines[here]} and {key_node.start_mark.line + 1}."
                self.mistakes.append(Mistake(here, sentence))
            self.lines[here] = key_node.start_mark.line + 1
            found[key] = self.value(part, here)
        return found


def _loader() -> type:
    """The safe loader of YAML, which also knows that 1e-3 is a number."""
    import yaml  # noqa: PLC0415

    class Loader(yaml.SafeLoader):
        """As YAML 1.2 and JSON have it."""

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
    )
    return Loader

"""Lets the site show the examples of docstrings as code: what begins with `>>>` would be a quotation in Markdown."""

import re

import griffe

_EXAMPLE = re.compile(r"^Example:\n+((?:^(?![A-Z][a-z]+:$).*\n?)+)", re.MULTILINE)


class DocstringExamples(griffe.Extension):
    """Puts fences around examples."""

    def on_object(self, *, obj, **_):
        """Change the docstring of everything that has one."""
        if not obj.is_alias and obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(_fenced, obj.docstring.value)


def _fenced(match: re.Match) -> str:
    return f"**Example**\n\n```pycon\n{match[1].strip()}\n```\n\n"

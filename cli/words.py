"""Sentences of the library in the words of the command line: `data=` is --data there, `round_to=8` is --round-to 8."""

import re
from collections.abc import Iterable

import click

# What Python users do otherwise than by an argument, and what it is called here.
_PHRASES = {
    "Call `compile` before you train or evaluate the model.": "Name a loss with --loss where one is needed.",
    "data=(x, y)": "--data with labels",
    "data=x": "--data",
    "limit=": "samples=",
}
_VALUE = r"(?:'[^']*'|\"[^\"]*\"|\([^)]*\)|\[[^\]]*\]|[^\s,;`()]*[^\s,;.:`()])"


def in_options(text: str, command: click.Command | None) -> str:
    """One line that names the options of `command` where the library names its arguments.

    Args:
        text: What the library says.
        command: What the user has called; None where nothing was.

    Example:

    >>> in_options("`seed` must be at least 0. Received: seed=-1.", benchmark)
    '--seed must be at least 0. Received: --seed -1.'
    """
    text = " ".join(text.split())
    if command is None:
        return text
    options = {option.removeprefix("--").replace("-", "_"): option for option in _long_options(command)}
    flags = {name for name, param in _by_option(command) if getattr(param, "is_flag", False)}
    for phrase, ours in _PHRASES.items():
        text = text.replace(phrase, ours)
    text = re.sub(rf"\bBudget\((\w+={_VALUE})\)", r"\1", text)
    settings = [option for option in options.values() if option.endswith("-option")]
    if len(settings) == 1:
        text = re.sub(rf"\b[A-Z]\w*\((\w+={_VALUE})\)", rf"{settings[0]} \1", text)

    def named(match: re.Match) -> str:
        option, value = options[match["name"]], match["value"]
        return option if value is None or option in flags else f"{option} {value}"

    names = "|".join(sorted(map(re.escape, options), key=len, reverse=True))
    text = re.sub(rf"`(?P<name>{names})(?:=(?P<value>{_VALUE}))?`", named, text)
    return re.sub(rf"(?<![\w`.-])(?P<name>{names})=(?P<value>{_VALUE})", named, text)


def _by_option(command: click.Command) -> Iterable[tuple[str, click.Parameter]]:
    return ((option, param) for param in command.params for option in param.opts if option.startswith("--"))


def _long_options(command: click.Command) -> list[str]:
    return [option for option, _ in _by_option(command)]

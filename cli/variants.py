"""Registered variants by name, with options of their own given as KEY=VALUE."""

import dataclasses
import typing
from collections.abc import Callable, Iterable, Mapping

import click

from kerasprune_cli.errors import BadInput
from kerasprune_cli.listing import listed


def variant_options(what: str, default: str, example: str, several: str = "") -> Callable:
    """`--WHAT NAME` and `--WHAT-option KEY=VALUE`; which names there are is known only when the library is loaded.

    Args:
        what: "criterion", "strategy", ...
        default: The name that is taken when none is given.
        example: An option of one of them, for the help.
        several: What several names with commas between them stand for; empty where one is taken.
    """

    def decorate(command):
        command = click.option(
            f"--{what}-option",
            f"{what}_settings",
            multiple=True,
            metavar="KEY=VALUE",
            help=f"An option of the {what}, for example {example}; repeatable.",
        )(command)
        return click.option(
            f"--{what}",
            metavar="NAME",
            default=default,
            show_default=True,
            help="One of those that --list shows" + (f"; several, with commas: {several}." if several else "."),
        )(command)

    return decorate


def list_option(**registries: str) -> Callable:
    """`--list`: print every registered variant with its options, and exit.

    Args:
        **registries: By the room of the library the name of the registry there.
    """

    def show(ctx, param, wanted):
        if wanted:
            click.echo("\n\n".join(listed(room, registry) for room, registry in registries.items()))
            ctx.exit()

    return click.option(
        "--list",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="List what can be named here, with the options of each, and exit.",
    )


def build(registry: Mapping, name: str, settings: Iterable[str]):
    """An object of the dataclass registered under `name`.

    Args:
        registry: Name to dataclass; its options are the fields that are truth values, numbers or strings.
        name: Which one.
        settings: "key=value" for every field that shall not have its default.

    Raises:
        BadInput: It has no such option, or the option is of another type.
        OptionError: There is no such variant, or it does not take a value.
    """
    variant = registry[name]
    fields = _fields(variant)
    values = {}
    for setting in settings:
        key, sign, text = setting.partition("=")
        if not sign or key not in fields:
            known = f"KEY=VALUE with a key of {', '.join(fields)}" if fields else "none: it has no options"
            raise BadInput(f"{name!r} has no option {setting!r}; expected {known}.")
        kind = _kind(variant, key)
        try:
            values[key] = kind.convert(text, None, None)
        except click.BadParameter as error:
            raise BadInput(f"The option {key} of {name!r} is of type {kind.name}. Received: {text!r}.") from error
    return variant(**values)


def _fields(variant) -> dict[str, dataclasses.Field]:
    """The options of a dataclass that can be given as text; a plain function has none."""
    return {
        field.name: field
        for field in (dataclasses.fields(variant) if dataclasses.is_dataclass(variant) else ())
        if field.init and _kind(variant, field.name) is not None
    }


def _kind(variant, key: str) -> click.ParamType | None:
    """How the text for an option is read; None where no text can say it."""
    hint = typing.get_type_hints(variant)[key]
    allowed = typing.get_args(hint) or (hint,)
    return next((kind for python, kind in _KINDS.items() if python in allowed), None)


_KINDS = {bool: click.BOOL, int: click.INT, float: click.FLOAT, str: click.STRING}

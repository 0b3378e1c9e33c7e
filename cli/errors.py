"""How what goes wrong becomes one sentence on stderr and an exit code."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

import click

from kerasprune_cli.words import in_options

INTERRUPTED = 130  # as shells count it: 128 and the number of the signal

# What Keras can run on, and the extra of this package that installs it.
BACKENDS = {"jax": "jax", "tensorflow": "tflite", "torch": "torch"}


class BadInput(click.ClickException):
    """Something the user gave is wrong; the message is one sentence, the exit code 2."""

    exit_code = 2


@contextlib.contextmanager
def usage_in_one_sentence() -> Iterator[None]:
    """Say what click has against the arguments in one sentence instead of three lines."""
    try:
        yield
    except click.UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # not an error but the help; older versions of click lack it
            raise
        path = error.ctx.command_path if error.ctx else "kerasprune"
        raise BadInput(f"{' '.join(error.format_message().split())} See {path} --help.") from error


@contextlib.contextmanager
def errors_as_sentences(ctx: click.Context) -> Iterator[None]:
    """Turn what commands raise into one sentence, where the user can do something about it."""
    try:
        yield
    except KeyboardInterrupt:
        say_interrupted()
        ctx.exit(INTERRUPTED)
    except ModuleNotFoundError as error:
        if error.name not in BACKENDS:
            raise
        raise BadInput(
            f"Keras needs {error.name}, which is missing. Run: pip install 'kerasprune[{BACKENDS[error.name]}]', "
            "or choose a backend that is installed, as in KERAS_BACKEND=jax."
        ) from error
    except MemoryError as error:
        raise BadInput(
            f"There is not enough memory: {' '.join(str(error).split()) or 'none is left'}. Give less data, or a "
            "smaller model."
        ) from error
    except Exception as error:
        if _is_from_the_user(error):
            raise BadInput(in_options(str(error), called(ctx))) from error
        if isinstance(error, OSError) and error.errno not in (None, errno.EPIPE):
            place = f"{error.filename!r}: " if error.filename else ""
            raise BadInput(
                f"{place}{os.strerror(error.errno)}. Check that the path is right and that you may use it."
            ) from error
        raise


def say_interrupted() -> None:
    """Tell the user what has become of the files."""
    click.echo("Interrupted. Nothing was lost: every file is as it was, or complete.", err=True)


def called(ctx: click.Context) -> click.Command | None:
    """The command that the user has called."""
    name = ctx.invoked_subcommand
    return ctx.command.get_command(ctx, name) if isinstance(ctx.command, click.Group) and name else None


def _is_from_the_user(error: Exception) -> bool:
    """Whether the library raised this on purpose; asked without importing the library, and Keras with it."""
    errors = sys.modules.get("kerasprune.core.errors")
    return errors is not None and isinstance(error, errors.KeraspruneError)

"""The one error of the command line."""

import click


class BadInput(click.ClickException):
    """Something the user gave is wrong; the message is one sentence, the exit code 2."""

    exit_code = 2

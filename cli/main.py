"""The entry point: finds a command by name, imports it only when it is called, and turns errors into exit codes."""

import faulthandler
import importlib
import io
import os
import signal
import sys
import threading

import click

from kerasprune_cli.console import only_our_voice
from kerasprune_cli.errors import INTERRUPTED, errors_as_sentences, say_interrupted, usage_in_one_sentence

_SECONDS_TO_END = 5
COMMANDS = {
    "inspect": "Show what can be removed from MODEL, what cannot, and why.",
    "compress": "Remove channels from MODEL under a budget and write a smaller model.",
    "sensitivity": "Show what MODEL loses when each of its parts alone keeps less and less.",
    "export": "Write MODEL as a TFLite file and check it against Keras.",
    "benchmark": "Measure the latency of a TFLite FILE on this machine.",
    "evaluate": "Measure MODEL, or a .tflite file, on labelled data.",
    "explain": "Show which inputs a sparse MODEL uses, and what is connected with what.",
    "run": "Compress, train and export as a PLAN file says.",
    "demo": "Compress and export the shipped network on the shipped images, offline.",
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports `kerasprune_cli.<name>` when one is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        return importlib.import_module(f"kerasprune_cli.{name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def make_context(self, *arguments, **options) -> click.Context:
        with usage_in_one_sentence():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context):
        with errors_as_sentences(ctx), usage_in_one_sentence(), only_our_voice(ctx):
            return super().invoke(ctx)


def silence_native_logs() -> None:
    """Point the process's stderr at nothing and keep Python's own: TensorFlow logs before any setting can stop it.

    Does nothing when TF_CPP_MIN_LOG_LEVEL is set to less than 3: then the user wants to see them.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        return
    kept = os.dup(2)
    sys.stderr = io.TextIOWrapper(os.fdopen(kept, "wb", 0), write_through=True)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)
    faulthandler.enable(sys.stderr)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="kerasprune")
def cli() -> None:
    """Make Keras models smaller, prove that nothing else changed, and write TFLite files that are faster.

    Exit codes: 0 all went well; 2 the input is wrong, with one sentence on stderr; 130 interrupted, with no file
    harmed; 1 an unexpected error.
    """


def end_when_interrupted() -> threading.Event:
    """Let the first Ctrl-C raise KeyboardInterrupt, and end the process if that is lost, as libraries lose it.

    What is being written stands in temporary folders, so the process can end at any time. Does nothing where interrupts
    are ignored, as in the background of a shell.

    Returns:
        What is set once the user has interrupted.
    """
    interrupted = threading.Event()

    def end(*_) -> None:
        say_interrupted()
        os._exit(INTERRUPTED)

    def interrupt(*_) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, end)
        timer = threading.Timer(_SECONDS_TO_END, end)
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    return interrupted


def main() -> None:
    """What the `kerasprune` command runs."""
    silence_native_logs()
    interrupted = end_when_interrupted()
    try:
        cli()
    except BaseException as end:
        if not interrupted.is_set():
            raise
        if not isinstance(end, SystemExit):  # a library that was interrupted fails of something else
            say_interrupted()
        os._exit(INTERRUPTED)  # all is tidy; who waits for the prompt need not wait for the libraries


if __name__ == "__main__":
    main()

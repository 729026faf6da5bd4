"""The program: its commands, and the one boundary where errors become messages and exit codes."""

import errno
import gc
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from charseq._version import __version__
from charseq.cli import environment, parser_errors, streams
from charseq.cli.command import Group, LazyCommands, new_group
from charseq.cli.errors import print_error
from charseq.cli.options.shared import DebugOption
from charseq.errors import CharseqError, ExitCode
from charseq.system import torchrun
from charseq.system.file_errors import reason, remedy

COLLECTION_THRESHOLD = 50_000
"""Allocations before a garbage collection; Python's default of 700 takes a tenth of the time of --help."""
EXAMPLES = ["charseq train --text hihello --cell lstm", "charseq predict h", "charseq train --help"]

COMMANDS = {
    "train": "charseq.cli.train",
    "predict": "charseq.cli.predict",
    "score": "charseq.cli.score",
    "classify": "charseq.cli.classify",
    "serve": "charseq.cli.serve",
    "inspect-shapes": "charseq.cli.inspect_shapes",
    "inspect-loss": "charseq.cli.inspect_loss",
    "inspect-gradients": "charseq.cli.inspect_gradients",
    "inspect-neurons": "charseq.cli.inspect_neurons",
    "compare": "charseq.cli.compare",
    "plot": "charseq.cli.plot",
    "replay": "charseq.cli.replay",
    "report": "charseq.cli.report",
    "export": "charseq.cli.export",
    "import": "charseq.cli.import_model",
    "cells": "charseq.cli.cells",
    "runs": "charseq.cli.runs",
    "config": "charseq.cli.config_show",
    "completion": "charseq.cli.completion",
}
"""The modules of the commands, in the order of the help."""


class _Program(Group):
    """The program, which imports only the command that it runs."""

    def __init__(self, **details: Any) -> None:
        super().__init__(**{**details, "commands": LazyCommands(COMMANDS)})


app = new_group(
    "charseq",
    EXAMPLES,
    cls=_Program,
    no_args_is_help=True,
    help="Train recurrent networks on character sequences, use them, and inspect them.",
)


def _version(value: bool) -> None:
    if value:
        print(__version__)  # noqa: T201
        raise typer.Exit


@app.callback()
def charseq(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Train recurrent networks on character sequences, use them, and inspect them."""
    environment.warn_of_unknown(context)


def main() -> None:
    """Run the command line of this process."""
    gc.set_threshold(COLLECTION_THRESHOLD)
    status = run(sys.argv[1:])
    gc.freeze()  # a last collection of the objects of torch would take a second
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Run one command, and return its exit code; print an error as one or two lines on standard error."""
    streams.prepare(follows=torchrun.follows() and "train" in arguments)
    try:
        status = app(args=list(arguments), prog_name="charseq", standalone_mode=False)
        sys.stdout.flush()
        return int(status or 0)
    except CharseqError as error:
        print_error(error.message, error.hint, error)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        streams.redirect_to_null(sys.stdout)
        return ExitCode.DONE
    except SystemExit as end:  # typer and rich raise it for a closed pipe
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        streams.redirect_to_null(sys.stdout)
        return ExitCode.DONE
    except OSError as error:
        streams.redirect_to_null(sys.stdout)
        print_error(*_described(error), error)
        return ExitCode.FAILED
    except parser_errors.PARSER_ERROR as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(str(error), err=True)
        elif not streams.follows():
            print_error(*parser_errors.described(error, arguments), error)
        return ExitCode.USAGE
    except Exception as error:
        if _is_out_of_memory(error):
            print_error("out of memory", "use a smaller network or batch size", error)
            return ExitCode.FAILED
        print_error(
            f"this is a bug in charseq: {type(error).__name__}: {error}",
            "please report it with the output of --debug",
            error,
        )
        return ExitCode.BUG


def _described(error: OSError) -> tuple[str, str]:
    """Return the message and the hint for an error of the system; a full disk without a name is output."""
    if error.filename:
        return f"{error.filename!r}: {reason(error)}", remedy(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"cannot write to standard output: {reason(error)}", remedy(error, "redirect the output")
    return reason(error), remedy(error)


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether memory is exhausted; torch raises a RuntimeError, worded by the device."""
    wordings = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(wording in str(error) for wording in wordings)
    )

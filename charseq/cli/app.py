"""The application, and the one boundary where errors become messages and statuses."""

import contextlib
import errno
import gc
import os
import re
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from charseq._version import __version__
from charseq.cli import (
    cells,
    compare,
    completion,
    config_show,
    environment,
    inspect_gradients,
    inspect_shapes,
    predict,
    runs,
    score,
    streams,
    train,
)
from charseq.cli.options.shared import DebugOption, examples
from charseq.errors import CharseqError, ExitCode
from charseq.render.visible import visible
from charseq.suggestions import did_you_mean
from charseq.system.file_errors import reason, remedy

GARBAGE = 50_000
"""Objects made before the collector looks for cycles; at its usual 700 it takes a tenth of --help."""
PARSER_ERROR = typer.BadParameter.__mro__[1]
"""The parser's UsageError, which typer does not export."""

WORDS = (
    (r"\s*\n\s*", " "),  # choices are put in lines
    (r"is not a valid int(eger)?( range)?\.", "is not a whole number"),
    (r"is not in the range (\S+?)<=x<=(\S+?)\.", r"is out of range; it must be at least \1 and at most \2"),
    (r"^No such option: (.+?)(?: \(Possible options: .+\))?\.?$", r"there is no option \1"),
    (r"^No such command (.+?)\.(?: Did you mean .+\?)?$", r"there is no command \1"),
    (r"^Got unexpected extra arguments?(?:\(s\))? \((.*)\)", r"unexpected: \1"),
    (r"\.$", ""),
)
"""What the parser says, and what charseq says instead."""

EXAMPLES = ["charseq train --text hihello --cell lstm", "charseq predict h", "charseq train --help"]

app = typer.Typer(
    name="charseq",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train recurrent networks on character sequences, and look inside them.",
    epilog=examples(EXAMPLES),
)
for module in (
    train,
    predict,
    score,
    inspect_shapes,
    inspect_gradients,
    compare,
    cells,
    runs,
    config_show,
    completion,
):
    module.register(app)


def _version(value: bool) -> None:
    if value:
        print(__version__)  # noqa: T201
        raise typer.Exit


@app.callback()
def charseq(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version alone.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Train recurrent networks on character sequences, and look inside them."""
    environment.tell_of_unknown(context)


def main() -> None:
    """Run the command line of this process."""
    gc.set_threshold(GARBAGE)
    status = run(sys.argv[1:])
    gc.freeze()  # a last collection of the objects of torch would take a second
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Run one command.  Returns the status; every error has become a line or two on standard error."""
    streams.prepare()
    try:
        with _light_help():
            status = app(args=list(arguments), prog_name="charseq", standalone_mode=False)
        sys.stdout.flush()
        return int(status or 0)
    except CharseqError as error:
        _say(error.message, error.hint, error)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        streams.redirect_to_null(sys.stdout)
        return ExitCode.DONE
    except SystemExit as end:  # typer and rich make one of a pipe that was closed
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        streams.redirect_to_null(sys.stdout)
        return ExitCode.DONE
    except OSError as error:
        streams.redirect_to_null(sys.stdout)
        _say(*_told(error), error)
        return ExitCode.FAILED
    except Exception as error:
        if isinstance(error, PARSER_ERROR):
            return _parser_error(error, arguments)
        if _is_lack_of_memory(error):
            _say("there is not enough memory for this", "make the network or the batch smaller", error)
            return ExitCode.FAILED
        _say(f"a bug in charseq: {type(error).__name__}: {error}", "please report it, with --debug", error)
        return ExitCode.BUG


@contextlib.contextmanager
def _light_help() -> Iterator[None]:
    """Spare typer's help the parts of rich that it loads and that charseq's help has no use for.

    Markdown and tracebacks, with the lexers behind them, would be a third of its time.
    """
    unused = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
    mine = [name for name in unused if name not in sys.modules]
    for name in mine:
        sys.modules[name] = types.ModuleType(name)
        setattr(sys.modules[name], unused[name], type(unused[name], (), {}))
    try:
        yield
    finally:
        for name in mine:
            sys.modules.pop(name, None)


def _told(error: OSError) -> tuple[str, str]:
    """What the system refused, and the remedy: what is full and has no name is standard output."""
    if error.filename:
        return f"{reason(error)} {error.filename!r}", remedy(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"cannot write to standard output: {reason(error)}", remedy(error, "send it elsewhere")
    return reason(error), remedy(error)


def _is_lack_of_memory(error: Exception) -> bool:
    """Whether memory ran out; torch tells so by a RuntimeError, in the words of each device."""
    told = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in told)
    )


def _parser_error(error: Exception, arguments: Sequence[str]) -> int:
    context: Any = getattr(error, "ctx", None)
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if not message.strip() or type(error).__name__ == "NoArgsIsHelpError":
        return ExitCode.USAGE
    command = getattr(context, "command_path", "charseq")
    for theirs, ours in WORDS:
        message = re.sub(theirs, ours, message)
    parameter: Any = getattr(error, "param", None)
    variable = getattr(parameter, "envvar", None)
    if (
        variable
        and variable in os.environ
        and not any(a.startswith(tuple(parameter.opts)) for a in arguments)
    ):
        message += f" (from {variable})"
    hint = f"{_suggestion(error, arguments)} {command} --help".lstrip()
    if message.startswith("unexpected") and any(p.name == "text" for p in context.command.params):
        hint = f"a text is given by --text, a file by --file; {hint}"
    _say(message[:1].lower() + message[1:], hint, error)
    return ExitCode.USAGE


def _suggestion(error: Any, arguments: Sequence[str]) -> str:
    """Return what a misspelt option, command or choice may stand for, as a question; empty if unknown."""
    context: Any = getattr(error, "ctx", None)
    if context is None:
        return ""
    if type(error).__name__ == "NoSuchOption":
        name = error.option_name
        if not name.startswith("--"):  # the parser names one letter of -name
            name = next((word for word in arguments if word.startswith(name)), name)
        options = [
            option
            for parameter in context.command.get_params(context)
            if not parameter.hidden
            for option in (*parameter.opts, *parameter.secondary_opts)
            if option.startswith("--")
        ]
        return did_you_mean(name.partition("=")[0], options)
    if found := re.match(r"No such command (['\"])(.+?)\1\.", error.message):
        return did_you_mean(found[2], context.command.commands)
    choices = getattr(getattr(getattr(error, "param", None), "type", None), "choices", ())
    if choices and (found := re.match(r"'(.*)' is not one of", error.message)):
        return did_you_mean(found[1], map(str, choices))
    return ""


def _say(message: str, hint: str, error: BaseException) -> None:
    if os.environ.get("CHARSEQ_DEBUG"):
        import traceback

        traceback.print_exception(error)
    print(f"charseq: {visible(message)}", file=sys.stderr)  # noqa: T201
    if hint:
        print(f"  {visible(hint)}", file=sys.stderr)  # noqa: T201

"""Errors of the option parser, in charseq's words."""

import os
import re
from collections.abc import Sequence
from typing import Any

import typer

from charseq.errors import quoted
from charseq.suggestions import did_you_mean

PARSER_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""The parser's UsageError, which typer does not export."""

REWORDINGS = (
    (r"\s*\n\s*", " "),  # choices are put in lines
    (r"^Invalid value for ['\"]([^'\"]+)['\"](?: / ['\"][^'\"]+['\"])*: ", r"invalid value for \1: "),
    (r"^No such option: (.+?)(?: \(Possible options: .+\))?\.?$", r"unknown option \1"),
    (r"^No such command ['\"](.+?)['\"]\.(?: Did you mean .+\?)?$", r"unknown command '\1'"),
    (r"^Got unexpected extra arguments?(?:\(s\))? \((.*)\)", r"unexpected argument: \1"),
    (r"^Missing argument '(.+?)'\. Choose from: (.*)", r"missing argument \1: choose from \2"),
    (r"is not one of (.*?)\.$", r"is not one of \1"),
    (r"is not a valid boolean\..*", "is not true or false"),
    (r"^Option '(.+?)' requires an argument\.$", r"\1 requires a value"),
    (r"\.$", ""),
)
"""Patterns of the parser's messages, and their replacements."""
QUOTED_BY_REPR = re.compile(r"is not one of|^No such command|is not a valid boolean")
"""Messages in which the parser doubles backslashes."""


def described(error: Any, arguments: Sequence[str]) -> tuple[str, str]:
    """Return the message and the hint for an error of the parser; no message if it printed the help."""
    context: Any = getattr(error, "ctx", None)
    message = error.format_message()
    if QUOTED_BY_REPR.search(message):
        message = message.replace("\\\\", "\\")
    for pattern, replacement in REWORDINGS:
        message = re.sub(pattern, replacement, message)
    if source := _source(getattr(error, "param", None), context):
        message += f" (from {source})"
    first = [word for word in arguments[:1] if not word.startswith("-")]
    command = getattr(context, "command_path", " ".join(["charseq", *first]))
    hints = [_suggestion(error, arguments), f"see '{command} --help'"]
    if message.startswith("unexpected") and any(p.name == "text" for p in context.command.params):
        hints.insert(0, "give a text with --text, or a file with --file")
    hint = "; ".join(filter(None, hints)).replace("?; see", "? Otherwise see")
    return message[:1].lower() + message[1:], hint


def _source(parameter: Any, context: Any) -> str:
    """Return the environment variable, or the --config file, that set a parameter; empty for neither."""
    source = context.get_parameter_source(parameter.name) if context and parameter else None
    if source is None:
        return ""
    if source.name == "DEFAULT_MAP":
        return quoted(context.params.get("config") or "--config")
    names = parameter.envvar or [] if source.name == "ENVIRONMENT" else []
    return next((name for name in ([names] if isinstance(names, str) else names) if os.environ.get(name)), "")


def _suggestion(error: Any, arguments: Sequence[str]) -> str:
    """Return the options, commands or choices that a misspelled one may mean, as a question, or nothing."""
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
            for option in (*parameter.opts, *parameter.secondary_opts)
            if option.startswith("--")
        ]
        return did_you_mean(name.partition("=")[0], options)
    if match := re.match(r"No such command (['\"])(.+?)\1\.", error.message):
        return did_you_mean(match[2], context.command.commands)
    choices = getattr(getattr(getattr(error, "param", None), "type", None), "choices", ())
    if choices and (match := re.match(r"'(.*)' is not one of", error.message)):
        return did_you_mean(match[1], map(str, choices))
    return ""

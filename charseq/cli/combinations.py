"""Options that cannot be combined, because one would silently have no effect."""

import os
from collections.abc import Collection, Mapping

import typer

from charseq.errors import UsageError, cannot_combine
from charseq.settings.setting import option_name


def on_command_line(context: typer.Context) -> set[str]:
    """Return the names of the parameters that were given on the command line itself.

    Variables and files are excluded: they set an option for many commands, and it may have no effect in one.
    """
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}


def refuse_unused(
    context: typer.Context,
    option: str,
    unused: Collection[str],
    why: str,
    *,
    hint: str = "give one of them",
) -> None:
    """Refuse parameters given on the command line that have no effect beside an option.

    `why` completes "--seed cannot be combined with --beam: ...".  Raises UsageError.
    """
    explicit = on_command_line(context)
    if names := [option_name(name) for name in context.params if name in unused and name in explicit]:
        raise cannot_combine(option, names, why, hint=hint)


def refuse_all_but(context: typer.Context, option: str, used: Collection[str], why: str) -> None:
    """Refuse every parameter given on the command line except `used`.  Raises UsageError."""
    refuse_unused(context, option, context.params.keys() - set(used), why)


def refuse_split_of_nothing(context: typer.Context) -> None:
    """Refuse --validation-split beside an option that holds out no text.  Raises UsageError."""
    why, values = "no text is held out", context.params
    if values["stride"]:
        refuse_unused(context, "--stride", {"validation_split"}, why)
    if values["validation"] == 0:
        refuse_unused(context, "--validation 0", {"validation_split"}, why)
    if values["validation_file"]:
        refuse_unused(context, "--validation-file", {"validation_split"}, why)


def refuse_encoding_of_nothing(context: typer.Context) -> None:
    """Refuse --encoding without a file or standard input.  Raises UsageError."""
    values = context.params
    named = [name for value in values.values() if isinstance(value, list | tuple) for name in value]
    files = values["file"] or values.get("against") or os.environ.get("CHARSEQ_FILE")
    if files or "-" in named or values.get("resume"):
        return
    if "encoding" in on_command_line(context):
        raise UsageError(
            "--encoding applies to files and standard input, and none is read",
            hint="give --file PATH, or leave --encoding out",
        )


def refuse_beside_a_model(options: Mapping[str, object]) -> None:
    """Refuse any value that is not None: --model has its own network.  Raises UsageError."""
    names = [option_name(name) for name, value in options.items() if value is not None]
    if names:
        raise cannot_combine(
            "--model",
            names,
            "a model has its own network",
            hint="leave --model out to inspect initial weights (it may come from CHARSEQ_MODEL)",
        )

"""Options that cannot be combined: each would silently do nothing beside another."""

from collections.abc import Collection, Sequence

import typer

from charseq.errors import cannot_combine


def on_command_line(context: typer.Context) -> set[str]:
    """Return the names of the parameters that were given on the command line itself.

    A variable or a file may set an option for many commands, so it may do nothing in one of them.
    """
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}


def refuse_unused(context: typer.Context, option: str, unused: Collection[str], why: str) -> None:
    """Refuse parameters given on the command line that do nothing beside an option.

    `why` completes "--seed cannot be combined with --beam: ...".  Raises UsageError.
    """
    given = on_command_line(context)
    if names := [named(name) for name in context.params if name in unused and name in given]:
        raise cannot_combine(option, names, why)


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


def exclusive(**given: object) -> None:
    """Refuse two options that say opposite things.  Raises UsageError."""
    chosen: Sequence[str] = [named(name) for name, value in given.items() if value]
    if len(chosen) > 1:
        raise cannot_combine(chosen[0], chosen[1:])


def named(parameter: str) -> str:
    """Return the option of a parameter."""
    return f"--{parameter.replace('_', '-')}"

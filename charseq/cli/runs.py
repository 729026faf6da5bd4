"""charseq runs: list runs, and show the contents of a model file.  Never imports torch."""

import sys
from typing import Annotated, Any

import typer

from charseq.cli import runs_remove, streams
from charseq.cli.combinations import on_command_line
from charseq.cli.command import add_command, new_group
from charseq.cli.config import ConfigOption
from charseq.cli.options.shared import (
    DebugOption,
    FormatOption,
    JSONOption,
    RunArgument,
    chosen_format,
    option,
)

EXAMPLES = ["charseq runs", "charseq runs --json", "charseq runs show", "charseq runs show --verify"]


def register(app: typer.Typer) -> None:
    """Add the command, which is a group that lists by itself."""
    group = new_group("runs", EXAMPLES)
    group.callback(invoke_without_command=True)(streams.quiet_on_broken_pipe(runs))
    add_command(group, "show", show, EXAMPLES[2:])
    runs_remove.register(group)
    app.add_typer(group)


def runs(
    context: typer.Context,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """List the runs, oldest first: model, status and results."""
    if context.invoked_subcommand:
        _pass_on(context, context.invoked_subcommand)
        return
    from charseq.render.base import renderer_for
    from charseq.render.runs import RUNS
    from charseq.runs.folder import all_runs, runs_folder
    from charseq.runs.history import summary

    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    found = [summary(folder) for folder in all_runs()]
    if not found:
        streams.report(f"no runs in {str(runs_folder())!r}; 'charseq train' creates one", "dim")
        return
    with renderer_for(form, RUNS, sys.stdout) as renderer:
        for run in found:
            renderer.show(run)


def _pass_on(context: typer.Context, command: str) -> None:
    """Let `runs --json show` be `runs show --json`."""
    defaults: dict[str, Any] = dict(context.default_map or {})
    given = {name: context.params[name] for name in on_command_line(context) & {"format", "json"}}
    defaults[command] = {**defaults.get(command, {}), **given}
    context.default_map = defaults


def show(
    run: RunArgument = None,
    verify: Annotated[bool, option("--verify", help="Read all tensors and check their hashes.")] = False,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Show the contents of a model file: network, vocabulary, settings, measurements and tensors."""
    from charseq.model.model_file import describe
    from charseq.render.base import renderer_for
    from charseq.render.model import model_view
    from charseq.runs.model_paths import model_path

    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    path = model_path(run)
    with renderer_for(form, model_view(path, verified=verify), sys.stdout) as renderer:
        renderer.show(describe(path, verify=verify))

"""charseq runs: what there is, and what a model file holds.  Never imports torch."""

import sys
from typing import Annotated, Any

import typer

from charseq.cli import completions, streams
from charseq.cli.combinations import on_command_line
from charseq.cli.config import ConfigOption
from charseq.cli.options.shared import DebugOption, FormatOption, JSONOption, chosen_format, examples, option

EXAMPLES = ["charseq runs", "charseq runs --json", "charseq runs show", "charseq runs show --verify"]


def register(app: typer.Typer) -> None:
    """Add the command, which is a group that lists by itself."""
    group = typer.Typer(context_settings={"help_option_names": ["-h", "--help"]})
    listed = streams.quiet_on_broken_pipe(runs)
    group.callback(invoke_without_command=True, epilog=examples(EXAMPLES))(listed)
    group.command("show", epilog=examples(EXAMPLES[2:]))(streams.quiet_on_broken_pipe(show))
    app.add_typer(group, name="runs")


def runs(
    context: typer.Context,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """List the runs here, the oldest first: what was trained, how it ended, and what came of it."""
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
        streams.report(f"there is no run in {str(runs_folder())!r}; charseq train makes one", "dim")
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
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            envvar="CHARSEQ_MODEL",
            show_envvar=False,
            help="A run's folder, its name in runs/, or a model file.",
            show_default="the newest run",
            autocompletion=completions.models,
        ),
    ] = None,
    verify: Annotated[
        bool, option("--verify", help="Read the tensors, too, and check the hash of each.")
    ] = False,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Tell what a model file holds: network, vocabulary, settings, measures, tensors; nothing is executed."""
    from charseq.model.model_file import describe
    from charseq.render.base import renderer_for
    from charseq.render.model import model_view
    from charseq.runs.model_paths import model_path

    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    path = model_path(run)
    with renderer_for(form, model_view(path, verified=verify), sys.stdout) as renderer:
        renderer.show(describe(path, verify=verify))

"""charseq import: make a run of a model that was exported, or trained elsewhere.  Never imports torch."""

from pathlib import Path
from typing import Annotated

import typer

from charseq.cli import completions, streams
from charseq.cli.combinations import refuse_unused
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.parsers import filled, folder
from charseq.cli.options.shared import DebugOption, QuietOption, option
from charseq.errors import quoted
from charseq.render.visible import visible

EXAMPLES = [
    "charseq export -o shared && charseq import shared",
    "charseq import shared --out runs/shared",
    "charseq import shared --out runs/shared --force",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "import", import_model, EXAMPLES)


def import_model(
    context: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            parser=folder,
            help="A folder of 'charseq export', or the state_dict of an RNN, LSTM or GRU "
            "(a .safetensors file).",
            autocompletion=completions.imports,
        ),
    ],
    vocabulary_file: Annotated[
        Path | None,
        option(
            "--vocabulary-file",
            metavar="FILE",
            parser=folder,
            help="Symbols of a state_dict, in the order of their ids: a JSON list, or an object of symbols "
            "and ids (.json), or a text file of characters.",
        ),
    ] = None,
    cell: Annotated[
        str | None,
        option(
            "--cell", metavar="NAME", parser=filled, help="Cell of a state_dict.", default="from its shapes"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        option(
            "--out", metavar="FOLDER", parser=folder, help="The run's folder.", default="a new one in runs/"
        ),
    ] = None,
    force: Annotated[bool, option("--force", help="Replace an existing run in --out.")] = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Make a run of a model that was exported by charseq, or trained elsewhere."""
    from charseq.export.importing import read_model
    from charseq.model.tensor_file import is_exported
    from charseq.runs.imported import check_destination, save_imported

    check_destination(out, force=force)
    if is_exported(path):
        refuse_unused(context, f"the folder {quoted(path)}", {"vocabulary_file", "cell"}, "it has its own")
    model, notes = read_model(path, vocabulary_file, cell)
    run = save_imported(model, out, force=force)
    for note in notes:
        streams.report(note)
    print(visible(str(run)))  # noqa: T201

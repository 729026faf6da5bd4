"""Options that several commands share and that are no settings."""

import os
from collections.abc import Collection
from typing import Annotated, Any, Literal

import typer

from charseq.cli import completions, streams
from charseq.cli.environment import variable
from charseq.cli.options.parsers import encoding, filled
from charseq.errors import UsageError, cannot_combine
from charseq.render.base import Form
from charseq.settings.setting import ADVANCED, MODEL, OUTPUT, TEXT
from charseq.text.units import Normalization, Unit, Unknown

Format = Literal["auto", "table", "plain", "json"]


def option(
    *names: str, help: str, panel: str = OUTPUT, listed: bool = False, default: str = "", **more: Any
) -> Any:
    """Return an option that a variable CHARSEQ_<NAME> can set, too.

    `default` is the default in words.  A `listed` option is repeatable; its variable is read by
    text_input.from_environment, which does not split it at spaces.
    """
    variables = [variable(name.split("/")[0]) for name in names if name.startswith("--")]
    return typer.Option(
        *names,
        help=help,
        envvar=None if listed else variables,
        show_envvar=False,
        show_default=default or True,
        rich_help_panel=panel,
        **more,
    )


def cells_of(names: str | None, *, others: Collection[str] = ()) -> list[str]:
    """Return the cells that --cells names, each once, by default rnn, lstm and gru.

    `others` are further names that it may have, which the default and "all" do not.  Raises UsageError.
    """
    from charseq.cells import all_cells, cell_named

    if names is None:
        return ["rnn", "lstm", "gru"]
    if names.strip() == "all":
        return [cell.name for cell in all_cells()[0]]
    cells = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if not cells:
        raise UsageError(f"--cells {names!r} names no cell", hint="write --cells rnn,lstm, or --cells all")
    return [name if name in others else cell_named(name).name for name in cells]


def chosen_format(form: Format, *, json: bool, terminal: bool) -> Form:
    """Return the format that --format and --json ask for; auto is a table on a terminal, else plain."""
    if json and form not in ("auto", "json"):
        raise cannot_combine("--json", [f"--format {form}"])
    if json:
        return "json"
    if form == "auto":
        return "table" if terminal else "plain"
    return form


def _debug(value: bool) -> bool:
    if value:
        os.environ["CHARSEQ_DEBUG"] = "1"
    return value


def set_quiet(value: bool) -> bool:
    """Let messages be printed, or only errors; return the value of the option."""
    streams.set_quiet(value)
    return value


def text_option(help: str) -> Any:
    """Return the option --text, with its help."""
    return option("--text", metavar="STRING", help=help, panel=TEXT, listed=True)


def file_option(help: str) -> Any:
    """Return the option --file, with its help."""
    return option("--file", metavar="PATH", help=help, panel=TEXT, listed=True)


TextOption = Annotated[list[str] | None, text_option("A text. May be repeated; each is a separate sequence.")]
FileOption = Annotated[
    list[str] | None,
    file_option(
        "A UTF-8 text file, a folder (every text file below it), or - (standard input). May be repeated."
    ),
]
LinesOption = Annotated[
    bool,
    option(
        "--lines",
        help="Each line is a separate sequence, with a learned beginning and end. Empty lines are left out.",
        panel=TEXT,
    ),
]
ValidationFileOption = Annotated[
    list[str] | None,
    option(
        "--validation-file",
        metavar="PATH",
        help="File or folder with the validation text, which is not trained on; - is standard input. "
        "May be repeated. With it, nothing is held out of the training text.",
        panel=ADVANCED,
        listed=True,
    ),
]
UniqueOption = Annotated[
    bool, option("--unique", help="Drop lines that repeat an earlier one (requires --lines).", panel=ADVANCED)
]
LabelsOption = Annotated[
    bool,
    option(
        "--labels",
        help="Each line is a label, a tab and a text; implies --lines. The model generates texts of a label, "
        "and classifies texts.",
        panel=TEXT,
    ),
]
UnitOption = Annotated[
    Unit,
    option("--unit", help="Unit of text; a character is a Unicode code point.", panel=ADVANCED),
]
NormalizeOption = Annotated[
    Normalization, option("--normalize", help="Unicode normalization of the text.", panel=ADVANCED)
]
VocabularyOption = Annotated[
    str,
    option(
        "--vocabulary",
        metavar="CHARACTERS",
        help="Characters to add to the vocabulary of the text.",
        panel=ADVANCED,
    ),
]
LabelOption = Annotated[
    str | None,
    option(
        "--label",
        parser=filled,
        metavar="LABEL",
        help="Label of the texts, for a model trained with --labels.",
        autocompletion=completions.labels,
        panel=TEXT,
    ),
]
EncodingOption = Annotated[
    str,
    option(
        "--encoding",
        parser=encoding,
        metavar="NAME",
        help="Encoding of files and standard input: any that Python knows, such as cp1252 or utf-16.",
        panel=ADVANCED,
    ),
]
UnknownOption = Annotated[
    Unknown, option("--unknown", help="What to do with characters that the model does not know.", panel=TEXT)
]
CellsOption = Annotated[
    str | None,
    option(
        "--cells",
        metavar="NAMES",
        help="Recurrent cells, separated by commas, or all.",
        autocompletion=completions.several_cells,
        default="rnn,lstm,gru",
        panel=MODEL,
    ),
]
ModelOption = Annotated[
    str | None,
    option(
        "--model",
        parser=filled,
        metavar="PATH",
        help="Trained model: a run's folder, its name in runs/ or its number, or a model file.",
        autocompletion=completions.models,
        default="the newest run",
        panel=MODEL,
    ),
]
RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        parser=filled,
        envvar="CHARSEQ_MODEL",
        show_envvar=False,
        help="A run's folder, its name in runs/ or its number, or a model file.",
        show_default="the newest run",
        autocompletion=completions.models,
    ),
]
FormatOption = Annotated[
    Format,
    option(
        "--format",
        help="Output format; auto is a table on a terminal, plain lines otherwise.",
        panel=ADVANCED,
    ),
]
JSONOption = Annotated[bool, option("--json", help="Output one JSON object per line (--format json).")]
QuietOption = Annotated[
    bool,
    option("--quiet", help="Print nothing but results and errors.", callback=set_quiet, panel=ADVANCED),
]
DebugOption = Annotated[
    bool, option("--debug", help="Print the traceback of an error.", callback=_debug, panel=ADVANCED)
]

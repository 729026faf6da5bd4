"""Options that commands share, and the types of what people write after them."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import typer

from charseq.cli import completions
from charseq.errors import UsageError, cannot_combine
from charseq.render.base import Form

Format = Literal["auto", "table", "plain", "json"]

LARGEST_COUNT = 10**9
LONGEST_TIME = 10 * 365.25 * 24 * 3600

LARGEST_SEED = 2**32 - 1

LONGEST_EXAMPLE = 78
"""Columns of an example on a screen of 80, of which the help leaves the first and the last empty."""

TEXT, MODEL, TRAINING, OUTPUT = "Text", "Network", "Training", "Output"
"""The panels of the help."""


def option(*names: str, help: str, panel: str = OUTPUT, listed: bool = False, **more: Any) -> Any:
    """An option that CHARSEQ_<NAME> can set, too (a `listed` one is read by `texts.from_environment`)."""
    variable = "CHARSEQ_" + names[0].split("/")[0].removeprefix("--").replace("-", "_").upper()
    envvar = None if listed else variable
    return typer.Option(*names, help=help, envvar=envvar, show_envvar=False, rich_help_panel=panel, **more)


def seconds(text: str) -> float:
    """A duration as people write it: 90, 90s, 2m, 1h30m -> seconds."""
    found = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip())
    if not found or not any(found.groups()):
        raise typer.BadParameter(f"{text!r} is not a duration; write 90s, 2m or 1h30m")
    hours, minutes, rest = (float(group or 0) for group in found.groups())
    total = hours * 3600 + minutes * 60 + rest
    if total <= 0:
        raise typer.BadParameter(f"{text!r} is no time at all; write 90s, 2m or 1h30m")
    if total > LONGEST_TIME:
        raise typer.BadParameter(f"{text!r} is more than ten years; write 90s, 2m or 1h30m")
    return total


def filled(text: str) -> str:
    """A string that holds something; nothing at all is most often a variable that was not set."""
    if not text:
        raise typer.BadParameter("it is empty; give a value, or leave the option out")
    return text


def number(low: float, high: float, *, includes_low: bool = True) -> Callable[[str], float]:
    """A parser of finite numbers within bounds; typer's own lets nan pass."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a number") from None
        if value in (float("inf"), float("-inf")):
            raise typer.BadParameter(f"{text!r} is not a finite number")
        if not (low <= value <= high if includes_low else low < value <= high):
            bounds = f"{'at least' if includes_low else 'above'} {low:g}"
            bounds += f" and at most {high:g}" if high < float("inf") else ""
            raise typer.BadParameter(f"{text} is out of range; it must be {bounds}")
        return value

    return parse


def cells_of(names: str | None) -> list[str]:
    """The cells that --cells names, each once, or else the classic three.  Raises UsageError."""
    from charseq.cells import all_cells, cell_named

    if names is None:
        return ["rnn", "lstm", "gru"]
    if names.strip() == "all":
        return [cell.name for cell in all_cells()[0]]
    found = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if not found:
        raise UsageError(f"--cells {names!r} names no cell", hint="write --cells rnn,lstm, or --cells all")
    return [cell_named(name).name for name in found]


def refuse_beside_a_model(plan: Mapping[str, object]) -> None:
    """Refuse any value that is not None: --model brings its own network.  Raises UsageError."""
    named = [f"--{name.replace('_', '-')}" for name, value in plan.items() if value is not None]
    if named:
        raise cannot_combine(
            "--model",
            named,
            "a model has its own network",
            hint="leave --model out to inspect fresh weights (it may come from CHARSEQ_MODEL)",
        )


def chosen_format(form: Format, *, json: bool, terminal: bool) -> Form:
    """What --format and --json come to: by itself a table on a terminal, plain lines elsewhere."""
    if json and form not in ("auto", "json"):
        raise cannot_combine("--json", [f"--format {form}"])
    if json:
        return "json"
    if form == "auto":
        return "table" if terminal else "plain"
    return form


def examples(lines: Sequence[str]) -> str:
    """Return the end of a command's help: commands that run as pasted from a screen of 80 columns.

    Raises ValueError for a command that such a screen would wrap.
    """
    if too_long := [line for line in lines if len(line) > LONGEST_EXAMPLE]:
        raise ValueError(f"longer than {LONGEST_EXAMPLE} columns: {too_long}")
    return "Examples:\n\n" + "\n\n".join("  " + line.replace("[", r"\[") for line in lines)


def _debug(value: bool) -> bool:
    if value:
        os.environ["CHARSEQ_DEBUG"] = "1"
    return value


TextOption = Annotated[
    list[str] | None,
    option(
        "--text",
        metavar="STRING",
        help="A string; may be repeated, each is a sequence of its own.",
        panel=TEXT,
        listed=True,
    ),
]
FileOption = Annotated[
    list[str] | None,
    option(
        "--file",
        metavar="PATH",
        help="A UTF-8 file; - is standard input. May be repeated.",
        panel=TEXT,
        listed=True,
    ),
]
LinesOption = Annotated[
    bool, option("--lines", help="Every line is a sequence; learn where it begins and ends.", panel=TEXT)
]
UnitOption = Annotated[
    Literal["character", "grapheme", "byte"],
    option(
        "--unit",
        metavar="<character | grapheme | byte>",
        help="What a symbol is; a character is a Unicode code point.",
        panel=TEXT,
    ),
]
NormalizeOption = Annotated[
    Literal["none", "nfc", "nfd", "nfkc"],
    option("--normalize", help="Unicode normalization of every text.", panel=TEXT),
]
VocabularyOption = Annotated[
    str,
    option(
        "--vocabulary", metavar="CHARACTERS", help="Characters to know beside the text's own.", panel=TEXT
    ),
]
CellOption = Annotated[
    str | None,
    option(
        "--cell",
        metavar="NAME",
        help="rnn, lstm, gru ...; charseq cells lists them all.",
        autocompletion=completions.cells,
        show_default="gru; rnn-norm for longer text",
        panel=MODEL,
    ),
]
CellsOption = Annotated[
    str | None,
    option(
        "--cells",
        metavar="NAMES",
        help="Cells, with commas between; all is every one.",
        autocompletion=completions.several_cells,
        show_default="rnn,lstm,gru",
        panel=MODEL,
    ),
]
LayersOption = Annotated[
    int | None,
    option(
        "--layers",
        metavar="N",
        min=1,
        max=1000,
        help="Cells on top of each other.",
        show_default="1; train takes 2 for mingru, minlstm and mlstm",
        panel=MODEL,
    ),
]
EmbeddingSizeOption = Annotated[
    int | None,
    option(
        "--embedding-size",
        metavar="N",
        min=0,
        max=1_000_000,
        help="Length of a character's vector; 0 is one-hot.",
        show_default="0; with --tie-weights the hidden size",
        panel=MODEL,
    ),
]
HeadOption = Annotated[
    Literal["linear", "none"],
    option("--head", help="none: the cell's output is the logits.", panel=MODEL),
]
ResidualOption = Annotated[
    bool | None,
    option(
        "--residual/--no-residual",
        help="Residual (skip) connections around each layer.",
        show_default="off; train chooses by the cell",
        panel=MODEL,
    ),
]
LayerNormOption = Annotated[
    bool | None,
    option(
        "--layer-norm/--no-layer-norm",
        help="Normalise what goes up from each layer.",
        show_default="off; train chooses by the cell",
        panel=MODEL,
    ),
]
TieWeightsOption = Annotated[
    bool, option("--tie-weights", help="Let the head's matrix be the embedding.", panel=MODEL)
]
InitialStateOption = Annotated[
    Literal["zero", "learned"],
    option("--initial-state", help="Initial hidden state of every text.", panel=MODEL),
]
ModelOption = Annotated[
    str | None,
    option(
        "--model",
        parser=filled,
        metavar="PATH",
        help="A run's folder, its name in runs/, or a model file.",
        autocompletion=completions.models,
        show_default="the newest run",
        panel=MODEL,
    ),
]
SeedOption = Annotated[
    int,
    option("--seed", metavar="N", min=0, max=LARGEST_SEED, help="Fixes everything random.", panel=TRAINING),
]
FormatOption = Annotated[
    Format, option("--format", help="auto: a table on a terminal, plain lines in a pipe.")
]
JSONOption = Annotated[bool, option("--json", help="Short for --format json: an object a line.")]
DebugOption = Annotated[
    bool, option("--debug", help="Show the traceback of an error.", callback=_debug, hidden=True)
]

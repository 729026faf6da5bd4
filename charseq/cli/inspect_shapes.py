"""charseq inspect-shapes: every tensor of a cell run over text.  Never imports torch."""

import sys
from typing import Annotated

import typer

from charseq.cli import streams, texts
from charseq.cli.config import ConfigOption
from charseq.cli.options import (
    MODEL,
    CellOption,
    DebugOption,
    EmbeddingSizeOption,
    FileOption,
    FormatOption,
    JSONOption,
    LayersOption,
    NormalizeOption,
    SeedOption,
    TextOption,
    UnitOption,
    VocabularyOption,
    chosen_format,
    examples,
    option,
)
from charseq.errors import TextError

EXAMPLES = [
    "charseq inspect-shapes hello",
    "charseq inspect-shapes h --vocabulary helo --cell lstm --values",
    "charseq inspect-shapes hello eolll lleel --cell rnn --hidden-size 2",
    "charseq inspect-shapes hello --layers 3 --json",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("inspect-shapes", epilog=examples(EXAMPLES))(streams.quiet_when_unheard(inspect_shapes))


def inspect_shapes(
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...",
            help="Strings, run side by side as one batch; - reads one a line from standard input.",
            show_default=False,
        ),
    ] = None,
    text: TextOption = None,
    file: FileOption = None,
    unit: UnitOption = "character",
    normalize: NormalizeOption = "none",
    vocabulary: VocabularyOption = "",
    cell: CellOption = "gru",
    hidden_size: Annotated[
        int,
        option(
            "--hidden-size", metavar="N", min=1, max=1_000_000, help="Length of a cell's output.", panel=MODEL
        ),
    ] = 2,
    layers: LayersOption = 1,
    embedding_size: EmbeddingSizeOption = None,
    seed: SeedOption = 0,
    values: Annotated[bool, option("--values", help="Show what the tensors hold, too.")] = False,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Show every tensor of a cell run over text: name, axes, shape and, on request, values."""
    from charseq.cells import cell_named

    cell_named(cell)
    found = texts.arguments(given, unit=unit)
    if text or file or not found:
        found += texts.corpus(text, file, unit=unit).sequences
    if not found:
        raise TextError("there is no text to run over", hint="give one: charseq inspect-shapes hello")
    if "" in found:
        raise TextError("one of the texts is empty", hint="a text needs at least one character")

    from charseq.arrays import SeededDraw
    from charseq.network import Network
    from charseq.render.shapes import show
    from charseq.shapes import trace
    from charseq.vocabulary import Vocabulary

    known = Vocabulary.of([*found, vocabulary], unit=unit, normalization=normalize)
    network = Network(cell, len(known), hidden_size, layers, embedding_size or 0)
    weights = network.arrange(network.draw(SeededDraw(seed)))
    rows = trace(network, known, weights, found)
    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    show(rows, network, known, found, form=form, values=values, output=sys.stdout)

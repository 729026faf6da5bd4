"""The options of looking inside, each written once."""

from typing import Annotated, Literal

from charseq.cli import completions
from charseq.cli.options.shared import MODEL, option

LOOK = "What to show"

FreshCellOption = Annotated[
    str | None,
    option(
        "--cell",
        metavar="NAME",
        help="rnn, lstm, gru ...; charseq cells lists them all.",
        autocompletion=completions.cells,
        show_default="gru",
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
        show_default="0",
        panel=MODEL,
    ),
]
TrainedOption = Annotated[
    str | None,
    option(
        "--model",
        metavar="PATH",
        help="A run's folder, its name in runs/, or a model file: inspect a trained network.",
        autocompletion=completions.models,
        show_default="a fresh network",
        panel=MODEL,
    ),
]
HiddenSizeOption = Annotated[
    int | None,
    option(
        "--hidden-size",
        metavar="N",
        min=1,
        max=1_000_000,
        help="Length of a cell's output.",
        show_default="2; the vocabulary's with --head none",
        panel=MODEL,
    ),
]
HeadOption = Annotated[
    Literal["linear", "none"] | None,
    option(
        "--head",
        help="Go on to logits, probabilities and loss; none: the output is the logits.",
        show_default="stop at the output",
        panel=MODEL,
    ),
]
BidirectionalOption = Annotated[
    bool, option("--bidirectional", help="Read from the end, too; for looking only.", panel=MODEL)
]
ValuesOption = Annotated[bool, option("--values", help="Show what the tensors hold, too.", panel=LOOK)]
ExplainOption = Annotated[
    bool, option("--explain", help="Show the equations, and count the parameters.", panel=LOOK)
]
WeightsOption = Annotated[
    bool, option("--weights", help="Show the parameters first, as they are in a model file.", panel=LOOK)
]
StepOption = Annotated[
    int | None, option("--step", metavar="T", min=0, help="One step only, counted from 0.", panel=LOOK)
]
LayerOption = Annotated[
    int | None, option("--layer", metavar="N", min=0, help="One layer only, counted from 0.", panel=LOOK)
]

"""Options of the inspect commands that are no settings."""

from typing import Annotated

from charseq.cli import completions
from charseq.cli.options.parsers import whole
from charseq.cli.options.shared import option
from charseq.settings.setting import LARGEST_COUNT, MODEL, Bounds

TENSORS = "Tensors"
"""A panel of the help."""
INDEX = whole(Bounds(0, LARGEST_COUNT))

TrainedOption = Annotated[
    str | None,
    option(
        "--model",
        metavar="PATH",
        help="Trained model: a run's folder, its name in runs/ or its number, or a model file.",
        autocompletion=completions.models,
        default="an untrained network",
        panel=MODEL,
    ),
]
BidirectionalOption = Annotated[
    bool,
    option("--bidirectional", help="Add a second network that reads the text backwards.", panel=MODEL),
]
ValuesOption = Annotated[bool, option("--values", help="Show the values of the tensors.", panel=TENSORS)]
ExplainOption = Annotated[
    bool, option("--explain", help="Show the equations and the number of parameters.", panel=TENSORS)
]
WeightsOption = Annotated[
    bool,
    option("--weights", help="Show the parameters first, named as in a model file.", panel=TENSORS),
]
StepOption = Annotated[
    int | None,
    option("--step", metavar="T", parser=INDEX, help="Show only this time step, from 0.", panel=TENSORS),
]
LayerOption = Annotated[
    int | None,
    option("--layer", metavar="N", parser=INDEX, help="Show only this layer, from 0.", panel=TENSORS),
]

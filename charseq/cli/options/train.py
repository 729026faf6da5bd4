"""Options of train that are no settings."""

from pathlib import Path
from typing import Annotated

from charseq.cli.completions import models
from charseq.cli.options.parsers import filled, folder, number, seconds
from charseq.cli.options.shared import option, set_quiet
from charseq.settings.setting import ADVANCED, Bounds

OutOption = Annotated[
    Path | None,
    option(
        "--out",
        parser=folder,
        metavar="FOLDER",
        help="Folder of the run.",
        default="the next number in runs/",
    ),
]
ResumeOption = Annotated[
    str | None,
    option(
        "--resume",
        parser=filled,
        metavar="[RUN]",
        help="Resume a run exactly; with a larger --epochs, train it further. "
        "Without a name, the newest run.",
        autocompletion=models,
    ),
]
FromOption = Annotated[
    str | None,
    option(
        "--from",
        parser=filled,
        metavar="RUN",
        help="Fine-tune: start from the weights and the n-gram model of another run, or of a model file. "
        "Its vocabulary is extended.",
        autocompletion=models,
    ),
]
SaveEveryOption = Annotated[
    float,
    option(
        "--save-every",
        parser=seconds,
        metavar="TIME",
        default="60s",
        help="Time between saves; increased if saving would take more than 2% of the time.",
        panel=ADVANCED,
    ),
]
ForceOption = Annotated[bool, option("--force", help="Replace an existing run in --out.", panel=ADVANCED)]
QuietTrainingOption = Annotated[
    bool,
    option(
        "--quiet",
        help="Print nothing but errors; with --json or --format, the events too.",
        callback=set_quiet,
        panel=ADVANCED,
    ),
]
RequireAccuracyOption = Annotated[
    float | None,
    option(
        "--require-accuracy",
        parser=number(Bounds(0, 1)),
        metavar="FRACTION",
        help="End with exit code 3 if the final accuracy is lower.",
        panel=ADVANCED,
    ),
]
EveryEpochOption = Annotated[
    bool,
    option(
        "--every-epoch",
        help="Print a table row for every epoch, also if the screen is too small for all.",
        panel=ADVANCED,
    ),
]

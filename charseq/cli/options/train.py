"""The options of training, each written once."""

from pathlib import Path
from typing import Annotated, Literal

from charseq.cli.completions import models
from charseq.cli.options.shared import LARGEST_COUNT, MODEL, TEXT, TRAINING, filled, number, option, seconds

LARGEST = 1e38
"""Numbers beyond are none of float32."""

ValidationOption = Annotated[
    float | None,
    option(
        "--validation",
        parser=number(0, 0.9),
        metavar="FRACTION",
        help="Part of the text to hold out.",
        show_default="a tenth of longer text",
        panel=TEXT,
    ),
]
ValidationSplitOption = Annotated[
    Literal["spread", "tail"],
    option(
        "--validation-split",
        help="Hold out lines or pieces spread over the text, or the end of it, as other tools do.",
        panel=TEXT,
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
        show_default="from the text",
        panel=MODEL,
    ),
]
DropoutOption = Annotated[
    float | None,
    option(
        "--dropout",
        parser=number(0, 0.95),
        metavar="FRACTION",
        help="Part of each layer's output left out while learning.",
        show_default="0; from the text where it is longer",
        panel=MODEL,
    ),
]
EpochsOption = Annotated[
    int | None,
    option(
        "--epochs",
        metavar="N",
        min=1,
        max=LARGEST_COUNT,
        help="Passes over the text.",
        show_default="from the text; train ends when short text is learned",
        panel=TRAINING,
    ),
]
TimeLimitOption = Annotated[
    float | None,
    option(
        "--time-limit",
        parser=seconds,
        metavar="TIME",
        help="90s, 2m, 1h30m; the schedule ends with it.",
        panel=TRAINING,
    ),
]
LearningRateOption = Annotated[
    float | None,
    option(
        "--learning-rate",
        parser=number(0, LARGEST, includes_low=False),
        metavar="FLOAT",
        help="Step size of the optimizer.",
        show_default="from the text",
        panel=TRAINING,
    ),
]
ScheduleOption = Annotated[
    Literal["constant", "cosine", "one-cycle"] | None,
    option(
        "--schedule",
        metavar="<constant | cosine | one-cycle>",
        help="How the learning rate moves.",
        show_default="from the text; constant at a given --learning-rate",
        panel=TRAINING,
    ),
]
OptimizerOption = Annotated[
    Literal["adam", "adamw", "sgd", "rmsprop"],
    option("--optimizer", help="How weights are moved.", panel=TRAINING),
]
WarmUpOption = Annotated[
    float | None,
    option(
        "--warm-up",
        parser=number(0, 0.9),
        metavar="FRACTION",
        help="Part of the run in which the learning rate rises.",
        show_default="from the text",
        panel=TRAINING,
    ),
]
WeightDecayOption = Annotated[
    float | None,
    option(
        "--weight-decay",
        parser=number(0, LARGEST),
        metavar="FLOAT",
        help="Taken off every weight, times the learning rate.",
        show_default="0.01 with adamw, else 0",
        panel=TRAINING,
    ),
]
AverageOption = Annotated[
    float | None,
    option(
        "--average",
        parser=number(0, 0.999999),
        metavar="DECAY",
        help="Keep an exponential moving average of the weights; 0 keeps the last ones.",
        show_default="from the text",
        panel=TRAINING,
    ),
]
PrecisionOption = Annotated[
    Literal["auto", "float32", "bfloat16"],
    option(
        "--precision",
        help="Of products on a GPU; weights stay float32. auto: bfloat16 where the GPU has it.",
        panel=TRAINING,
    ),
]
KernelOption = Annotated[
    Literal["auto", "native", "torch"],
    option(
        "--kernel",
        help="What runs cells on a CPU. auto: native, charseq's own C, where it was built and has the cell.",
        panel=TRAINING,
    ),
]
ClipOption = Annotated[
    float,
    option(
        "--clip",
        parser=number(0, LARGEST),
        metavar="NORM",
        help="Gradient clipping: maximum norm; 0 disables.",
        panel=TRAINING,
    ),
]
BatchSizeOption = Annotated[
    int | None,
    option(
        "--batch-size",
        metavar="N",
        min=1,
        max=LARGEST_COUNT,
        help="Sequences read side by side.",
        show_default="from the text",
        panel=TRAINING,
    ),
]
SequenceLengthOption = Annotated[
    int | None,
    option(
        "--sequence-length",
        metavar="N",
        min=1,
        max=LARGEST_COUNT,
        help="Steps that a gradient reaches back.",
        show_default="all of a short text; 32 or 64 of others",
        panel=TRAINING,
    ),
]
StrideOption = Annotated[
    int | None,
    option(
        "--stride",
        metavar="N",
        min=1,
        max=LARGEST_COUNT,
        help="Learn overlapping windows of --sequence-length, each this much further on.",
        panel=TRAINING,
    ),
]
PatienceOption = Annotated[
    int | None,
    option(
        "--patience",
        metavar="N",
        min=0,
        max=LARGEST_COUNT,
        help="Epochs to wait for a better validation loss; 0 waits for all.",
        show_default="5",
        panel=TRAINING,
    ),
]
DeviceOption = Annotated[
    str, option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.", panel=TRAINING)
]
OutOption = Annotated[
    Path | None,
    option(
        "--out",
        parser=lambda text: Path(filled(text)),
        metavar="FOLDER",
        help="The run's folder.",
        show_default="the next number in runs/",
    ),
]
ResumeOption = Annotated[
    str | None,
    option(
        "--resume",
        parser=filled,
        metavar="[RUN]",
        help="Go on with a run as if it had never stopped, or for more --epochs; newest is the newest.",
        autocompletion=models,
    ),
]
SaveEveryOption = Annotated[
    float,
    option(
        "--save-every",
        parser=seconds,
        metavar="TIME",
        help="Save the run this often, less often where that would take more than 2 % of the time.",
    ),
]
ForceOption = Annotated[bool, option("--force", help="Replace the run that --out holds.")]
RequireAccuracyOption = Annotated[
    float | None,
    option(
        "--require-accuracy",
        parser=number(0, 1),
        metavar="FRACTION",
        help="End with status 3 where fewer places than this are right.",
    ),
]

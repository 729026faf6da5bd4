"""The settings of a training run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from charseq.settings.setting import (
    LARGEST_COUNT,
    LARGEST_FLOAT,
    LARGEST_SEED,
    MODEL,
    TRAINING,
    Bounds,
    check_settings,
    setting,
)
from charseq.text.units import ValidationSplit
from charseq.text.windows import Window

Head = Literal["linear", "none"]
InitialState = Literal["zero", "learned"]
Schedule = Literal["constant", "cosine", "one-cycle"]
Precision = Literal["auto", "float32", "bfloat16"]
ChosenPrecision = Literal["float32", "bfloat16"]
Freeze = Literal["none", "all-but-head", "all-but-initial-state"]
KernelChoice = Literal["auto", "native", "torch"]
OptimizerName = Literal["adam", "adamw", "sgd", "rmsprop"]

COUNT = Bounds(1, LARGEST_COUNT)
COUNT_OR_ZERO = Bounds(0, LARGEST_COUNT)
LARGEST_ORDER = 20
"""The largest order of an n-gram model."""
UNITS = 1_000_000
"""The largest number of units of a layer or an embedding."""


@dataclass(frozen=True)
class TrainSettings:
    """All settings of a run.  Raises UsageError for one that is out of bounds or of another type."""

    cell: str = setting(
        "gru",
        metavar="NAME",
        help="Recurrent cell: rnn, lstm, gru and others; 'charseq cells' lists them.",
        default_text="gru; rnn-norm for longer text",
        panel=MODEL,
    )
    hidden_size: int = setting(
        128,
        bounds=Bounds(1, UNITS),
        help="Hidden units per layer.",
        default_text="from the text",
        panel=MODEL,
    )
    layers: int = setting(
        1,
        bounds=Bounds(1, 1000),
        help="Number of stacked layers.",
        default_text="from the text; 2 for mingru, minlstm and mlstm",
        panel=MODEL,
    )
    dropout: float = setting(
        0.0,
        bounds=Bounds(0.0, 0.95),
        help="Dropout probability between layers.",
        default_text="0 for short text, otherwise from the text",
    )
    embedding_size: int = setting(
        0,
        bounds=Bounds(0, UNITS),
        help="Embedding size; 0 is one-hot input.",
        default_text="0; the hidden size with --tie-weights",
    )
    head: Head = setting("linear", help="Output layer; none uses the cell's output as the logits.")
    residual: bool = setting(
        False, help="Residual (skip) connections around each layer.", default_text="from the cell"
    )
    layer_norm: bool = setting(
        False, help="Layer normalization of each layer's output.", default_text="from the cell"
    )
    tie_weights: bool = setting(False, help="Share (tie) the embedding and output weights.")
    initial_state: InitialState = setting("zero", help="Initial hidden state.")
    ngram: int | None = setting(
        0,
        bounds=Bounds(0, LARGEST_ORDER),
        automatic=True,
        metavar="auto|N",
        help="Order of the n-gram model whose predictions are mixed with those of the network; 0 disables.",
        default_text="auto: from the text; 0 for short text",
    )
    """None chooses by the text."""
    epochs: int = setting(
        1,
        bounds=COUNT,
        help="Passes over the text.",
        default_text="from the text; training ends early once short text is memorized",
        panel=TRAINING,
    )
    time_limit: float | None = setting(
        None,
        bounds=Bounds(0, LARGEST_FLOAT, above_low=True),
        duration=True,
        metavar="TIME",
        help="Time limit, such as 90s, 2m or 1h30m. The learning-rate schedule is fitted to it.",
        panel=TRAINING,
    )
    """Seconds."""
    learning_rate: float = setting(
        0.003,
        bounds=Bounds(0, LARGEST_FLOAT, above_low=True),
        help="Learning rate of the optimizer.",
        default_text="from the text",
        panel=TRAINING,
    )
    schedule: Schedule = setting(
        "cosine",
        help="Learning-rate schedule.",
        default_text="from the text; constant with --learning-rate",
    )
    optimizer: OptimizerName = setting("adam", help="Optimizer.")
    warm_up: float = setting(
        0.0,
        bounds=Bounds(0.0, 0.9),
        metavar="FRACTION",
        help="Learning-rate warm-up, as a fraction of the run.",
        default_text="from the text",
    )
    weight_decay: float | None = setting(
        None,
        bounds=Bounds(0, LARGEST_FLOAT),
        help="Weight decay (decoupled).",
        default_text="0.01 with adamw, otherwise 0",
    )
    """None chooses by the optimizer."""
    average: float = setting(
        0.0,
        bounds=Bounds(0.0, 0.999999),
        metavar="DECAY",
        aliases=("--ema-decay",),
        help="Decay of an exponential moving average (EMA) of the weights, which is evaluated and saved; "
        "0 disables.",
    )
    precision: Precision = setting(
        "auto",
        help="Precision of matrix products; weights stay float32. auto uses bfloat16 on a GPU that supports "
        "it, and for larger networks on AMD processors that do (AVX512-BF16).",
    )
    kernel: KernelChoice = setting(
        "auto", help="Kernels for CPU training. auto uses native (compiled C) if available for the cell."
    )
    clip: float = setting(
        1.0,
        bounds=Bounds(0, LARGEST_FLOAT),
        metavar="NORM",
        help="Gradient clipping: maximum norm; 0 disables.",
    )
    batch_size: int = setting(1, bounds=COUNT, help="Sequences per batch.", default_text="from the text")
    sequence_length: int = setting(
        1,
        bounds=COUNT,
        help="Truncated-BPTT window, in time steps.",
        default_text="all of a short text, otherwise 32 or 64",
    )
    sync_every: int = setting(
        1,
        bounds=COUNT,
        metavar="K",
        help="Updates between two averages of the weights of several processes (local SGD); "
        "1 averages the gradients of each update.",
    )
    freeze: Freeze = setting(
        "none", help="Which weights of the model of --from are kept unchanged. Requires --from."
    )
    stride: int = setting(
        0,
        bounds=COUNT_OR_ZERO,
        help="Train on windows of --sequence-length characters that start this many characters apart; "
        "0 disables.",
    )
    validation: float = setting(
        0.0,
        bounds=Bounds(0.0, 0.9),
        metavar="FRACTION",
        help="Fraction of the text held out for validation.",
        default_text="0.1 of longer text",
    )
    validation_split: ValidationSplit = setting(
        "spread",
        help="Held-out text: spread holds out lines or pieces from the whole text, tail holds out its end.",
    )
    patience: int = setting(
        0,
        bounds=COUNT_OR_ZERO,
        help="Early stopping: epochs without a better validation loss; 0 disables.",
        default_text="5",
    )
    seed: int = setting(0, bounds=Bounds(0, LARGEST_SEED), help="Random seed.")
    device: str = setting("auto", metavar="NAME", help="Device: auto, cpu, cuda, cuda:N or mps.")
    whole: bool = setting(True)
    """Whether each string is trained on as one unbroken sequence."""
    recoveries: int = setting(0, bounds=COUNT_OR_ZERO)
    """How many times training that diverges restores good weights and halves the learning rate."""
    separate_validation: bool = setting(False)
    """Whether the validation text is not held out of the text, but one of its own."""
    until_learned: bool = setting(False)
    """Whether to stop after several epochs in which all characters are correct."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """The reason for each default that was chosen from the text, by setting."""

    def __post_init__(self) -> None:
        """Raise UsageError for an invalid value."""
        check_settings(self)

    @property
    def validates(self) -> bool:
        """Whether there is validation text."""
        return self.validation > 0 or self.separate_validation

    @property
    def window(self) -> Window | None:
        """The overlapping windows that a text is cut into; None with a stride of 0."""
        return Window(self.sequence_length, self.stride) if self.stride else None

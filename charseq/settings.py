"""What a training run is told to do, and the defaults that its text chooses."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from charseq.corpus import Corpus
from charseq.errors import TextError, UsageError
from charseq.network import Head, InitialState, Network

Schedule = Literal["constant", "cosine", "one-cycle"]
Precision = Literal["auto", "float32", "bfloat16"]
OptimizerName = Literal["adam", "adamw", "sgd", "rmsprop"]

SHORT_TEXT_CELL, LONG_TEXT_CELL = "gru", "rnn-relu"
"""What learned most reliably where text is learned whole, and what was best on longer text."""

SMALL_TEXT = 200_000
WHOLE_STRING = 1_000
"""A text is learned whole up to this many characters a string ..."""
WHOLE_TEXT = 10_000
"""... and this many in all."""


@dataclass(frozen=True)
class Recipe:
    """What a cell does well with: its stack, and how it moves where short text is learned whole."""

    learning_rate: float = 0.005
    schedule: Schedule = "cosine"
    layers: int = 1
    residual: bool = False
    layer_norm: bool = False


MINIMAL = Recipe(layers=2, residual=True, layer_norm=True)
RECIPES = {
    "rnn": Recipe(0.003, "one-cycle"),
    "rnn-relu": Recipe(0.001, "one-cycle", layer_norm=True),
    "mingru": MINIMAL,
    "minlstm": MINIMAL,
    "mlstm": replace(MINIMAL, learning_rate=0.01),
}
"""Recipes by cell; tests/benchmarks/learned_whole.py measures how reliably short text is learned with them.

Plain networks have to learn with small steps first, while their state is still another at every step; gates
find the way back.  A sum that grows with the text (rnn-relu) wants its output normalised.  A cell whose gates
see x alone tells places apart only by a second layer.
"""


@dataclass(frozen=True)
class TrainSettings:
    """Every choice of a run, none left open."""

    cell: str = "gru"
    hidden_size: int = 128
    layers: int = 1
    dropout: float = 0.0
    embedding_size: int = 0
    head: Head = "linear"
    residual: bool = False
    layer_norm: bool = False
    tie_weights: bool = False
    initial_state: InitialState = "zero"
    epochs: int = 1
    time_limit: float | None = None
    """Seconds; the schedule ends with it."""
    learning_rate: float = 0.003
    schedule: Schedule = "cosine"
    optimizer: OptimizerName = "adam"
    warm_up: float = 0.0
    """The part of the run in which the learning rate rises to its full height."""
    weight_decay: float | None = None
    """What an update takes off every weight, times the learning rate; None leaves it to the optimizer."""
    average: float = 0.0
    """The decay of the moving average of the weights, which is measured and kept; 0 keeps the weights."""
    precision: Precision = "auto"
    clip: float = 1.0
    """The largest norm of a gradient; 0 leaves gradients as they are."""
    batch_size: int = 1
    sequence_length: int = 1
    """Steps that the gradient reaches back."""
    stride: int = 0
    """Not 0, text is learned as overlapping windows of `sequence_length`, each this much further on."""
    validation: float = 0.0
    """The fraction of the text held out."""
    patience: int = 0
    """Epochs without a better validation loss before the run ends early; 0 never does."""
    seed: int = 0
    device: str = "auto"
    whole: bool = True
    """Whether every string is learned as one unbroken sequence."""
    recoveries: int = 0
    """How often a loss that runs away is met by half the learning rate, before the run ends as diverged."""
    until_learned: bool = False
    """End once every place has been right for some epochs."""

    def network(self, vocabulary_size: int) -> Network:
        """The network to train.  Raises UsageError where sizes cannot fit."""
        return Network(
            self.cell,
            vocabulary_size,
            self.hidden_size,
            self.layers,
            self.embedding_size,
            self.head,
            self.residual,
            self.layer_norm,
            self.tie_weights,
            self.initial_state,
        )


def choose(corpus: Corpus, vocabulary_size: int, given: Mapping[str, Any]) -> TrainSettings:
    """Fill in what was not given (None) from the text.

    Raises TextError where there is nothing to learn, UsageError where what was given cannot be.
    """
    _require_something_to_learn(corpus)
    given = {name: value for name, value in given.items() if value is not None}
    unknown = given.keys() - {field.name for field in fields(TrainSettings)}
    if unknown:
        raise UsageError(f"no such setting: {', '.join(sorted(unknown))}")
    short = is_short(corpus) and not given.get("validation") and not given.get("sequence_length")
    given = {"cell": SHORT_TEXT_CELL if short or given.get("stride") else LONG_TEXT_CELL, **given}
    if given.get("stride"):
        defaults = _for_overlapping_windows(corpus, given)
    elif short:
        defaults = _for_short_text(corpus, given)
    else:
        defaults = _for_long_text(corpus, given)
    if given.get("head") == "none":
        defaults = replace(defaults, hidden_size=vocabulary_size)
    recipe = _recipe(given)
    layers = given.get("layers", max(defaults.layers, recipe.layers))
    defaults = replace(
        defaults,
        layers=layers,
        residual=(defaults.residual or recipe.residual) and layers > 1,
        layer_norm=recipe.layer_norm,
    )
    settings = replace(defaults, **given)
    if settings.tie_weights and "embedding_size" not in given:
        settings = replace(settings, embedding_size=settings.hidden_size)
    if settings.stride > settings.sequence_length:
        raise UsageError(
            f"--stride {settings.stride} leaves places out between windows of {settings.sequence_length}",
            hint="a stride is at most the --sequence-length",
        )
    return settings


def is_short(corpus: Corpus) -> bool:
    """Whether a text is of the kind that is learned whole."""
    longest = max(map(len, corpus.sequences))
    return not corpus.lines and longest <= WHOLE_STRING and corpus.characters <= WHOLE_TEXT


def _recipe(given: Mapping[str, Any]) -> Recipe:
    return RECIPES.get(given["cell"], Recipe())


def _for_short_text(corpus: Corpus, given: Mapping[str, Any]) -> TrainSettings:
    longest = max(map(len, corpus.sequences))
    recipe = _recipe(given)
    return TrainSettings(
        epochs=300 + 6 * longest,
        learning_rate=recipe.learning_rate,
        schedule="constant" if "learning_rate" in given else recipe.schedule,
        batch_size=len(corpus.sequences),
        sequence_length=longest - 1,
        until_learned="epochs" not in given,
    )


def _for_overlapping_windows(corpus: Corpus, given: Mapping[str, Any]) -> TrainSettings:
    """Every window starts from the zero state, all in one batch where there are not too many."""
    if corpus.lines or given.get("validation"):
        other = "--lines" if corpus.lines else "--validation"
        raise UsageError(f"--stride and {other} exclude each other", hint="give one of them")
    return replace(
        _for_short_text(corpus, given),
        epochs=500,
        sequence_length=10,
        batch_size=min(1_000, sum(map(len, corpus.sequences))),
    )


def _for_long_text(corpus: Corpus, given: Mapping[str, Any]) -> TrainSettings:
    """Windows over streams, or lines; tests/benchmarks/defaults.md has the experiments behind the figures."""
    fast = given["cell"] == LONG_TEXT_CELL
    characters = corpus.characters
    usual = 32 if fast and not corpus.lines else 64
    sequence_length = given.get("sequence_length", usual)
    batch_size = min(32, max(4, characters // (16 * sequence_length)))
    enough_to_split = len(corpus.sequences) >= 10 if corpus.lines else characters >= 200
    validation = given.get("validation", 0.1 if enough_to_split else 0.0)
    passes = min(100, max(3, 6_000_000 // characters))
    settings = TrainSettings(
        hidden_size=256 if characters > 50_000 or (fast and corpus.lines) else 128,
        epochs=1_000_000 if "time_limit" in given else passes,
        batch_size=batch_size,
        sequence_length=usual,
        validation=validation,
        patience=5 if validation else 0,
        recoveries=0 if "learning_rate" in given else 5,
        whole=False,
    )
    if fast and corpus.lines:
        return replace(settings, batch_size=min(128, max(4, len(corpus.sequences) // 32)), dropout=0.2)
    return _sized(settings, characters, given.get("time_limit")) if fast else settings


def _sized(settings: TrainSettings, characters: int, seconds: float | None) -> TrainSettings:
    """The network that a text of this length is learned best by, in the time there is."""
    if characters <= SMALL_TEXT:  # which is soon known by heart: few passes, and much left out
        dropout = 0.5 if characters <= SMALL_TEXT / 4 else 0.3
        return replace(settings, hidden_size=512, dropout=dropout, epochs=12)
    if seconds is not None and seconds < 30:
        return replace(settings, hidden_size=512)
    if seconds is not None and seconds < 90:
        return replace(settings, hidden_size=384, layers=2, residual=True)
    if seconds is None:
        return replace(settings, hidden_size=512, layers=2, residual=True)
    return replace(
        settings,
        hidden_size=768,
        layers=2,
        residual=True,
        learning_rate=0.002,
        warm_up=0.05,
        dropout=0.1 if seconds >= 240 else 0.0,
    )


def _require_something_to_learn(corpus: Corpus) -> None:
    if not corpus.sequences:
        raise TextError("the text is empty", hint="give a --text, or a --file that holds some")
    shortest = min(corpus.sequences, key=len)
    if len(shortest) < (1 if corpus.lines else 2):
        raise TextError(
            f"the text {shortest!r} has {len(shortest)} character{'' if len(shortest) == 1 else 's'}; "
            "training needs at least 2",
            hint="pass a longer --text, or a --file",
        )

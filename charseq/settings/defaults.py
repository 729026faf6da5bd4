"""Choose default settings from the text, its size and the available time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from charseq.errors import TextError, UsageError, cannot_combine, quoted
from charseq.settings.network_size import TWO_CORES_FLOPS, size_network
from charseq.settings.setting import settings_of
from charseq.settings.train_settings import Schedule, TrainSettings
from charseq.suggestions import did_you_mean
from charseq.text.corpus import AnyCorpus, Corpus, LargeCorpus

SHORT_TEXT_CELL = "gru"
"""The default cell for short text."""
LONG_TEXT_CELL = "rnn-norm"
"""The default cell for longer text and lines."""
LABELED_CELL = "lstm"
"""The default cell for short lines with labels."""
LABELED_REASON = f"{LABELED_CELL}, because it remembered the labels of lines best in benchmarks"
LABELED_BATCH, LABELED_DROPOUT = 64, 0.3
"""The default batch size and dropout of that cell."""
CELL_REASONS = {
    True: f"{SHORT_TEXT_CELL}, because it memorized strings most reliably in benchmarks",
    False: f"{LONG_TEXT_CELL}, because it was best on longer text in benchmarks",
}
"""The reason for the default cell, by whether the text is to be memorized."""

SHORT_STRING = 1_000
"""The maximum characters per string of a short text, which is to be memorized."""
SHORT_TEXT = 10_000
"""The maximum characters of a short text, in all strings together."""

VALIDATION = 0.1
"""The fraction that is held out by default."""
FEWEST_HELD_OUT = 100
"""The minimum number of held-out positions from which a validation loss can choose the best epoch.

If the default fraction would hold out fewer, nothing is held out.
"""
MOST_POSITIONS = 1 << 17
"""Maximum validation positions, sampled evenly from a larger held-out text."""
UNLIMITED_EPOCHS = 1_000_000
"""The epochs of a run that only its time limit ends."""
LONG_LINE = 256
"""Mean characters per line from which lines get the sequence length of running text."""
FEWEST_UPDATES = 200
"""The minimum number of updates; a very short text gets more epochs to reach it."""


@dataclass(frozen=True)
class Recipe:
    """Defaults of a cell: its layers, and how it is trained to memorize short text."""

    learning_rate: float = 0.005
    schedule: Schedule = "cosine"
    layers: int = 1
    residual: bool = False
    layer_norm: bool = False


MINIMAL = Recipe(layers=2, residual=True, layer_norm=True)
RECIPES = {
    "rnn": Recipe(0.003, "one-cycle"),
    "rnn-relu": Recipe(0.001, "one-cycle", layer_norm=True),
    "rnn-norm": Recipe(0.001, "one-cycle", layer_norm=True),
    "mingru": MINIMAL,
    "minlstm": MINIMAL,
    "mlstm": replace(MINIMAL, learning_rate=0.01),
}
"""Recipes by cell; tests/benchmarks/memorization.py measures how reliably short text is memorized with them.

Cells without gates need a small learning rate at first, hence one-cycle.  The output of an unbounded state
(rnn-relu), or one of small fixed norm (rnn-norm), needs normalization.  A cell whose gates depend on the
input alone needs a second layer to distinguish positions.
"""


def choose_settings(
    corpus: AnyCorpus,
    vocabulary_size: int,
    explicit: Mapping[str, Any],
    *,
    flops: Callable[[], float] = lambda: TWO_CORES_FLOPS,
    fine_tuning: bool = False,
) -> TrainSettings:
    """Return the explicit settings (not None), and defaults chosen from the text and the time limit.

    `flops` returns the speed of the device in floating-point operations per second; it is called only if
    needed.  Raises TextError if there is nothing to learn, UsageError for invalid settings.
    """
    _require_something_to_learn(corpus)
    known = settings_of(TrainSettings)
    names = [*known]
    explicit = {
        name: value
        for name, value in explicit.items()
        if value is not None and not (value == "auto" and name in known and known[name].automatic)
    }
    unknown = explicit.keys() - set(names)
    if unknown:
        hint = did_you_mean(min(unknown), names)
        raise UsageError(f"no such setting: {', '.join(sorted(unknown))}", hint=hint)
    TrainSettings(**explicit)  # raises UsageError for an invalid value
    if corpus.validation and explicit.get("validation"):
        raise cannot_combine("--validation-file", ["--validation"], "both choose the validation text")
    validates = bool(explicit.get("validation")) or corpus.validation is not None
    unbroken = not validates and not explicit.get("sequence_length")
    short = corpus if isinstance(corpus, Corpus) and _is_short(corpus) and unbroken else None
    labeled = bool(corpus.labels) and corpus.characters < LONG_LINE * corpus.strings
    long_text_cell = LABELED_CELL if labeled else LONG_TEXT_CELL
    given = {"cell": SHORT_TEXT_CELL if short or explicit.get("stride") else long_text_cell, **explicit}
    if given.get("stride"):
        defaults = _for_overlapping_windows(corpus, given)
    elif short:
        defaults = _for_short_text(short, given)
    else:
        defaults = _for_long_text(corpus, vocabulary_size, given, flops)
    if given.get("head") == "none":
        reason = f"hidden size {vocabulary_size}, the vocabulary size, because of --head none"
        changed = {"hidden_size": reason} if "hidden_size" in defaults.reasons else {}
        defaults = replace(defaults, hidden_size=vocabulary_size, reasons={**defaults.reasons, **changed})
    recipe = _recipe(given)
    layers = given.get("layers", max(defaults.layers, recipe.layers))
    defaults = replace(
        defaults,
        layers=layers,
        residual=(defaults.residual or recipe.residual) and layers > 1,
        layer_norm=recipe.layer_norm,
    )
    cell_reason = LABELED_REASON if labeled else CELL_REASONS[defaults.whole]
    reasons = {"cell": cell_reason, **defaults.reasons}
    reasons = {name: reason for name, reason in reasons.items() if name not in explicit}
    settings = replace(defaults, **given, reasons=reasons)
    if settings.tie_weights and "embedding_size" not in given:
        settings = replace(settings, embedding_size=settings.hidden_size)
    _require_effect(settings, given, fine_tuning=fine_tuning)
    if settings.stride > settings.sequence_length:
        raise UsageError(
            f"--stride {settings.stride} skips positions between windows of {settings.sequence_length}",
            hint="choose a --stride of at most the --sequence-length",
        )
    return settings


def _require_effect(settings: TrainSettings, given: Mapping[str, Any], *, fine_tuning: bool) -> None:
    """Raise UsageError for an explicit setting that has no effect with the others."""
    if settings.freeze != "none" and not fine_tuning:
        raise UsageError(
            f"--freeze {settings.freeze} requires a trained network", hint="add --from RUN, or omit --freeze"
        )
    if given.get("layer_norm") and settings.head == "none" and settings.layers == 1:
        raise cannot_combine("--layer-norm", ["--head none"], "the only layer's output is the logits")
    if given.get("dropout") and settings.head == "none" and settings.layers == 1:
        raise cannot_combine("--dropout", ["--head none"], "the only layer's output is the logits")
    if given.get("ngram") and (settings.whole or not settings.validates):
        if settings.stride:
            raise cannot_combine("--ngram", ["--stride"])
        why = "this short text is memorized" if settings.whole else "nothing is held out"
        raise UsageError(
            f"--ngram {given['ngram']} requires held-out text, and {why}",
            hint="omit --ngram, or hold out text with --validation 0.1",
        )
    if settings.schedule == "one-cycle" and given.get("warm_up") == 0:
        default = "" if "schedule" in given else f" and is the default of {settings.cell}"
        why = f"it begins with a warm-up{default}"
        raise cannot_combine(
            "--warm-up 0", ["--schedule one-cycle"], why, hint="choose another --schedule, such as cosine"
        )


def _is_short(corpus: Corpus) -> bool:
    """Return whether a text is short enough to be memorized."""
    longest = max(map(len, corpus.sequences))
    return not corpus.lines and longest <= SHORT_STRING and corpus.characters <= SHORT_TEXT


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


def _for_overlapping_windows(corpus: AnyCorpus, given: Mapping[str, Any]) -> TrainSettings:
    """Return defaults for overlapping windows: all in one batch if there are few."""
    excluded = {
        "--lines": corpus.lines,
        "--validation": given.get("validation"),
        "--validation-file": corpus.validation,
    }
    if others := [option for option, value in excluded.items() if value]:
        raise cannot_combine("--stride", others[:1])
    if isinstance(corpus, LargeCorpus):
        raise UsageError(
            f"--stride needs the whole text in memory, and {corpus.characters:,} characters are too many",
            hint="omit --stride: other windows work for text of any size",
        )
    return replace(
        _for_short_text(corpus, given),
        epochs=500,
        sequence_length=10,
        batch_size=min(1_000, sum(map(len, corpus.sequences))),
    )


def _for_long_text(
    corpus: AnyCorpus, vocabulary_size: int, given: Mapping[str, Any], flops: Callable[[], float]
) -> TrainSettings:
    """Return defaults for longer text or lines; tests/benchmarks/defaults.md has the experiments."""
    fast = given["cell"] in (LONG_TEXT_CELL, "rnn-relu")
    characters = corpus.characters
    short_lines = corpus.lines and characters < LONG_LINE * corpus.strings
    default_length = 64 if short_lines or not fast else 32
    sequence_length = given.get("sequence_length", default_length)
    positions = characters + (corpus.strings if corpus.lines else 0)
    enough_to_split = VALIDATION * positions >= FEWEST_HELD_OUT
    separate = corpus.validation is not None
    validation = given.get("validation", VALIDATION if enough_to_split and not separate else 0.0)
    validates = separate or validation > 0
    settings = TrainSettings(
        hidden_size=256 if characters > 50_000 else 128,
        epochs=min(100, max(1, 6_000_000 // characters)),
        batch_size=min(32, max(4, characters // (16 * sequence_length))),
        sequence_length=default_length,
        validation=validation,
        separate_validation=separate,
        patience=5 if validates else 0,
        recoveries=0 if "learning_rate" in given else 5,
        whole=False,
        ngram=None if validates else 0,
    )
    seconds = given.get("time_limit")
    if corpus.labels and short_lines and given["cell"] == LABELED_CELL:
        batch_size = min(LABELED_BATCH, max(4, corpus.strings // 32))
        settings = replace(settings, batch_size=batch_size, dropout=LABELED_DROPOUT)
    if not fast:
        return replace(settings, epochs=UNLIMITED_EPOCHS) if seconds else settings
    speed = flops() if seconds else TWO_CORES_FLOPS  # without a time limit, the same on every machine
    if short_lines:  # short sequences need a smaller network and less dropout
        settings = replace(settings, batch_size=min(128, max(4, corpus.strings // 32)))
        settings = size_network(settings, characters // 3, vocabulary_size, given, speed, less_dropout=0.2)
        updates = max(corpus.strings, characters // sequence_length) // settings.batch_size
    else:
        settings = size_network(settings, characters, vocabulary_size, given, speed)
        updates = characters // (settings.batch_size * sequence_length)
    return _ensure_updates(settings, max(1, updates))


def _ensure_updates(settings: TrainSettings, updates: int) -> TrainSettings:
    """Return settings with enough epochs for FEWEST_UPDATES; `updates` counts those of an epoch."""
    epochs = -(-FEWEST_UPDATES // updates)
    if epochs <= settings.epochs:
        return settings
    reasons = {
        **settings.reasons,
        "epochs": f"{epochs} epochs, because one epoch has only {updates} update{'s' * (updates != 1)}",
    }
    return replace(settings, epochs=epochs, reasons=reasons)


def _require_something_to_learn(corpus: AnyCorpus) -> None:
    if not corpus.strings or (isinstance(corpus, LargeCorpus) and not corpus.characters):
        raise TextError("the text contains only empty lines", hint="give a text with at least one character")
    if corpus.validation and not _has_positions(corpus.validation):
        raise TextError(
            "the validation text has no string of 2 characters or more; validation requires at least 2",
            hint="give a longer text with --validation-file",
        )
    if isinstance(corpus, LargeCorpus):
        return
    shortest = min(corpus.sequences, key=len)
    if len(shortest) < (1 if corpus.lines else 2):
        raise TextError(
            f"the text {quoted(shortest)} has {len(shortest)} character{'' if len(shortest) == 1 else 's'}; "
            "training requires at least 2",
            hint="give a longer text with --text or --file",
        )


def _has_positions(corpus: AnyCorpus) -> bool:
    """Return whether a text has a symbol to predict."""
    if isinstance(corpus, LargeCorpus):
        return corpus.characters > (0 if corpus.lines else corpus.strings)
    return any(len(sequence) >= (1 if corpus.lines else 2) for sequence in corpus.sequences)

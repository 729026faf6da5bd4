"""The settings that a text, its size and the time there is choose by default."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from charseq.errors import TextError, UsageError, cannot_combine
from charseq.settings.network_size import TWO_CORES_FLOPS, sized
from charseq.settings.train_settings import Schedule, TrainSettings
from charseq.suggestions import did_you_mean
from charseq.text.corpus import AnyCorpus, Corpus, LargeCorpus

SHORT_TEXT_CELL, LONG_TEXT_CELL = "gru", "rnn-norm"
CELL_REASONS = {
    True: f"{SHORT_TEXT_CELL}, because it memorized strings most reliably in benchmarks",
    False: f"{LONG_TEXT_CELL}, because it was best on longer text in benchmarks",
}
"""Why, by whether a text is learned whole."""

WHOLE_STRING = 1_000
"""A text is learned whole up to this many characters a string ..."""
WHOLE_TEXT = 10_000
"""... and this many in all."""


VALIDATION = 0.1
"""The fraction that is held out by default."""
FEWEST_HELD_OUT = 100
"""Held-out positions below which a validation loss is too uncertain to choose the best epoch by; where the
fraction would be less, nothing is held out by default.
"""
LONG_LINE = 256
"""Characters of a line, on average, from which lines are read as running text is."""
FEWEST_UPDATES = 200
"""Of a text so short that its passes alone would be too few."""


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
    "rnn-norm": Recipe(0.001, "one-cycle", layer_norm=True),
    "mingru": MINIMAL,
    "minlstm": MINIMAL,
    "mlstm": replace(MINIMAL, learning_rate=0.01),
}
"""Recipes by cell; tests/benchmarks/memorization.py measures how reliably short text is learned with them.

Plain networks have to learn with small steps first, while their state is still another at every step; gates
find the way back.  A state without bound (rnn-relu), or of a fixed small norm (rnn-norm), needs its output
normalized.  A cell whose gates
see x alone tells places apart only by a second layer.
"""


def choose_settings(
    corpus: AnyCorpus,
    vocabulary_size: int,
    given: Mapping[str, Any],
    *,
    power: Callable[[], float] = lambda: TWO_CORES_FLOPS,
) -> TrainSettings:
    """Fill in what was not given (None) from the text, and where that is long from the time there is.

    `power` tells the floating-point operations a second that the device gives to training.  Raises TextError
    where there is nothing to learn, UsageError where what was given cannot be.
    """
    _require_something_to_learn(corpus)
    given = {name: value for name, value in given.items() if value is not None}
    names = [field.name for field in fields(TrainSettings)]
    unknown = given.keys() - set(names)
    if unknown:
        hint = did_you_mean(min(unknown), names)
        raise UsageError(f"no such setting: {', '.join(sorted(unknown))}", hint=hint)
    TrainSettings(**given)  # which refuses a value of another type, or out of range
    asked = given.keys()
    whole = not given.get("validation") and not given.get("sequence_length")
    short = corpus if isinstance(corpus, Corpus) and is_short(corpus) and whole else None
    given = {"cell": SHORT_TEXT_CELL if short or given.get("stride") else LONG_TEXT_CELL, **given}
    if given.get("stride"):
        defaults = _for_overlapping_windows(corpus, given)
    elif short:
        defaults = _for_short_text(short, given)
    else:
        defaults = _for_long_text(corpus, vocabulary_size, given, power)
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
    reasons = {"cell": CELL_REASONS[defaults.whole], **defaults.reasons}
    known = {name: reason for name, reason in reasons.items() if name not in asked}
    settings = replace(defaults, **given, reasons=known)
    if settings.tie_weights and "embedding_size" not in given:
        settings = replace(settings, embedding_size=settings.hidden_size)
    _require_effect(settings, given)
    if settings.stride > settings.sequence_length:
        raise UsageError(
            f"--stride {settings.stride} leaves places out between windows of {settings.sequence_length}",
            hint="a stride is at most the --sequence-length",
        )
    return settings


def _require_effect(settings: TrainSettings, given: Mapping[str, Any]) -> None:
    """Raise UsageError for a given setting that does nothing beside the others."""
    if given.get("layer_norm") and settings.head == "none" and settings.layers == 1:
        raise cannot_combine("--layer-norm", ["--head none"], "the only layer's output is the logits")
    if given.get("dropout") and settings.head == "none" and settings.layers == 1:
        raise cannot_combine("--dropout", ["--head none"], "the only layer's output is the logits")
    if settings.schedule == "one-cycle" and given.get("warm_up") == 0:
        why = (
            f"it begins with a rise{'' if 'schedule' in given else f' and is the default of {settings.cell}'}"
        )
        raise cannot_combine(
            "--warm-up 0", ["--schedule one-cycle"], why, hint="choose another --schedule, such as cosine"
        )


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


def _for_overlapping_windows(corpus: AnyCorpus, given: Mapping[str, Any]) -> TrainSettings:
    """Every window starts from the zero state, all in one batch where there are not too many."""
    if corpus.lines or given.get("validation"):
        other = "--lines" if corpus.lines else "--validation"
        raise cannot_combine("--stride", [other])
    if isinstance(corpus, LargeCorpus):
        raise UsageError(
            f"--stride learns all windows of a text at once, and {corpus.characters:,} are too many",
            hint="leave --stride out: windows over streams learn text of any size",
        )
    return replace(
        _for_short_text(corpus, given),
        epochs=500,
        sequence_length=10,
        batch_size=min(1_000, sum(map(len, corpus.sequences))),
    )


def _for_long_text(
    corpus: AnyCorpus, vocabulary_size: int, given: Mapping[str, Any], power: Callable[[], float]
) -> TrainSettings:
    """Windows over streams, or lines; tests/benchmarks/defaults.md has the experiments behind the figures."""
    fast = given["cell"] in (LONG_TEXT_CELL, "rnn-relu")
    characters = corpus.characters
    short_lines = corpus.lines and characters < LONG_LINE * corpus.strings
    usual = 64 if short_lines or not fast else 32
    sequence_length = given.get("sequence_length", usual)
    positions = characters + (corpus.strings if corpus.lines else 0)
    enough_to_split = VALIDATION * positions >= FEWEST_HELD_OUT
    validation = given.get("validation", VALIDATION if enough_to_split else 0.0)
    settings = TrainSettings(
        hidden_size=256 if characters > 50_000 else 128,
        epochs=min(100, max(1, 6_000_000 // characters)),
        batch_size=min(32, max(4, characters // (16 * sequence_length))),
        sequence_length=usual,
        validation=validation,
        patience=5 if validation else 0,
        recoveries=0 if "learning_rate" in given else 5,
        whole=False,
    )
    seconds = given.get("time_limit")
    if not fast:
        return replace(settings, epochs=1_000_000) if seconds else settings
    able = power() if seconds else TWO_CORES_FLOPS  # without a limit the same on every machine
    if short_lines:  # short sequences: as a text of a third, and less of it left out
        settings = replace(settings, batch_size=min(128, max(4, corpus.strings // 32)))
        settings = sized(settings, characters // 3, vocabulary_size, given, able)
        settings = replace(settings, dropout=round(max(0.0, settings.dropout - 0.2), 1))
        updates = max(corpus.strings, characters // sequence_length) // settings.batch_size
    else:
        settings = sized(settings, characters, vocabulary_size, given, able)
        updates = characters // (settings.batch_size * sequence_length)
    return _long_enough(settings, max(1, updates))


def _long_enough(settings: TrainSettings, updates: int) -> TrainSettings:
    """The settings with so many epochs, of so many updates each, that a very short text is learned, too."""
    epochs = -(-FEWEST_UPDATES // updates)
    if epochs <= settings.epochs:
        return settings
    reasons = {
        **settings.reasons,
        "epochs": f"{epochs} epochs, because each has only {updates} update{'s' * (updates != 1)}",
    }
    return replace(settings, epochs=epochs, reasons=reasons)


def _require_something_to_learn(corpus: AnyCorpus) -> None:
    if not corpus.strings or (isinstance(corpus, LargeCorpus) and not corpus.characters):
        raise TextError("the text has only empty lines", hint="give a --text, or a --file that holds some")
    if isinstance(corpus, LargeCorpus):
        return
    shortest = min(corpus.sequences, key=len)
    if len(shortest) < (1 if corpus.lines else 2):
        raise TextError(
            f"the text {shortest!r} has {len(shortest)} character{'' if len(shortest) == 1 else 's'}; "
            "training needs at least 2",
            hint="pass a longer --text, or a --file",
        )

"""What people read before a run trains: its settings, the reasons of its defaults, and warnings."""

from collections.abc import Iterator

from charseq.cells import cell_named
from charseq.events import Start
from charseq.render.processes import device_text, other_precision, wrong_number
from charseq.render.quantities import count, duration, passes_text, percent, size
from charseq.render.visible import visible
from charseq.settings.defaults import FEWEST_HELD_OUT, MOST_POSITIONS, UNLIMITED_EPOCHS
from charseq.settings.train_settings import TrainSettings
from charseq.text.sources import TextSource, description

MANY_NEW_CHARACTERS = 0.5
"""The fraction of new characters above which fine-tuning may not help: from English to Korean, it did not."""
REPEATED_TEXT = 0.05
"""The fraction of held-out text above which it is reported to occur in the training text."""
MAX_FOLLOWING_SHOWN = 3
"""The number of symbols shown that follow a conflicting context."""


def summary(start: Start) -> str:
    """Return the text, network and settings of a run, and the reasons of its defaults, line by line."""
    settings = start.settings
    if start.imported:
        return _imported(start)
    lines = [
        f"text: {_text(start)}",
        *_validation_text(start),
        f"network: {network_text(settings)}, {count(start.parameters, 'parameter')}",
        *_ngram(start),
        f"optimizer: {optimizer_text(settings)}",
        f"training: {_duration(settings)}; {device_text(start)}, seed {settings.seed}",
    ]
    if start.lineage:
        parent = start.lineage[0]
        frozen = "" if settings.freeze == "none" else f", frozen: {settings.freeze.replace('-', ' ')}"
        lines.insert(1, f"from: {visible(parent['model'])} (SHA-256 {parent['sha256'][:12]}...){frozen}")
    if start.resumed is not None:
        lines.insert(0, f"resuming {visible(start.run)} after {passes_text(start.resumed)}")
    if settings.reasons:
        lines.append(f"defaults: {'; '.join(settings.reasons.values())}")
    return "\n".join(lines)


def _imported(start: Start) -> str:
    """Return where an imported model comes from, and its network."""
    origin, settings = start.imported, start.settings
    name, digest = (visible(origin.get(key, "")) for key in ("file", "sha256"))
    lines = [
        f"imported from: {name} (SHA-256 {digest[:12]}...)",
        f"network: {network_text(settings)}, {count(start.parameters, 'parameter')}",
        *_ngram(start),
    ]
    return "\n".join(lines)


def warnings(start: Start) -> list[str]:
    """Return warnings about the text, one line each."""
    left_out = left_out_lines(start.empty_lines, start.dropped_lines)
    return [
        *left_out,
        *other_precision(start),
        *_conflict(start),
        *_repeated_lines(start),
        *_overlap(start),
        *_fine_tuning(start),
        *_shift(start),
        *_short_validation(start),
        *wrong_number(start),
    ]


def left_out_lines(empty: int, dropped: int) -> Iterator[str]:
    """Describe lines that are left out: empty ones, and with --unique duplicates."""
    if empty:
        yield f"{count(empty, 'empty line')} {'is' if empty == 1 else 'are'} left out"
    if dropped:
        yield f"{count(dropped, 'duplicate line')} {'is' if dropped == 1 else 'are'} left out"


def text_size(characters: int, unit: str, distinct: int) -> str:
    """Describe a text: 7 characters, 5 distinct."""
    return f"{count(characters, unit)}, {distinct:,} distinct"


def network_text(settings: TrainSettings) -> str:
    """Describe a network: lstm, 1 layer of 128 hidden units."""
    layers, units = count(settings.layers, "layer"), count(settings.hidden_size, "hidden unit")
    text = f"{settings.cell}, {layers} of {units}"
    text += f", embedding {settings.embedding_size}" if settings.embedding_size else ""
    text += ", residual" if settings.residual else ""
    text += ", layer norm" if settings.layer_norm else ""
    text += ", tied weights" if settings.tie_weights else ""
    text += ", learned initial state" if settings.initial_state == "learned" else ""
    text += ", no head" if settings.head == "none" else ""
    return text + (f", dropout {settings.dropout:g}" if settings.dropout else "")


def optimizer_text(settings: TrainSettings) -> str:
    """Describe an optimizer: adam, learning rate 0.005 (cosine), clip 1."""
    clip = f"clip {settings.clip:g}" if settings.clip else "no clipping"
    return f"{settings.optimizer}, learning rate {settings.learning_rate:g} ({settings.schedule}), {clip}"


def length_text(settings: TrainSettings) -> str:
    """Describe how long a run trains: 50 epochs; 10 s; at most 50 epochs and 10 s."""
    epochs = count(settings.epochs, "epoch")
    if not settings.time_limit:
        early = settings.until_learned or settings.patience
        return f"at most {epochs}" if early else epochs
    time = duration(settings.time_limit)
    if settings.epochs < UNLIMITED_EPOCHS:
        return f"at most {epochs} and {time}"
    return f"at most {time}" if settings.patience else time


def _text(start: Start) -> str:
    settings = start.settings
    distinct = sum(symbol != "" for symbol in start.symbols)  # the boundary of lines is no character
    distinct -= len(start.labels)
    text = text_size(start.characters, start.unit, distinct)
    if settings.separate_validation or start.lineage:  # other texts have symbols of the vocabulary, too
        text = f"{count(start.characters, start.unit)}, vocabulary of {distinct:,}"
    if start.sequences > 1:
        text += f", {count(start.sequences, 'line' if start.lines else 'string')}"
    if start.labels:
        text += f" with {count(len(start.labels), 'label')}"
    if settings.stride:
        return text + f", in windows of {_window_length(start)} with a stride of {settings.stride}"
    if settings.whole:
        return text + ", to memorize"
    return text if settings.separate_validation else f"{text}, {_held_out(start)}"


def _validation_text(start: Start) -> Iterator[str]:
    """Describe the validation text, if it is one of its own."""
    if not start.settings.separate_validation:
        return
    sequences = start.validation_sequences
    characters = start.validation_characters + (-sequences if start.lines else sequences)
    lines = f", {count(sequences, 'line')}" if start.lines else ""
    names = visible(description(TextSource(files=start.validation_files)))
    used = f"; {MOST_POSITIONS:,} of them are used" if characters > MOST_POSITIONS else ""
    yield f"validation text: {names}, {count(characters, start.unit)}{lines}{used}"


def _ngram(start: Start) -> Iterator[str]:
    """Describe the n-gram model, if there is one."""
    if start.ngrams:
        ngrams, stored = count(start.ngrams, "n-gram"), size(start.ngram_bytes)
        yield f"n-gram model: order {start.settings.ngram}, {ngrams}, {stored} in the model file"


def _window_length(start: Start) -> str:
    """Return the length of overlapping windows, which are no longer than the text."""
    others = start.sequences - 1
    longest = min(start.settings.sequence_length, start.characters - 1 - 2 * others)
    return f"at most {longest}" if others else str(longest)


def _held_out(start: Start) -> str:
    """Describe the size and the position of the validation text."""
    settings, pieces = start.settings, start.validation_sequences
    if not pieces:
        return "nothing held out"
    symbols = count(start.validation_characters, start.unit)
    line_ends = start.sequences if start.lines else 0
    share = start.validation_characters / (start.characters + line_ends)
    if settings.validation_split == "tail":
        where = f"{symbols} at the end"
    elif start.lines:
        where = f"{count(pieces, 'line')} drawn at random"
    else:
        where = f"{symbols} in {count(pieces, 'piece')} spread over the text"
    return f"{share:.0%} held out for validation ({where})"


def _duration(settings: TrainSettings) -> str:
    text = length_text(settings)
    text += ", until memorized" if settings.until_learned else ""
    text += f", patience {settings.patience}" if settings.patience else ""
    if settings.whole:
        return text
    return f"{text}, batch size {settings.batch_size}, sequence length {settings.sequence_length}"


def _conflict(start: Start) -> Iterator[str]:
    """Explain by an example why a text cannot be memorized, and what accuracy is possible."""
    if not start.conflict:
        return
    conflict, highest = start.conflict, start.highest_accuracy or 0.0
    context, following = visible(conflict["context"]), conflict["following"]
    text = "the strings cannot all" if start.sequences > 1 else "the text cannot"
    follows = " and ".join(f"by '{visible(symbol)}'" for symbol in following[:MAX_FOLLOWING_SHOWN])
    follows += " and others" if len(following) > MAX_FOLLOWING_SHOWN else ""
    reason = f"'{context}' is followed {follows}"
    if not cell_named(start.settings.cell).memory:
        reason = f"{start.settings.cell} sees one character at a time, and {reason}"
    elif start.settings.stride:
        reason = f"in windows of {_window_length(start)} characters, {reason}"
    others = int(conflict["count"]) - 1
    also = f" ({count(others, 'other context')} likewise)" if others else ""
    yield f"{text} be memorized: {reason}{also}; the highest possible accuracy is {percent(highest)}"


def _repeated_lines(start: Start) -> Iterator[str]:
    repeated, lines = start.repeated_lines, start.sequences
    if not repeated:
        return
    if start.settings.separate_validation:
        yield f"{repeated:,} of {count(lines, 'line')} are duplicates (--unique drops them)"
    elif start.validation_sequences:
        yield (
            f"{repeated:,} of {count(lines, 'line')} repeat the text of an earlier line; "
            "equal lines are either all trained on or all held out"
            if start.labels
            else f"{repeated:,} of {count(lines, 'line')} are duplicates; "
            "equal lines are either all trained on or all held out (--unique drops duplicates)"
        )
    elif not start.settings.validation:
        yield f"{repeated:,} of {count(lines, 'line')} are duplicates (--unique drops them)"
    elif lines - repeated == 1:
        yield f"nothing is held out: the {lines:,} lines are all the same"
    else:
        yield (
            f"nothing is held out: only {lines - repeated:,} of {count(lines, 'line')} differ, "
            "so the loss does not measure unseen lines"
        )


def _overlap(start: Start) -> Iterator[str]:
    """Warn of a validation text that is part of the training text, or has characters of its own."""
    separate = start.settings.separate_validation
    share = start.validation_overlap or 0.0
    if share > (0.0 if separate else REPEATED_TEXT):
        about, kind = "" if start.lines else "about ", "validation" if separate else "held-out"
        yield (
            f"{about}{share:.0%} of the {kind} text also occurs in the training text, so the validation loss "
            "is lower than that of unseen text"
        )
    if only := start.validation_only:
        number = count(len(only), "character")
        yield f"{number} of the validation text not in the training text, such as '{visible(only[0])}'"


def _fine_tuning(start: Start) -> Iterator[str]:
    """Warn of a text that the model to start from does not suit, or that it was trained on."""
    if start.new_characters is not None and start.new_characters > MANY_NEW_CHARACTERS:
        yield (
            f"{start.new_characters:.0%} of the text are characters that the model of --from does not know: "
            "training without --from may be better"
        )
    if start.parent_overlap:
        about = "" if start.lines else "about "
        yield (
            f"{about}{start.parent_overlap:.0%} of the validation text occurs in the text that the model of "
            "--from was trained on, so the validation loss is lower than that of unseen text"
        )


def _shift(start: Start) -> Iterator[str]:
    """Warn of text whose symbol frequencies differ from the rest."""
    if not start.shift:
        return
    unit = start.unit
    if start.settings.separate_validation:
        yield (
            f"the validation text differs clearly from the training text (relative entropy of {unit} "
            f"frequencies: {start.shift['nats']:.2f} nats), which raises the validation loss"
        )
        return
    first, last = int(start.shift["first"]) + 1, int(start.shift["last"])
    differ = f"(relative entropy of {unit} frequencies: {start.shift['nats']:.2f} nats)"
    if start.settings.validation_split == "spread" and not start.lines:
        pieces, differs = int(start.shift["pieces"]), "differs" if start.shift["pieces"] == 1 else "differ"
        yield (
            f"{pieces:,} of {count(start.validation_sequences, 'held-out piece')}, from {unit} {first:,} to "
            f"{last:,}, {differs} clearly from the rest of the text {differ}"
        )
    else:
        yield (
            f"the held-out text from {unit} {first:,} to {last:,} differs clearly from the training text "
            f"{differ}, which raises the validation loss; --validation-split spread holds out text of both"
        )


def _short_validation(start: Start) -> Iterator[str]:
    if start.validation_sequences and not start.validation_chooses:
        kind = "validation" if start.settings.separate_validation else "held-out"
        symbols = count(start.validation_characters, f"{kind} {start.unit}")
        yield (
            f"{symbols} are too few to choose the best epoch (at least {FEWEST_HELD_OUT} are needed), "
            "so the last epoch is saved, without an n-gram model"
        )

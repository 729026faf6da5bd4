"""The text of inspect-neurons."""

import io
from collections.abc import Sequence
from pathlib import Path

from charseq.cli import streams, text_input
from charseq.inspection.unit_text import UnitText
from charseq.model.model_file import Model
from charseq.render.visible import visible
from charseq.text.corpus import split_lines

MAX_TRAINING_SYMBOLS = 1_000_000
"""Symbols of the training text that are read if no text is given."""


def unit_text(
    positional: str | None,
    texts: Sequence[str] | None,
    files: Sequence[str] | None,
    *,
    encoding: str,
    model: Model,
    path: Path,
    label: str | None,
    example: str,
) -> UnitText:
    """Return the text of a command, by default the memorized texts or the beginning of the training text.

    A model of lines reads each line by itself.  Raises TextError, UnknownCharacter, ModelFileError.
    """
    from charseq.text.unknown import INSPECTION, TEXT_FILE

    vocabulary = model.vocabulary
    strings = [] if positional is None else [positional]
    if not (strings or model.memorized or text_input.names_text(texts, files)):
        return _training_text(path, model)
    vocabulary.check_label(label, required=True)
    given = text_input.texts_to_inspect(
        strings, texts, files, unit=vocabulary.unit, encoding=encoding, model=model, example=example
    )
    if vocabulary.boundary:
        given = [line for text in given for line in split_lines(text) if line] or [""]
    with (TEXT_FILE if files else INSPECTION).explaining(model=str(path)):
        return UnitText.of(vocabulary, given, label)


def _training_text(path: Path, model: Model) -> UnitText:
    from charseq.runs.training_text import training_text
    from charseq.text.encoding import EncodedCorpus

    with streams.immediate_interrupt():  # a large text takes seconds
        source = training_text(path, model.vocabulary, "--file")
        with source.opened(io.BytesIO()) as corpus:
            sequences = EncodedCorpus(corpus, model.vocabulary).sequences
            text = UnitText.of_sequences(model.vocabulary, sequences, MAX_TRAINING_SYMBOLS)
    names = ", ".join(source.files) or "the training text"
    part = f"the first {len(text):,} {model.vocabulary.unit}s" if len(text) == MAX_TRAINING_SYMBOLS else "all"
    streams.report(f"reading {part} of {visible(names)}", "dim")
    return text

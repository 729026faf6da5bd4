"""Find the text that a model was trained on, and verify it: a model file has its source and its SHA-256."""

import io
from dataclasses import replace
from pathlib import Path

from charseq.errors import CharseqError, TextError, quoted
from charseq.model.json_types import parse_object
from charseq.model.model_file import describe
from charseq.runs.resume import parse_source
from charseq.text.corpus import LargeCorpus
from charseq.text.encoding import EncodedCorpus
from charseq.text.files import open_file
from charseq.text.sequences import Sequences
from charseq.text.sources import STANDARD_INPUT, TextSource
from charseq.text.vocabulary import Vocabulary


def training_text(path: Path, vocabulary: Vocabulary, option: str = "--against") -> TextSource:
    """Return the source of the text that the model of a file was trained on.

    Raises TextError if it was not saved, is not found, or has changed since; its hint is to give the text
    with an `option`.  Raises ModelFileError.
    """
    name, hint = quoted(path), f"name the training file with {option}"
    source, digest = saved_text(path)
    if not source.texts and not source.files:
        raise TextError(f"{name} does not record where its training text is", hint=hint)
    if STANDARD_INPUT in source.files:
        raise TextError(f"the training text of {name} was standard input", hint=hint)
    for file in source.files:
        if not Path(file).is_file() and not Path(file).is_dir():
            raise TextError(
                f"the training text of {name} is not found at {quoted(file)}",
                hint=f"{hint}, or change to the folder in which the model was trained (cd)",
            )
        if Path(file).is_file():
            open_file(file).close()
    try:
        with source.opened(io.BytesIO()) as corpus:
            is_same = EncodedCorpus(corpus, vocabulary).digest == digest
    except TextError:  # empty by now, in another encoding, or with a character that the vocabulary lacks
        is_same = False
    if not is_same:
        files = " and ".join(map(quoted, source.files))
        changed = f"{files} changed since {name} was trained" if files else f"the text of {name} is damaged"
        raise TextError(f"{changed} (SHA-256 differs)", hint=hint)
    return source


def known_sequences(path: Path, vocabulary: Vocabulary) -> Sequences | None:
    """Return the text of a model as ids; None if it is large, was not saved, is not found, or has changed."""
    source, digest = saved_text(path)
    if (not source.texts and not source.files) or STANDARD_INPUT in source.files:
        return None
    try:
        with source.opened(io.BytesIO()) as corpus:
            if isinstance(corpus, LargeCorpus):
                return None
            encoded = EncodedCorpus(corpus, vocabulary)
    except CharseqError:
        return None
    return encoded.sequences if encoded.digest == digest else None


def saved_text(path: Path) -> tuple[TextSource, object]:
    """Return the source of the text of a model file, empty if there is none, and its SHA-256, or None."""
    progress = describe(path).progress or {}
    try:
        text = parse_object(progress.get("text") or {}, "text")
        digest = text.get("sha256")
        return replace(parse_source(text), validation_files=()), digest
    except (KeyError, TypeError, ValueError):
        return TextSource(), None

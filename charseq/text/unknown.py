"""Explain why characters of a text are unknown to a model, and name the remedy."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from charseq.errors import Cause, UnknownCharacter, quoted
from charseq.text.units import Unit, segments

SAMPLE_SYMBOLS = 1 << 16
"""Symbols, from the unknown one on, that are examined for the cause."""
CONTEXT_SYMBOLS = 16
"""Symbols before the unknown one that are examined with it, such as the base letter of an accent."""

_DECOMPOSED = "the text is decomposed (NFD), and the model knows the composed characters"
_COMPOSED = "the text is composed (NFC), and the model knows the decomposed characters"
_NO_LINE_ENDINGS = "but the model was not trained on line endings"
_COMPATIBILITY = "the text has compatibility characters, such as full-width letters or ligatures"

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
FORMS: dict[Form, tuple[str, str]] = {
    "NFC": (_DECOMPOSED, "nfc"),
    "NFD": (_COMPOSED, "nfc"),
    "NFKC": (_COMPATIBILITY, "nfkc"),
    "NFKD": (_COMPATIBILITY, "nfkc"),
}
"""Normalization forms to try: the description of a text that needs one, and the form to train with."""


class Symbols(Protocol):
    """The part of a vocabulary that explanations use."""

    @property
    def unit(self) -> Unit:
        """What one symbol is."""

    @property
    def listing(self) -> str:
        """The symbols, at most 40, for a message."""

    @property
    def boundary(self) -> bool:
        """Whether the model has the boundary symbol."""

    def unknown_in(self, text: str) -> int:
        """Return the number of unknown symbols in a text."""

    def knows_any(self, symbols: Iterable[str]) -> bool:
        """Return whether any of the symbols is known."""

    def joined(self, symbols: Iterable[str]) -> str:
        """Return symbols as a text."""


@dataclass(frozen=True)
class Interface:
    """The spelling of settings in the hints of an interface; empty if the interface lacks a setting."""

    unknown: str = ""
    lines: str = "give each line by itself"
    normalize: str = ""

    def hint(self, known: str, cause: Cause | None) -> str:
        """Return the hint for a model with the symbols `known`."""
        hints = []
        if cause:
            training = f", or train with {self.normalize.format(cause.normalization)}"
            possible = bool(cause.normalization and self.normalize)
            hints.append(f"{cause.description}: {cause.remedy or self.lines}{training if possible else ''}")
        if not cause or not cause.complete:
            hints += [f"it knows {known}", *([self.unknown] if self.unknown else [])]
        return "; ".join(hints)

    @contextmanager
    def explaining(self, *, model: str = "", where: str = "") -> Iterator[None]:
        """Give each UnknownCharacter that the body raises a hint for this interface."""
        try:
            yield
        except UnknownCharacter as error:
            raise self.explain(error, model=model, where=where) from None

    def explain(self, error: UnknownCharacter, *, model: str = "", where: str = "") -> UnknownCharacter:
        """Return the error with a hint for this interface, the model's path and the text's location."""
        hint = self.hint(error.known, error.cause)
        return UnknownCharacter(
            where + error.message,
            hint=f"{model}: {hint}" if model else hint,
            known=error.known,
            cause=error.cause,
        )


_COMMAND_UNKNOWN = "add --unknown skip to leave unknown characters out, or --unknown replace"
INSPECTION = Interface(normalize="--normalize {}")
"""A command without --unknown and without --lines."""
PROMPT = Interface(_COMMAND_UNKNOWN, normalize="--normalize {}")
"""A command that has --unknown; the text is an argument."""
TEXT_FILE = Interface(_COMMAND_UNKNOWN, "add --lines to read each line separately", "--normalize {}")
"""A command that has --unknown and --lines; the text is a file."""
PYTHON = Interface(
    'pass unknown="skip" to leave unknown characters out, or unknown="replace"',
    normalize='normalize="{}"',
)
"""The Python interface."""

COMPLETIONS = Interface('send "unknown": "skip" to leave unknown characters out, or "unknown": "replace"')
"""The completions interface, which has the field `unknown`."""


def unknown_character(
    vocabulary: Symbols, text: str, symbols: Sequence[str], position: int
) -> UnknownCharacter:
    """Return the error for the unknown symbol at a position of a text."""
    symbol, unit, known = symbols[position], vocabulary.unit, vocabulary.listing
    points = " ".join(f"U+{ord(c):04X}" for c in symbol)
    shown = f"byte 0x{ord(symbol):02X}" if unit == "byte" else f"{quoted(symbol)} ({points})"
    context = text if len(text) <= 40 else text[:40] + "..."
    message = f"{shown}, {unit} {position + 1} of {quoted(context)}, is not in the model's vocabulary"
    sample = vocabulary.joined(symbols[max(0, position - CONTEXT_SYMBOLS) : position + SAMPLE_SYMBOLS])
    cause = cause_of(vocabulary, sample)
    return UnknownCharacter(message, hint=Interface().hint(known, cause), known=known, cause=cause)


def cause_of(vocabulary: Symbols, text: str) -> Cause | None:
    """Return the cause whose remedy leaves the fewest unknown characters, or None if no remedy helps."""
    fewest, best = vocabulary.unknown_in(text), None
    for changed, cause in _candidates(vocabulary, text):
        unknown = vocabulary.unknown_in(changed)
        if unknown < fewest:
            fewest, best = unknown, Cause(cause.description, cause.remedy, cause.normalization, not unknown)
    return best


def _candidates(vocabulary: Symbols, text: str) -> Iterator[tuple[str, Cause]]:
    """Yield changed texts, each with the cause that it tests."""
    if "\n" in text:
        yield _convert_line_endings(vocabulary, text)
    original = set(segments(text, vocabulary.unit))
    for form, (description, normalization) in FORMS.items():
        changed = unicodedata.normalize(form, text)
        # Composing always leaves fewer unknown symbols; it helps only if it yields known ones.
        if changed != text and vocabulary.knows_any(set(segments(changed, vocabulary.unit)) - original):
            yield changed, Cause(description, f"convert it to {form}", normalization)


def _convert_line_endings(vocabulary: Symbols, text: str) -> tuple[str, Cause]:
    """Return a text with line endings that the model can read, and the cause."""
    if not vocabulary.boundary and vocabulary.knows_any(["\n"]):
        description = "the text has CR LF line endings, and the model knows only LF"
        return text.replace("\r\n", "\n"), Cause(description, "convert them to LF (dos2unix)")
    if not vocabulary.boundary and vocabulary.knows_any(["\r\n"]):
        description = "the text has LF line endings, and the model knows CR LF"
        changed = text.replace("\r\n", "\n").replace("\n", "\r\n")
        return changed, Cause(description, "convert them to CR LF (unix2dos)")
    changed = re.sub(r"\r?\n", "", text)
    if re.fullmatch(r"[^\n]*\n", text):
        return changed, Cause(f"the text ends with a line ending, {_NO_LINE_ENDINGS}", "remove it")
    reason = "and the model reads one at a time" if vocabulary.boundary else _NO_LINE_ENDINGS
    return changed, Cause(f"the text has several lines, {reason}")


def line_ending_note(vocabulary: Symbols, memorized: Sequence[str], text: str) -> str:
    """Return a note if a text has LF line endings and the model was probably trained on CR LF, else "".

    Such a text has no unknown characters, but the model expects CR before every LF.  `memorized` are the
    model's strings, if any; otherwise CR in the vocabulary indicates training on CR LF.
    """
    if "\n" not in text or "\r" in text or vocabulary.boundary or not vocabulary.knows_any(["\r"]):
        return ""
    if any(re.search(r"(?<!\r)\n", string) for string in memorized):
        return ""
    return (
        "the text has LF line endings, and the model was probably trained on CR LF: "
        "convert them (unix2dos) for a better match"
    )

"""Explain why a model does not know some characters of a text, and name the remedy."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from charseq.errors import Cause, UnknownCharacter
from charseq.text.units import Unit, segments

SAMPLE_SYMBOLS = 1 << 16
"""Symbols of a text, from the unknown one on, that are examined for the cause."""
CONTEXT_SYMBOLS = 16
"""Symbols before the unknown one that are examined with it: a base letter before its accent."""

_DECOMPOSED = "the text is decomposed (NFD), and the model knows the composed characters"
_COMPOSED = "the text is composed (NFC), and the model knows the decomposed characters"
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
    def boundary(self) -> bool:
        """Whether the model reads lines."""

    def unknown_in(self, text: str) -> int:
        """Return the number of unknown symbols in a text."""

    def knows_any(self, symbols: Iterable[str]) -> bool:
        """Return whether any of the symbols is known."""

    def joined(self, symbols: Iterable[str]) -> str:
        """Return symbols as text."""


@dataclass(frozen=True)
class Interface:
    """How an interface spells the settings that a hint names; empty where it lacks the setting."""

    unknown: str = ""
    lines: str = "give each line by itself"
    normalize: str = ""

    def hint(self, known: str, cause: Cause | None) -> str:
        """Return the hint for a model that knows the symbols `known`."""
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
        """Raise every UnknownCharacter of the body as one with a hint for this interface."""
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
TEXT_FILE = Interface(_COMMAND_UNKNOWN, "add --lines to read every line by itself", "--normalize {}")
"""A command that has --unknown and --lines; the text is a file."""
PYTHON = Interface(
    'pass unknown="skip" to leave unknown characters out, or unknown="replace"',
    normalize='normalize="{}"',
)


def unknown_character(
    vocabulary: Symbols, message: str, known: str, parts: Sequence[str], position: int
) -> UnknownCharacter:
    """Return the error for the unknown symbol at a position of a text's symbols."""
    sample = vocabulary.joined(parts[max(0, position - CONTEXT_SYMBOLS) : position + SAMPLE_SYMBOLS])
    cause = cause_of(vocabulary, sample)
    return UnknownCharacter(message, hint=Interface().hint(known, cause), known=known, cause=cause)


def cause_of(vocabulary: Symbols, text: str) -> Cause | None:
    """Return the change to a text that leaves the fewest unknown characters, or None if none helps."""
    fewest, best = vocabulary.unknown_in(text), None
    for changed, cause in _candidates(vocabulary, text):
        unknown = vocabulary.unknown_in(changed)
        if unknown < fewest:
            fewest, best = unknown, Cause(cause.description, cause.remedy, cause.normalization, not unknown)
    return best


def _candidates(vocabulary: Symbols, text: str) -> Iterator[tuple[str, Cause]]:
    """Yield changed texts, each with the cause that it would confirm."""
    if "\n" in text:
        yield _with_other_line_ends(vocabulary, text)
    original = set(segments(text, vocabulary.unit))
    for form, (description, normalization) in FORMS.items():
        changed = unicodedata.normalize(form, text)
        # Composing always leaves fewer unknown symbols; it helps only if it yields known ones.
        if changed != text and vocabulary.knows_any(set(segments(changed, vocabulary.unit)) - original):
            yield changed, Cause(description, f"convert it to {form}", normalization)


def _with_other_line_ends(vocabulary: Symbols, text: str) -> tuple[str, Cause]:
    """Return a text as a model can read its line ends, and the cause."""
    if not vocabulary.boundary and vocabulary.knows_any(["\n"]):
        description = "the text has CR LF line ends, and the model knows LF alone"
        return text.replace("\r\n", "\n"), Cause(description, "convert them to LF (dos2unix)")
    if not vocabulary.boundary and vocabulary.knows_any(["\r\n"]):
        description = "the text has LF line ends, and the model knows CR LF"
        changed = text.replace("\r\n", "\n").replace("\n", "\r\n")
        return changed, Cause(description, "convert them to CR LF (unix2dos)")
    changed = re.sub(r"\r?\n", "", text)
    if re.fullmatch(r"[^\n]*\n", text):
        return changed, Cause("the text ends with a line end, and the model knows none", "leave it out")
    knows = "the model reads one at a time" if vocabulary.boundary else "the model knows no line ends"
    return changed, Cause(f"the text has several lines, and {knows}")


def other_line_ends(vocabulary: Symbols, learned: Sequence[str], text: str) -> str:
    """Return a note for a text with LF line ends given to a model of text with CR LF, else nothing.

    Such a text has no unknown characters, but the model expects CR before every LF.  `learned` are the
    memorized strings, if any; otherwise a vocabulary that holds CR stands for a text with CR LF.
    """
    if "\n" not in text or "\r" in text or vocabulary.boundary or not vocabulary.knows_any(["\r"]):
        return ""
    if any(re.search(r"(?<!\r)\n", string) for string in learned):
        return ""
    return (
        "the text has LF line ends, and the model was probably trained on CR LF: "
        "convert them (unix2dos) for a better match"
    )

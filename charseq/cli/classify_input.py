"""The texts of classify: arguments, and the lines of files as they arrive, each with its classification."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from charseq.cli import input_notes, streams, text_input
from charseq.cli.arriving_lines import arriving_lines
from charseq.errors import CharseqError, UnknownCharacter, UsageError, quoted
from charseq.inference.classification import Classification, Classifier
from charseq.text.labels import parse_line
from charseq.text.unknown import PROMPT

if TYPE_CHECKING:
    from charseq.text.units import Unknown
    from charseq.text.vocabulary import Ids

TEXTS_AT_ONCE = 256
"""The most texts that are classified before they are shown."""
LABEL_HINT = "write a label, a tab and a text in every line, or leave --accuracy out"


class Classified(NamedTuple):
    """A text of the input, and its classification."""

    source: str
    """The file's name; empty for an argument."""
    number: int
    """The line number in the file, or the number of the line among the arguments, from 1."""
    classification: Classification
    actual: str | None
    """The label that the input gives; None without --accuracy."""


class _Line(NamedTuple):
    number: int
    text: str
    targets: "Ids"
    actual: str | None


@dataclass
class ClassifyInput:
    """Reads and classifies texts; every line is a text, even an empty one."""

    classifier: Classifier
    path: Path
    unknown: "Unknown"
    labeled: bool = False
    """Whether every line is a label, a tab and a text; empty lines are skipped."""
    encoding: str = "utf-8"
    """The encoding of files and standard input."""
    unknown_characters: int = 0
    """Number of unknown characters that have been skipped or replaced."""
    empty: list[str] = field(default_factory=list)
    """Names of the files without a line."""

    def texts(self, strings: Sequence[str], files: Sequence[str]) -> Iterator[Classified]:
        """Yield the lines of strings, then those of files, in order, as soon as they are classified.

        Raises TextError and UnknownCharacter, after yielding the texts before the faulty one.
        """
        lines = [line for text in strings for line in _lines(text)]
        yield from self._classified("", [*enumerate(lines, 1)])
        unit = self.classifier.model.vocabulary.unit
        for name in files:
            is_empty = True
            for batch in arriving_lines(
                name, unit=unit, encoding=self.encoding, remedy=text_input.BYTES_REMEDY
            ):
                is_empty = False
                for first in range(0, len(batch), TEXTS_AT_ONCE):
                    yield from self._classified(name, batch[first : first + TEXTS_AT_ONCE])
            if is_empty:
                self.empty.append(name)

    def report(self) -> None:
        """Report unknown characters and empty input on standard error."""
        if self.unknown_characters:
            action = "skipped" if self.unknown == "skip" else "scored as the least probable character"
            streams.report_unknown(self.unknown_characters, action)
        if self.empty:
            input_notes.report_empty(self.empty, "classify")

    def _classified(self, name: str, numbered: Sequence[tuple[int, str]]) -> Iterator[Classified]:
        lines: list[_Line] = []
        error: CharseqError | None = None
        for number, line in numbered:
            if self.labeled and not line:
                continue
            try:
                lines.append(self._encoded(name, number, line))
            except CharseqError as raised:
                error = raised
                break
        found = self.classifier.classify([line.text for line in lines], [line.targets for line in lines])
        for encoded, classification in zip(lines, found, strict=True):
            yield Classified(name, encoded.number, classification, encoded.actual)
        if error:
            raise error

    def _encoded(self, name: str, number: int, line: str) -> _Line:
        """Encode a line.  Raises TextError, UsageError for an unknown label, and UnknownCharacter."""
        vocabulary, actual, text = self.classifier.model.vocabulary, None, line
        source = "standard input" if name == "-" else quoted(name)
        where = f"line {number:,} of {source}" if name else "a text"
        if self.labeled:
            actual, text = parse_line(line, where, LABEL_HINT)
            label = vocabulary.label_id(actual, where=f"{where}: ")
            actual = vocabulary.symbols[label]
        else:
            self._require_no_label(line, where)
        try:
            encoded = vocabulary.encode_text(text, unknown=self.unknown, end=True)
        except UnknownCharacter as unknown:
            where = f"line {number}: " if name else ""
            raise PROMPT.explain(unknown, model=str(self.path), where=where) from None
        self.unknown_characters += encoded.unknown
        return _Line(number, text, encoded.targets, actual)

    def _require_no_label(self, line: str, where: str) -> None:
        """Raise UsageError for a line with a known label and a tab before its text, which has no tabs."""
        vocabulary = self.classifier.model.vocabulary
        label, tab, _ = line.partition("\t")
        if tab and label in vocabulary.label_ids and "\t" not in vocabulary.characters:
            raise UsageError(
                f"{where} begins with the label {quoted(label)} and a tab",
                hint="add --accuracy for input with labels",
            )


def _lines(text: str) -> list[str]:
    """Return the lines of an argument."""
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")

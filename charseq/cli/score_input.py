"""What score reads: whole texts, or lines as they come, each with how surprising it was."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from charseq.cli import streams, text_input
from charseq.errors import UnknownCharacter
from charseq.inference.scoring import Scored, Surprise, encoded, read_as, surprise, surprises
from charseq.model.model_file import Model
from charseq.text.corpus import AnyCorpus, lines_of
from charseq.text.sources import STANDARD_INPUT, Given
from charseq.text.unknown import PROMPT, TEXT_FILE, other_line_ends
from charseq.text.vocabulary import Ids

if TYPE_CHECKING:
    from charseq.text.units import Unknown

OF_BYTES = "train on it with --unit byte, which takes any bytes"


@dataclass
class Readings:
    """Texts as a model finds them, told as they were given, also where some of it was read otherwise."""

    model: Model
    path: Path
    unknown: "Unknown"
    rows: int
    changed: int = 0
    """How many unknown characters have been skipped or replaced."""
    _noted: bool = False
    """Whether a note on line ends has been shown."""
    has_lines: bool = False
    """Whether `of_lines` has read any line of a file, were it an empty one."""

    empty: list[str] = field(default_factory=list)
    """Files that `of_texts` has found empty."""

    def of_lines(self, given: Sequence[str], files: Sequence[str]) -> Iterator[Scored]:
        """Every line of texts and files, those of standard input as they come; empty ones are left out.

        Raises TextError, UnknownCharacter.
        """
        lines = [line for text in given for line in lines_of(text)]
        yield from self._together("", list(enumerate(lines, 1)))
        for name in files:
            for batch in text_input.lines_as_they_come(
                name, unit=self.model.vocabulary.unit, remedy=OF_BYTES
            ):
                self.has_lines = True
                yield from self._together(name, [(number, line) for number, line in batch if line])

    def of_texts(self, given: Sequence[str], files: Sequence[str]) -> Iterator[Scored]:
        """Every text, and every file as one text, of any size; empty standard input is left out.

        Raises TextError, UnknownCharacter.
        """
        yield from self._together("", list(enumerate(given, 1)))
        vocabulary = self.model.vocabulary
        for name in files:
            one = Given(files=(name,), unit=vocabulary.unit, normalization=vocabulary.normalization)
            text_input.tell_who_types(one.files)
            with one.opened(
                sys.stdin.buffer, may_be_empty=True, report_mark=text_input.report_mark
            ) as corpus:
                if not any(corpus.pieces()):
                    self.empty.append(name)
                    if name == STANDARD_INPUT:
                        continue
                pieces = corpus.pieces
                if not vocabulary.knows_line_ends:
                    pieces = partial(_without_last_line_end, corpus)
                scored = Scored(name, 1, pieces, lambda: iter(()))
                scored.parts = partial(self._parts, scored)
                yield scored

    def again(self, scored: Scored) -> Scored:
        """The same without what is known of each character, to be scored when it is read."""
        (text,) = scored.pieces()
        kept = Scored(scored.source, scored.number, scored.pieces, partial(self._alone, text), scored.unknown)
        kept.total = scored.total
        return kept

    def _alone(self, text: str) -> Iterator[Surprise]:
        return surprises(self.model, [encoded(self.model, text, self.unknown)])

    def _together(self, name: str, numbered: Sequence[tuple[int, str]]) -> Iterator[Scored]:
        """Texts side by side; of those before one that cannot be read, all are yielded first."""
        known: list[tuple[int, str, int, Ids]] = []
        error = None
        for number, text in numbered:
            count = self._unknown_in(text)
            self._note_line_ends(text)
            try:
                known.append((number, text, count, encoded(self.model, text, self.unknown)))
            except UnknownCharacter as unknown:
                where = f"line {number}: " if name else ""
                error = PROMPT.explain(unknown, model=str(self.path), where=where)
                break
        found = surprises(self.model, (ids for *_, ids in known), self.rows)
        for (number, text, count, _), part in zip(known, found, strict=True):
            yield Scored(name, number, partial(list, [text]), partial(list, [part]), count)
        if error:
            raise error

    def _unknown_in(self, text: str) -> int:
        """How many symbols are not known, where that is no error."""
        count = 0 if self.unknown == "error" else self.model.vocabulary.unknown_in(text)
        self.changed += count
        return count

    def _note_line_ends(self, text: str) -> None:
        """Show a note, once, if a text has other line ends than the model's."""
        if not self._noted and (note := other_line_ends(self.model.vocabulary, self.model.learned, text)):
            streams.report(note, "yellow")
            self._noted = True

    def _parts(self, scored: Scored) -> Iterator[Surprise]:
        """One text, the state carried through all its pieces."""
        self.changed -= scored.unknown  # where it is read again
        scored.unknown = 0

        def pieces() -> Iterator[Ids]:
            for piece in scored.pieces():
                self._note_line_ends(piece)
                scored.unknown += self._unknown_in(piece)
                yield read_as(self.model, piece, self.unknown)

        try:
            yield from surprise(self.model, pieces())
        except UnknownCharacter as error:
            raise TEXT_FILE.explain(error, model=str(self.path)) from None


def _without_last_line_end(corpus: AnyCorpus) -> Iterator[str]:
    """Yield the pieces of a text without the line end that ends it, for a model that knows none."""
    tail = ""
    for piece in corpus.pieces():
        text = tail + piece
        kept = text.removesuffix("\n").removesuffix("\r")
        tail = text[len(kept) :]  # a line end, or a CR whose LF may begin the next piece
        if kept:
            yield kept
    if not tail.endswith("\n") and tail:
        yield tail

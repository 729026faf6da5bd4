"""What score reads: whole texts, or lines as they come, each with how surprising it was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from charseq.cli import texts
from charseq.corpus import AnyCorpus, lines_of
from charseq.errors import UnknownCharacter
from charseq.model_file import Model
from charseq.score import Scored, Surprise, encoded, surprise, surprises
from charseq.vocabulary import Ids

if TYPE_CHECKING:
    from charseq.units import Unknown

OF_BYTES = "train on it with --unit byte, which takes any bytes"


@dataclass(frozen=True)
class Readings:
    """Texts as a model finds them."""

    model: Model
    path: Path
    unknown: "Unknown"
    rows: int

    def of_lines(self, given: Sequence[str], files: Sequence[str]) -> Iterator[Scored]:
        """Every line of texts and files, those of standard input as they come; empty ones are left out.

        Raises TextError, UnknownCharacter.
        """
        for number, text in enumerate(given, 1):
            yield from self._together("", [(number, line) for line in lines_of(text)])
        for name in files:
            for batch in texts.lines_as_they_come(name, unit=self.model.vocabulary.unit, remedy=OF_BYTES):
                yield from self._together(name, [(number, line) for number, line in batch if line])

    def of_texts(self, given: Sequence[str], files: Sequence[str]) -> Iterator[Scored]:
        """Every text, and every file as one text, of any size.  Raises TextError, UnknownCharacter."""
        yield from self._together("", list(enumerate(given, 1)))
        vocabulary = self.model.vocabulary
        for name in files:
            with texts.corpus_of_any_size(
                [], [name], lines=False, unit=vocabulary.unit, normalization=vocabulary.normalization
            ) as corpus:
                yield Scored(name, 1, partial(self._readable, corpus), partial(self._parts, corpus))

    def again(self, scored: Scored) -> Scored:
        """The same without what is known of each character, to be scored when it is read."""
        (text,) = scored.pieces()
        kept = Scored(
            scored.source,
            scored.number,
            scored.pieces,
            lambda: surprises(self.model, [encoded(self.model, text)]),
        )
        kept.total = scored.total
        return kept

    def _together(self, name: str, numbered: Sequence[tuple[int, str]]) -> Iterator[Scored]:
        """Texts side by side; of those before one that cannot be read, all are yielded first."""
        known: list[tuple[int, str, Ids]] = []
        error = None
        for number, text in numbered:
            text = self.model.vocabulary.readable(text, self.unknown)
            try:
                known.append((number, text, encoded(self.model, text)))
            except UnknownCharacter as unknown:
                where = f"line {number}: " if name else ""
                error = UnknownCharacter(where + unknown.message, hint=f"{self.path}: {unknown.hint}")
                break
        found = surprises(self.model, (ids for _, _, ids in known), self.rows)
        for (number, text, _), part in zip(known, found, strict=True):
            yield Scored(name, number, partial(list, [text]), partial(list, [part]))
        if error:
            raise error

    def _readable(self, corpus: AnyCorpus) -> Iterator[str]:
        return (self.model.vocabulary.readable(piece, self.unknown) for piece in corpus.pieces())

    def _parts(self, corpus: AnyCorpus) -> Iterator[Surprise]:
        """One text, the state carried through all its pieces."""
        try:
            yield from surprise(self.model, map(self.model.vocabulary.encode, self._readable(corpus)))
        except UnknownCharacter as error:
            raise UnknownCharacter(error.message, hint=f"{self.path}: {error.hint}") from None

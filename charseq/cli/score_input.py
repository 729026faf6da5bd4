"""The input of score: whole texts, or lines as they arrive, each with its surprisals."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from charseq.cli import input_notes, streams, text_input
from charseq.cli.arriving_lines import arriving_lines
from charseq.cli.copies import CopySearch
from charseq.cli.progress import with_progress
from charseq.errors import CharseqError, UnknownCharacter, UsageError, quoted
from charseq.inference.scoring import ScoredText, Scorer, Surprisals
from charseq.model.model_file import Model
from charseq.text.corpus import AnyCorpus, split_lines
from charseq.text.labels import parse_line
from charseq.text.sources import STANDARD_INPUT, TextSource
from charseq.text.unknown import PROMPT, TEXT_FILE, line_ending_note
from charseq.text.vocabulary import EncodedText, Ids

if TYPE_CHECKING:
    from charseq.text.units import Unknown

Order = Literal["surprising", "likely"]


@dataclass
class ScoreInput:
    """Reads and scores texts; a scored text is the original one, whatever was skipped or replaced."""

    model: Model
    path: Path
    unknown: "Unknown"
    scorer: Scorer
    adapts: bool = False
    """Whether a score depends on the lines before, so that it cannot be computed again."""
    label: str | None = None
    """The label of all texts, for a model with labels."""
    labeled: bool = False
    """Whether every line is its label, a tab and a text."""
    search: CopySearch | None = None
    """Finds the copies in every text; None if they are not asked for."""
    encoding: str = "utf-8"
    """The encoding of files and standard input."""
    unknown_characters: int = 0
    """Number of unknown characters that have been skipped or replaced."""
    has_lines: bool = False
    """Whether `lines` has read any line of a file, even an empty one."""
    empty: list[str] = field(default_factory=list)
    """Names of the empty files that `texts` has read."""
    _line_ends_noted: bool = False

    def scores(
        self, texts: Sequence[str], files: Sequence[str], *, lines: bool, order: Order | None
    ) -> Iterator[ScoredText]:
        """Yield the scored texts or lines; an order reads all of them first.

        Raises TextError, UnknownCharacter, and UsageError for an order of whole files.
        """
        scores = self.lines(texts, files) if lines else self.texts(texts, files)
        if self.search:
            scores = map(self._with_copies, scores)
        if order is None:
            return scores
        if files and not lines:
            raise UsageError("--sort ranks texts and lines, not files", hint="add --lines")
        if not self.adapts:
            scores = map(self.without_surprisals, scores)
        return iter(sorted(scores, key=partial(_rank, order)))

    def report(self, texts: int, files: Sequence[str]) -> None:
        """Report unknown characters and empty input, after `texts` texts.

        Raises UsageError if all texts are empty.
        """
        if self.unknown_characters:
            action = "skipped" if self.unknown == "skip" else "scored as the least probable character"
            streams.report_unknown(self.unknown_characters, action)
        if texts and self.empty:
            input_notes.report_empty(self.empty, "score")
        if not texts:
            if not files:
                raise UsageError(
                    "the text contains only empty lines",
                    hint="give a text with at least one character, or use --file",
                )
            input_notes.report_empty(files, "score", only_empty_lines=self.has_lines)

    def lines(self, texts: Sequence[str], files: Sequence[str]) -> Iterator[ScoredText]:
        """Yield every line of texts and files, those of standard input as they arrive; skip empty ones.

        Raises TextError, UnknownCharacter.
        """
        lines = [line for text in texts for line in split_lines(text)]
        yield from self._batch("", list(enumerate(lines, 1)), self.scorer.lines)
        for name in files:
            scores = self._lines_of_file(name)
            if Path(name).is_file():
                size = partial(_file_size, name)
                scores = with_progress(scores, size, _line_size, "bytes", beside_output=True)
            yield from scores

    def _lines_of_file(self, name: str) -> Iterator[ScoredText]:
        for batch in arriving_lines(
            name,
            unit=self.model.vocabulary.unit,
            encoding=self.encoding,
            remedy=text_input.BYTES_REMEDY,
        ):
            self.has_lines = True
            numbered = [(number, line) for number, line in batch if line]
            yield from self._batch(name, numbered, self.scorer.lines)

    def texts(self, texts: Sequence[str], files: Sequence[str]) -> Iterator[ScoredText]:
        """Yield every text, and every file of any size as one text; skip empty standard input.

        Raises TextError, UnknownCharacter.
        """
        yield from self._batch("", list(enumerate(texts, 1)), self.scorer.texts)
        vocabulary = self.model.vocabulary
        for name in files:
            source = TextSource(
                files=(name,),
                unit=vocabulary.unit,
                normalization=vocabulary.normalization,
                encoding=self.encoding,
            )
            text_input.report_typing(source.files)
            with (
                text_input.advising_to_train(),
                source.opened(sys.stdin.buffer, may_be_empty=True, report=input_notes.report_note) as corpus,
            ):
                if not any(corpus.chunks()):
                    self.empty.append(name)
                    if name == STANDARD_INPUT:
                        continue
                pieces = corpus.chunks
                if not vocabulary.knows_line_ends:
                    pieces = partial(_without_last_line_end, corpus)
                if self.unknown == "error":  # found before a part of the score is shown
                    deque(self._encoded(pieces(), ScoredText(name, 1, pieces, list)), maxlen=0)
                scored = ScoredText(name, 1, pieces, lambda: iter(()))
                scored.surprisals = partial(self._score_with_progress, scored, corpus)
                yield scored

    def without_surprisals(self, scored: ScoredText) -> ScoredText:
        """Return a text with its total alone; its surprisals are computed again if they are read."""
        (text,) = scored.pieces()
        surprisals = partial(self._score_again, text, scored.label)
        smaller = replace(scored, surprisals=surprisals)
        smaller.total = scored.total
        return smaller

    def _with_copies(self, scored: ScoredText) -> ScoredText:
        """Search for the copies in a text."""
        if self.search:
            scored.copies = self.search.copies("".join(scored.pieces()))
        return scored

    def _score_again(self, text: str, label: str | None) -> Iterator[Surprisals]:
        return self.scorer.texts([self._encode(text, label).targets])

    def _encode(self, text: str, label: str | None) -> EncodedText:
        vocabulary = self.model.vocabulary
        return vocabulary.encode_text(text, unknown=self.unknown, begin=True, end=True, label=label)

    def _parse(self, name: str, number: int, line: str) -> tuple[str | None, str]:
        """Return the label and the text of a line.  Raises TextError, UsageError for an unknown label."""
        if not self.labeled:
            return self.label, line
        source = "standard input" if name == STANDARD_INPUT else quoted(name)
        where = f"line {number:,} of {source}" if name else "a text"
        label, text = parse_line(line, where)
        self.model.vocabulary.label_id(label, where=f"{where}: ")
        return label, text

    def _batch(
        self,
        name: str,
        numbered: Sequence[tuple[int, str]],
        score: Callable[[Iterator[Ids]], Iterator[Surprisals]],
    ) -> Iterator[ScoredText]:
        """Score texts in batches; before an UnknownCharacter is raised, yield the texts before it."""
        texts: list[tuple[int, str, str | None, EncodedText]] = []
        error: CharseqError | None = None
        for number, line in numbered:
            self._note_line_ends(line)
            try:
                label, text = self._parse(name, number, line)
                texts.append((number, text, label, self._encode(text, label)))
            except UnknownCharacter as unknown:
                where = f"line {number}: " if name else ""
                error = PROMPT.explain(unknown, model=str(self.path), where=where)
                break
            except UsageError as raised:
                error = raised
                break
            self.unknown_characters += texts[-1][3].unknown
        scores = score(encoded.targets for *_, encoded in texts)
        for (number, text, label, encoded), surprisals in zip(texts, scores, strict=True):
            yield ScoredText(
                name, number, partial(list, [text]), partial(list, [surprisals]), encoded.unknown, label=label
            )
        if error:
            raise error

    def _note_line_ends(self, text: str) -> None:
        """Show a note, once, if the line endings of a text differ from the model's."""
        if not self._line_ends_noted and (
            note := line_ending_note(self.model.vocabulary, self.model.memorized, text)
        ):
            streams.report(note, "yellow")
            self._line_ends_noted = True

    def _score_with_progress(self, scored: ScoredText, corpus: AnyCorpus) -> Iterator[Surprisals]:
        """Score one text, and show the progress."""
        return with_progress(
            self._score_pieces(scored),
            lambda: corpus.characters,
            lambda part: len(part.nats),
            f"{self.model.vocabulary.unit}s",
            beside_output=True,
        )

    def _score_pieces(self, scored: ScoredText) -> Iterator[Surprisals]:
        """Score one text, carrying the state through all its pieces."""
        self.unknown_characters -= scored.unknown  # in case it is read again
        scored.unknown = 0
        yield from self.scorer.stream(self._encoded(scored.pieces(), scored))

    def _encoded(self, pieces: Iterable[str], scored: ScoredText) -> Iterator[Ids]:
        """Yield the ids of the pieces of a text, and count its unknown characters.

        Raises UnknownCharacter.
        """
        with TEXT_FILE.explaining(model=str(self.path)):
            for piece in pieces:
                self._note_line_ends(piece)
                encoded = self._encode(piece, self.label)
                scored.unknown += encoded.unknown
                self.unknown_characters += encoded.unknown
                yield encoded.targets


def _file_size(name: str) -> int:
    """Return the size of a file in bytes."""
    return Path(name).stat().st_size


def _line_size(scored: ScoredText) -> int:
    """Return the size of a line in bytes, with its end."""
    return len("".join(scored.pieces()).encode("utf-8", "surrogatepass")) + 1


def _rank(order: Order, scored: ScoredText) -> float:
    """Return the sort key of a text; a text without scored characters comes last."""
    bits = scored.total.bits_per_character
    if bits is None:
        return float("inf")
    return -bits if order == "surprising" else bits


def _without_last_line_end(corpus: AnyCorpus) -> Iterator[str]:
    """Yield the pieces of a text without its last line ending, for a model that knows none."""
    tail = ""
    for piece in corpus.chunks():
        text = tail + piece
        rest = text.removesuffix("\n").removesuffix("\r")
        tail = text[len(rest) :]  # a line ending, or a CR whose LF may begin the next piece
        if rest:
            yield rest
    if not tail.endswith("\n") and tail:
        yield tail

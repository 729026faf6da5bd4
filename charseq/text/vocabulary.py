"""The vocabulary of a model: its symbols, and the conversion of text to ids and back."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from charseq.errors import ModelFileError, quoted
from charseq.text.code_points import CHUNK, code_points, merge_short_texts
from charseq.text.encoded_text import EncodedText as EncodedText
from charseq.text.encoded_text import Ids as Ids
from charseq.text.labels import Labels, check_labels
from charseq.text.units import Normalization, Unit, Unknown, can_segment, listing, normalized, segments
from charseq.text.unknown import unknown_character

BOUNDARY = ""
"""The symbol at the beginning and end of a line.  It sorts first, so its id is 0."""
UNKNOWN = "\ufffd"
"""The character that displays an unknown symbol."""


@dataclass(frozen=True)
class Vocabulary(Labels):
    """The distinct symbols of a text, sorted; the index of a symbol is its id.  Labels of lines come last.

    After the sorted symbols of a first text, those that a later text added may follow (`extended`).
    `unit` selects the symbols: characters (Unicode code points), grapheme clusters or bytes.  A byte of the
    text in UTF-8 is represented by the code point of the same number.  In text, bytes that are not UTF-8 are
    Python's surrogate escapes, so decoding restores any input exactly.
    """

    symbols: tuple[str, ...]
    unit: Unit = "character"
    normalization: Normalization = "none"
    labels: tuple[int, ...] = ()
    """The ids of the symbols that are labels of lines, and no text: one begins a line, none is in it."""

    def __post_init__(self) -> None:
        """Raise ModelFileError for symbols that `of` would not return."""
        if not all(isinstance(symbol, str) for symbol in self.symbols):
            raise ModelFileError("a symbol of the vocabulary is not a string")
        check_labels(self.symbols, self.labels, boundary=self.boundary)
        if len(set(self.characters)) < len(self.characters):
            raise ModelFileError("the vocabulary contains a symbol twice")
        if BOUNDARY in self.symbols[1:]:
            raise ModelFileError("the boundary symbol is not the first of the vocabulary")
        if self.unit not in get_args(Unit):
            raise ModelFileError(f"the vocabulary has an invalid unit {quoted(self.unit)}")
        if self.normalization not in get_args(Normalization):
            raise ModelFileError(f"the vocabulary has an invalid normalization {quoted(self.normalization)}")
        for symbol in self._invalid_symbols():
            form = "" if self.normalization == "none" else f" in {self.normalization.upper()}"
            raise ModelFileError(f"the symbol {quoted(symbol[:20])} is not one {self.unit}{form}")

    @classmethod
    def of(
        cls,
        texts: Iterable[str],
        *,
        unit: Unit = "character",
        normalization: Normalization = "none",
        boundary: bool = False,
        labels: Iterable[str] = (),
    ) -> "Vocabulary":
        """Return the vocabulary of texts; `boundary` adds the boundary symbol of a model of lines."""
        clusters: set[str] = {BOUNDARY} if boundary else set()
        occurs = np.zeros(sys.maxunicode + 1, np.bool_)  # by code point
        depends_on_context = unit == "grapheme" or normalization != "none"
        for text in texts if depends_on_context else merge_short_texts(texts):
            symbols = segments(normalized(text, normalization), unit)
            if isinstance(symbols, str):
                for codes in code_points(symbols):
                    occurs[codes] = True
            else:
                clusters.update(symbols)
        distinct = sorted(clusters.union(map(chr, np.flatnonzero(occurs).tolist())))
        names = sorted({normalized(label, normalization) for label in labels})
        ids = range(len(distinct), len(distinct) + len(names))
        return cls((*distinct, *names), unit, normalization, tuple(ids))

    def extended(self, other: "Vocabulary") -> "Vocabulary":
        """Return this vocabulary, followed by the further symbols of another one; known ids stay.

        Both have the same unit and normalization.
        """
        added = [symbol for symbol in other.characters if symbol not in self._ids]
        names = [label for label in other.label_names if label not in self.label_ids]
        first = len(self) + len(added)
        labels = (*self.labels, *range(first, first + len(names)))
        return replace(self, symbols=(*self.symbols, *added, *names), labels=labels)

    def _invalid_symbols(self) -> Iterator[str]:
        """Yield the symbols, except the boundary, that are not one unit or not normalized."""
        symbols = self.characters[int(self.boundary) :]
        if self.unit == "byte":
            yield from (symbol for symbol in symbols if len(symbol) > 1 or symbol > "\xff")
            return
        if self.normalization != "none":
            yield from (symbol for symbol in symbols if normalized(symbol, self.normalization) != symbol)
        longer = [symbol for symbol in symbols if len(symbol) > 1]
        if self.unit == "character":
            yield from longer
        elif longer and can_segment("grapheme"):
            yield from (symbol for symbol in longer if len(segments(symbol, "grapheme")) > 1)

    def __len__(self) -> int:
        """Return V, the number of symbols."""
        return len(self.symbols)

    @property
    def boundary(self) -> bool:
        """Whether the model reads lines and so has the boundary symbol."""
        return self.symbols[:1] == (BOUNDARY,)

    def encode(self, text: str) -> Ids:
        """Return the ids [T] of a text of T known symbols, in the smallest unsigned type that holds them.

        Raises UnknownCharacter.
        """
        return self.encode_text(text).ids

    def encode_text(
        self,
        text: str,
        *,
        unknown: Unknown = "error",
        begin: bool = False,
        end: bool = False,
        label: str | None = None,
    ) -> EncodedText:
        """Normalize a text, split it into symbols, look up their ids, and treat the unknown ones.

        `begin` and `end` add the boundary symbol before and after, if the model reads lines; a labeled one
        begins with the label instead.  Under the policy "error", raises UnknownCharacter, which names the
        first unknown symbol, its code points and its position.  Each symbol is skipped or replaced by itself;
        the text is not split again.
        """
        parts = segments(normalized(text, self.normalization), self.unit)
        targets, first = self._look_up(parts, self._table if isinstance(parts, str) else None)
        count = 0
        if first is not None:
            if unknown == "error":
                raise unknown_character(self, text, parts, first)
            is_unknown = targets == len(self)
            count = int(np.count_nonzero(is_unknown))
            if unknown == "skip" or not self.replacement:
                targets = targets[~is_unknown]
        if self.boundary and (begin or end):
            edge = np.zeros(1, targets.dtype)
            first_symbol = edge + self.label_id(label) if self.labels and begin else edge
            targets = np.concatenate([first_symbol[:begin].astype(edge.dtype), targets, edge[:end]])
        ids = self.replace_unknown(targets) if count else targets
        ids = ids.astype(self.dtype, copy=False)
        return EncodedText(ids, targets, self.decode(ids) if count else text, count)

    def replace_unknown(self, ids: Ids) -> Ids:
        """Return ids of any shape, with the id of the replacement instead of V."""
        is_unknown = ids == len(self)
        return np.where(is_unknown, self._ids[self.replacement], ids) if is_unknown.any() else ids

    def unknown_in(self, text: str) -> int:
        """Return the number of unknown symbols in a text."""
        return sum(
            symbol not in self._ids for symbol in segments(normalized(text, self.normalization), self.unit)
        )

    def knows_any(self, symbols: Iterable[str]) -> bool:
        """Return whether any of the symbols is known."""
        return any(symbol in self._ids for symbol in symbols)

    @property
    def knows_line_ends(self) -> bool:
        """Whether LF or CR LF is a symbol; in a model of lines, neither is: the boundary replaces it."""
        return not self.boundary and self.knows_any(["\n", "\r\n"])

    @property
    def with_unknown(self) -> tuple[str, ...]:
        """The symbols, then U+FFFD as number V, which displays an unknown symbol."""
        return (*self.symbols, UNKNOWN)

    @property
    def replacement(self) -> str:
        """The symbol that replaces an unknown one: the first known of U+FFFD, ?, _, space and all others.

        Empty if no symbol is known.
        """
        usual = (UNKNOWN, "?", "_", " ", *self.characters[int(self.boundary) :])
        return next((symbol for symbol in usual if symbol in self._ids), "")

    def encode_lines(self, lines: Sequence[str], labels: Sequence[str] = ()) -> Ids:
        """Return the ids [N] of a corpus of lines: the boundary symbol before, between and after them.

        The label of each line, if there are any, is between the boundary and its text.  Raises
        UnknownCharacter, and UsageError for an unknown label.
        """
        if labels:
            ids = self.encode_lines(lines)
            return np.insert(ids, np.flatnonzero(ids == 0)[:-1] + 1, [*map(self.label_id, labels)])
        if self.unit == "grapheme":
            boundary = np.zeros(1, self.dtype)
            encoded = (ids for line in lines for ids in (self.encode(line), boundary))
            return np.concatenate([boundary, *encoded])
        text = "\n".join(["", *lines, ""])
        symbols = segments(normalized(text, self.normalization), self.unit)
        ids, first_unknown = self._look_up(symbols, self._line_table)
        if first_unknown is not None:
            raise unknown_character(self, text, symbols, first_unknown)
        return ids.astype(self.dtype, copy=False)

    def decode(self, ids: Iterable[int] | Ids) -> str:
        """Return the text of ids [N], without boundary symbols."""
        if not isinstance(ids, np.ndarray) or self.unit == "grapheme":
            return self.joined(self.symbols[i] for i in ids if not self.is_label[i])
        symbols: Ids = ids[ids != 0] if self.boundary else ids
        symbols = symbols[~self.is_label[symbols]] if self.labels else symbols
        return self.joined(
            self._codes[symbols[start : start + CHUNK]].tobytes().decode(self._encoding, "surrogatepass")
            for start in range(0, len(symbols), CHUNK)
        )

    def joined(self, symbols: Iterable[str]) -> str:
        """Return symbols as text; bytes are decoded as UTF-8."""
        text = "".join(symbols)
        return text.encode("latin-1").decode("utf-8", "surrogateescape") if self.unit == "byte" else text

    def one_hot(self, text: str) -> npt.NDArray[np.float32]:
        """Return one-hot vectors [T V] of a text of T symbols.  Raises UnknownCharacter."""
        return np.eye(len(self), dtype=np.float32)[self.encode(text)]

    def _look_up(self, symbols: Sequence[str], table: Ids | None) -> tuple[Ids, int | None]:
        """Return the ids [N] of symbols, V for an unknown one, and the position of the first unknown one.

        `table` holds the id of every code point; None is for grapheme clusters.
        """
        first: int | None = None
        if table is None:
            ids = np.array([self._ids.get(symbol, len(self)) for symbol in symbols], self._dtype_of_unknown)
            if len(ids) and ids.max() == len(self):
                first = int(ids.argmax())
            return ids, first
        ids, start = np.empty(len(symbols), table.dtype), 0
        for codes in code_points(str(symbols)):
            chunk = ids[start : start + len(codes)]
            np.take(table, codes, out=chunk, mode="clip")  # the last entry is V
            if first is None and chunk.max() == len(self):
                first = start + int(chunk.argmax())
            start += len(codes)
        return ids, first

    @cached_property
    def _table(self) -> Ids:
        """The id of every code point up to the largest known one, V for an unknown one, and a final V."""
        codes = {ord(symbol): i for symbol, i in self._ids.items() if symbol}
        table = np.full(max(codes, default=0) + 2, len(self), self._dtype_of_unknown)
        table[[*codes]] = [*codes.values()]
        return table

    @cached_property
    def _codes(self) -> npt.NDArray[np.unsignedinteger[Any]]:
        """The code point of every id, in one byte or four, 0 for the boundary and labels."""
        codes = [0] * len(self)
        for symbol, i in self._ids.items():
            codes[i] = ord(symbol) if symbol else 0
        return np.array(codes, "u1" if max(codes, default=0) < 0x80 else "<u4")

    @property
    def _encoding(self) -> str:
        return "ascii" if self._codes.dtype == np.uint8 else "utf-32-le"

    @cached_property
    def _line_table(self) -> Ids:
        """The id of every code point, with LF as the boundary."""
        table = np.full(max(len(self._table), ord("\n") + 2), len(self), self._table.dtype)
        table[: len(self._table)] = self._table
        table[ord("\n")] = 0
        return table

    @cached_property
    def _ids(self) -> dict[str, int]:
        """The id of every symbol that is no label."""
        return {symbol: i for i, symbol in enumerate(self.symbols) if not self.is_label[i]}

    @property
    def listing(self) -> str:
        """The symbols, at most 40, for a message."""
        return listing(self.characters[int(self.boundary) :], self.unit)

    @cached_property
    def dtype(self) -> "np.dtype[Any]":
        """The smallest unsigned type that holds every id."""
        return np.dtype(np.min_scalar_type(max(len(self) - 1, 0)))

    @property
    def _dtype_of_unknown(self) -> "np.dtype[Any]":
        """The smallest unsigned type that holds every id and V."""
        return np.dtype(np.min_scalar_type(len(self)))

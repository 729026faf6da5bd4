"""The characters a model knows, and the way between any string and their ids."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from charseq.errors import ModelFileError, UnknownCharacter
from charseq.text.units import Normalization, Unit, Unknown, can_segment, normalized, segments
from charseq.text.unknown import unknown_character

Ids = npt.NDArray[np.integer[Any]]

BOUNDARY = ""
"""The symbol that opens and closes a line.  It sorts first, so where it is known its id is 0."""
UNKNOWN = "\ufffd"
PIECE = 1 << 16
"""Characters looked up at once."""


@dataclass(frozen=True)
class Vocabulary:
    """The distinct symbols of a text, sorted; a symbol's place is its id.

    A symbol is one character (a Unicode code point), one grapheme cluster or one byte, as `unit` says.
    Bytes are the bytes of the text in UTF-8, each written as the code point of the same number; bytes
    that are not UTF-8 enter and leave as Python's surrogate escapes, so any input comes back exact.
    """

    symbols: tuple[str, ...]
    unit: Unit = "character"
    normalization: Normalization = "none"

    def __post_init__(self) -> None:
        """Refuse what `of` could never have made."""
        if not all(isinstance(symbol, str) for symbol in self.symbols):
            raise ModelFileError("a symbol of the vocabulary is no string")
        if any(symbol >= following for symbol, following in pairwise(self.symbols)):
            raise ModelFileError("the vocabulary is not sorted, or holds a symbol twice")
        if self.unit not in get_args(Unit) or self.normalization not in get_args(Normalization):
            raise ModelFileError(
                f"the vocabulary has unit {self.unit!r}, normalization {self.normalization!r}"
            )
        for wrong in self._wrong_symbols():
            form = "" if self.normalization == "none" else f" in {self.normalization.upper()}"
            raise ModelFileError(f"the symbol {wrong[:20]!r} is not one {self.unit}{form}")

    @classmethod
    def of(
        cls,
        texts: Iterable[str],
        *,
        unit: Unit = "character",
        normalization: Normalization = "none",
        boundary: bool = False,
    ) -> "Vocabulary":
        """The vocabulary of the given texts; with `boundary`, lines begin and end."""
        clusters: set[str] = {BOUNDARY} if boundary else set()
        met = np.zeros(sys.maxunicode + 1, np.bool_)
        alone = unit == "grapheme" or normalization != "none"
        for text in texts if alone else _joined_to_pieces(texts):
            parts = segments(normalized(text, normalization), unit)
            if isinstance(parts, str):
                for codes in _code_points(parts):
                    met[codes] = True
            else:
                clusters.update(parts)
        symbols = clusters.union(map(chr, np.flatnonzero(met).tolist()))
        return cls(tuple(sorted(symbols)), unit, normalization)

    def _wrong_symbols(self) -> Iterator[str]:
        """Yield the symbols, the boundary left out, that texts are never cut into."""
        symbols = self.symbols[int(self.boundary) :]
        if self.unit == "byte":
            yield from (symbol for symbol in symbols if len(symbol) > 1 or symbol > "\xff")
            return
        if self.normalization != "none":
            yield from (symbol for symbol in symbols if normalized(symbol, self.normalization) != symbol)
        several = [symbol for symbol in symbols if len(symbol) > 1]
        if self.unit == "character":
            yield from several
        elif several and can_segment("grapheme"):
            yield from (symbol for symbol in several if len(segments(symbol, "grapheme")) > 1)

    def __len__(self) -> int:
        """V, the number of symbols."""
        return len(self.symbols)

    @property
    def boundary(self) -> bool:
        """Whether the model was taught where a line begins and ends."""
        return self.symbols[:1] == (BOUNDARY,)

    def encode(self, text: str) -> Ids:
        """Turn a text of T symbols into ids [T], in the smallest unsigned type that holds V.

        Raises UnknownCharacter, which names the symbol, its code points and its place.
        """
        parts = segments(normalized(text, self.normalization), self.unit)
        if isinstance(parts, str):
            return self._looked_up(text, parts, self._table)
        found = [self._ids.get(part, -1) for part in parts]
        if -1 in found:
            raise self._unknown(text, parts, found.index(-1))
        return np.array(found, dtype=self.dtype)

    def readable(self, text: str, unknown: Unknown) -> str:
        """The text with unknown symbols as they are ("error"), skipped, or replaced by `replacement`.

        Where symbols that then stand side by side make an unknown one, so is that: CR and LF, two halves of
        a flag, a letter and its accent.
        """
        if unknown == "error":
            return text
        other, known = "" if unknown == "skip" else self.replacement, self._ids
        for _ in range(len(text) + 1):
            parts = segments(normalized(text, self.normalization), self.unit)
            if all(part in known for part in parts):
                break
            text = self.joined(part if part in known else other for part in parts)
        return text

    def unknown_in(self, text: str) -> int:
        """How many symbols of a text are not known."""
        parts = segments(normalized(text, self.normalization), self.unit)
        return sum(part not in self._ids for part in parts)

    def knows_any(self, symbols: Iterable[str]) -> bool:
        """Return whether any of the symbols is known."""
        return any(symbol in self._ids for symbol in symbols)

    @property
    def knows_line_ends(self) -> bool:
        """Whether LF or CR LF is a symbol; in a model of lines, the boundary stands for it."""
        return not self.boundary and self.knows_any(["\n", "\r\n"])

    @property
    def with_unknown(self) -> tuple[str, ...]:
        """The symbols, and behind them what stands for an unknown one where it is shown."""
        return (*self.symbols, UNKNOWN)

    @property
    def replacement(self) -> str:
        """What stands for an unknown symbol: the first known one of U+FFFD, ?, _ and space, or the first."""
        usual = (UNKNOWN, "?", "_", " ", *self.symbols[int(self.boundary) :])
        return next((symbol for symbol in usual if symbol in self._ids), "")

    def encode_known(self, text: str) -> Ids:
        """A text of T symbols as ids [T], V in place of each that is not known."""
        parts = segments(normalized(text, self.normalization), self.unit)
        if isinstance(parts, str):
            found = [np.take(self._table, codes, mode="clip") for codes in _code_points(parts)]
            return np.concatenate([*found, self._table[:0]])
        return np.array([self._ids.get(part, len(self)) for part in parts], self._dtype_of_unknown)

    def encode_lines(self, lines: Sequence[str]) -> Ids:
        """Turn lines into ids [N], with the boundary before, between and after them.

        Raises UnknownCharacter, as `encode` does.
        """
        if self.unit == "grapheme":
            edge = np.zeros(1, self.dtype)
            return np.concatenate([edge, *(part for line in lines for part in (self.encode(line), edge))])
        text = "\n".join(["", *lines, ""])
        parts = segments(normalized(text, self.normalization), self.unit)
        return self._looked_up(text, str(parts), self._line_table)

    def decode(self, ids: Iterable[int] | Ids) -> str:
        """Turn ids back into text; the boundary leaves nothing behind."""
        if not isinstance(ids, np.ndarray) or self.unit == "grapheme":
            return self.joined(self.symbols[i] for i in ids)
        there: Ids = ids[ids != 0] if self.boundary else ids
        return self.joined(
            self._codes[there[start : start + PIECE]].tobytes().decode(self._encoding, "surrogatepass")
            for start in range(0, len(there), PIECE)
        )

    def joined(self, symbols: Iterable[str]) -> str:
        """Put symbols together to a text."""
        text = "".join(symbols)
        return text.encode("latin-1").decode("utf-8", "surrogateescape") if self.unit == "byte" else text

    def one_hot(self, text: str) -> npt.NDArray[np.float32]:
        """A text of T symbols as vectors [T V] with a single 1 each."""
        return np.eye(len(self), dtype=np.float32)[self.encode(text)]

    def _looked_up(self, text: str, parts: str, table: Ids) -> Ids:
        ids = np.empty(len(parts), table.dtype)
        start = 0
        for codes in _code_points(parts):
            found = ids[start : start + len(codes)]
            np.take(table, codes, out=found, mode="clip")  # the last entry stands for all codes beyond
            if found.max(initial=0) == len(self):
                raise self._unknown(text, parts, start + int(np.argmax(found)))
            start += len(codes)
        return ids.astype(self.dtype, copy=False)

    @cached_property
    def _table(self) -> Ids:
        """The id of every code point up to the largest known; V where there is none, as at the end.

        Graphemes have no such table: a cluster may be several code points.
        """
        codes = [ord(symbol) for symbol in self.symbols[int(self.boundary) :]]
        table = np.full(max(codes, default=0) + 2, len(self), self._dtype_of_unknown)
        table[codes] = np.arange(int(self.boundary), len(self))
        return table

    @cached_property
    def _codes(self) -> npt.NDArray[np.unsignedinteger[Any]]:
        """The code point of every id, in one byte or four; the boundary has none, and stands as 0."""
        codes = [0] * self.boundary + [ord(symbol) for symbol in self.symbols[int(self.boundary) :]]
        return np.array(codes, "u1" if max(codes, default=0) < 0x80 else "<u4")

    @property
    def _encoding(self) -> str:
        return "ascii" if self._codes.dtype == np.uint8 else "utf-32-le"

    @cached_property
    def _line_table(self) -> Ids:
        """The same with the end of a line as the boundary."""
        table = np.full(max(len(self._table), ord("\n") + 2), len(self), self._table.dtype)
        table[: len(self._table)] = self._table
        table[ord("\n")] = 0
        return table

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: i for i, symbol in enumerate(self.symbols)}

    @property
    def listing(self) -> str:
        """The symbols as a message tells them, the first of very many."""
        return _listing(self.symbols[int(self.boundary) :])

    @cached_property
    def dtype(self) -> "np.dtype[Any]":
        """The smallest unsigned type that holds every id."""
        return np.dtype(np.min_scalar_type(max(len(self) - 1, 0)))

    @property
    def _dtype_of_unknown(self) -> "np.dtype[Any]":
        """The smallest unsigned type that holds every id, and V in place of an unknown symbol."""
        return np.dtype(np.min_scalar_type(len(self)))

    def _unknown(self, text: str, parts: Sequence[str], place: int) -> UnknownCharacter:
        part = parts[place]
        points = " ".join(f"U+{ord(c):04X}" for c in part)
        shown = f"byte 0x{ord(part):02X}" if self.unit == "byte" else f"{part!r} ({points})"
        context = text if len(text) <= 40 else text[:40] + "..."
        message = f"{shown}, {self.unit} {place + 1} of {context!r}, is not in the model's vocabulary"
        return unknown_character(self, message, self.listing, parts, place)


def _joined_to_pieces(texts: Iterable[str]) -> Iterator[str]:
    """The same characters in fewer, longer texts: a million short ones take a million calls."""
    waiting: list[str] = []
    length = 0
    for text in texts:
        waiting.append(text)
        length += len(text)
        if length >= PIECE:
            yield "".join(waiting)
            waiting, length = [], 0
    yield "".join(waiting)


def _code_points(text: str) -> Iterator[npt.NDArray[np.unsignedinteger[Any]]]:
    """The code points of a text, a piece at a time, each piece small enough to stay in the cache."""
    for start in range(0, len(text), PIECE):
        piece = text[start : start + PIECE]
        if piece.isascii():
            yield np.frombuffer(piece.encode("ascii"), np.uint8)
        else:
            yield np.frombuffer(piece.encode("utf-32-le", "surrogatepass"), "<u4")


def _listing(symbols: Sequence[str], most: int = 40) -> str:
    shown = "".join(symbols[:most]) if all(len(s) <= 1 for s in symbols) else " ".join(symbols[:most])
    return repr(shown) + (f" and {len(symbols) - most} more" if len(symbols) > most else "")

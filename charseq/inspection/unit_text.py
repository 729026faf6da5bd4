"""The text that units are inspected over: the symbols that a network reads, and their characters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from charseq.errors import TextError
from charseq.text.sequences import Sequences
from charseq.text.vocabulary import Ids, Vocabulary

LINE_END = "\n"
"""The character of a boundary symbol, of a label, and of a grapheme cluster that ends a line."""


@dataclass(frozen=True, eq=False)
class UnitText:
    """Sequences of symbols, one after the other; the network reads each from its initial state.

    In a model of lines, a sequence begins with the boundary symbol, or with the label of the line.
    """

    vocabulary: Vocabulary
    ids: Ids
    """The symbols [N] that the network reads."""
    starts: npt.NDArray[np.int64]
    """The first position of each sequence [S]."""

    @classmethod
    def of(cls, vocabulary: Vocabulary, texts: Sequence[str], label: str | None = None) -> "UnitText":
        """Return texts as the network reads them.  Raises UnknownCharacter, TextError for an empty text."""
        if not all(texts):
            raise TextError("one of the texts is empty", hint="a text needs at least one character")
        encode = partial(vocabulary.encode_text, begin=True, label=label)
        return cls._joined(vocabulary, [encode(text).ids for text in texts])

    @classmethod
    def of_sequences(cls, vocabulary: Vocabulary, sequences: Sequences, longest: int) -> "UnitText":
        """Return the first sequences of a training text, up to a number of symbols in all."""
        chosen: list[Ids] = []
        left = longest
        for sequence in sequences:
            read = sequence[:-1] if vocabulary.boundary else sequence
            chosen.append(read[:left])
            left -= len(chosen[-1])
            if left <= 0:
                break
        return cls._joined(vocabulary, chosen)

    @classmethod
    def _joined(cls, vocabulary: Vocabulary, sequences: Sequence[Ids]) -> "UnitText":
        lengths = np.array([len(ids) for ids in sequences], np.int64)
        return cls(vocabulary, np.concatenate([*sequences]), np.cumsum(lengths) - lengths)

    def __len__(self) -> int:
        """Return N, the number of symbols."""
        return len(self.ids)

    @property
    def ends(self) -> npt.NDArray[np.int64]:
        """The position after the last one of each sequence [S]."""
        return np.append(self.starts[1:], len(self.ids))

    @cached_property
    def is_start(self) -> npt.NDArray[np.bool_]:
        """Whether a sequence begins at a position [N]."""
        is_start = np.zeros(len(self), np.bool_)
        is_start[self.starts] = True
        return is_start

    @cached_property
    def characters(self) -> npt.NDArray[np.uint32]:
        """The code point of the character that each symbol [N] is, begins with, or is a byte of."""
        if self.vocabulary.unit == "byte":
            text, lengths = self._decoded
            return np.repeat(code_points(text), lengths)
        symbols, is_label = self.vocabulary.symbols, self.vocabulary.is_label
        firsts = [
            LINE_END if not symbol or is_label[i] or LINE_END in symbol else symbol[0]
            for i, symbol in enumerate(symbols)
        ]
        return np.array([*map(ord, firsts)], np.uint32)[self.ids]

    @cached_property
    def is_first(self) -> npt.NDArray[np.bool_]:
        """Whether a symbol [N] is, or begins, a character; only of bytes, some do not."""
        if self.vocabulary.unit != "byte":
            return np.ones(len(self), np.bool_)
        lengths = self._decoded[1]
        is_first = np.zeros(len(self), np.bool_)
        is_first[np.cumsum(lengths) - lengths] = True
        return is_first

    def glyphs(self, begin: int, end: int) -> Iterator[tuple[str, int]]:
        """Yield the characters of symbols, each with the position of its last symbol.

        Of bytes, several are one character.  A boundary is empty, a label is its name.
        """
        symbols, ids = self.vocabulary.symbols, self.ids
        if self.vocabulary.unit != "byte":
            yield from ((symbols[ids[position]], position) for position in range(begin, end))
            return
        text, lengths = self._decoded
        edges = np.cumsum(lengths)
        first = int(np.searchsorted(edges, begin, "right"))
        for character, edge in zip(text[first:], edges[first:].tolist(), strict=True):
            if edge - 1 >= end:
                return
            symbol = symbols[ids[edge - 1]]
            is_special = not symbol or self.vocabulary.is_label[ids[edge - 1]]
            yield symbol if is_special else character, edge - 1

    def searched(self) -> "list[tuple[str, npt.NDArray[np.int64]]]":
        """Return the text of each sequence, and the position before each of its characters and after it."""
        if self.vocabulary.unit == "byte":
            whole, lengths = self._decoded
        else:
            whole, lengths = "", np.zeros(0, np.int64)
        texts, first = [], 0
        edges = np.append(0, np.cumsum(lengths))
        for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True):
            if self.vocabulary.unit == "byte":
                last = int(np.searchsorted(edges, end))
                texts.append((whole[first:last], edges[first : last + 1]))
                first = last
            elif self.vocabulary.unit == "character":
                codes = self.characters[start:end]
                text = codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
                texts.append((text, np.arange(start, end + 1)))
            else:
                symbols = [self.vocabulary.symbols[i] or LINE_END for i in self.ids[start:end].tolist()]
                positions = np.repeat(np.arange(start, end), [len(symbol) for symbol in symbols])
                texts.append(("".join(symbols), np.append(positions, end)))
        return texts

    @cached_property
    def _decoded(self) -> "tuple[str, npt.NDArray[np.int64]]":
        """The text of bytes, with a line end for each boundary or label, and the bytes of each character."""
        codes = np.array(
            [ord(symbol) if symbol and not self.vocabulary.is_label[i] else ord(LINE_END)
             for i, symbol in enumerate(self.vocabulary.symbols)],
            np.uint8,
        )  # fmt: skip
        text = codes[self.ids].tobytes().decode("utf-8", "surrogateescape")
        code = code_points(text)
        lengths = 1 + (code >= 0x80).astype(np.int64) + (code >= 0x800) + (code >= 0x10000)
        lengths[(code >= 0xDC80) & (code <= 0xDCFF)] = 1  # a byte that is not UTF-8
        return text, lengths


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """Return the code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)

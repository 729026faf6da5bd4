"""The characters a model knows, and the way between any string and their ids."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from charseq.errors import ModelFileError, UnknownCharacter
from charseq.units import Normalization, Unit, normalized, segments

Ids = npt.NDArray[np.integer[Any]]

BOUNDARY = ""
"""The symbol that opens and closes a line.  It sorts first, so where it is known its id is 0."""


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
        if list(self.symbols) != sorted(set(self.symbols)):
            raise ModelFileError("the vocabulary is not sorted, or holds a symbol twice")
        if self.unit not in get_args(Unit) or self.normalization not in get_args(Normalization):
            raise ModelFileError(
                f"the vocabulary has unit {self.unit!r}, normalization {self.normalization!r}"
            )

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
        symbols: set[str] = {BOUNDARY} if boundary else set()
        for text in texts:
            symbols.update(segments(normalized(text, normalization), unit))
        return cls(tuple(sorted(symbols)), unit, normalization)

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
        if self._plain:
            codes = _code_points(parts if isinstance(parts, str) else "".join(parts))
            ids = np.searchsorted(self._codes, codes)
            ids[ids == len(self._codes)] = 0
            wrong = np.flatnonzero(self._codes[ids] != codes) if len(self._codes) else np.arange(len(codes))
            if len(wrong):
                raise self._unknown(text, parts, int(wrong[0]))
            return (ids + int(self.boundary)).astype(self._dtype)
        found = [self._ids.get(part, -1) for part in parts]
        if -1 in found:
            raise self._unknown(text, parts, found.index(-1))
        return np.array(found, dtype=self._dtype)

    def decode(self, ids: Iterable[int] | Ids) -> str:
        """Turn ids back into text; the boundary leaves nothing behind."""
        return self.joined(self.symbols[i] for i in ids)

    def joined(self, symbols: Iterable[str]) -> str:
        """Put symbols together to a text."""
        text = "".join(symbols)
        return text.encode("latin-1").decode("utf-8", "surrogateescape") if self.unit == "byte" else text

    def one_hot(self, text: str) -> npt.NDArray[np.float32]:
        """A text of T symbols as vectors [T V] with a single 1 each."""
        return np.eye(len(self), dtype=np.float32)[self.encode(text)]

    @cached_property
    def _plain(self) -> bool:
        return self.unit != "grapheme"

    @cached_property
    def _codes(self) -> npt.NDArray[np.uint32]:
        return _code_points("".join(self.symbols))

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: i for i, symbol in enumerate(self.symbols)}

    @cached_property
    def _dtype(self) -> "np.dtype[Any]":
        return np.dtype(np.min_scalar_type(max(len(self) - 1, 0)))

    def _unknown(self, text: str, parts: Sequence[str], place: int) -> UnknownCharacter:
        part = parts[place]
        points = " ".join(f"U+{ord(c):04X}" for c in part)
        shown = f"byte 0x{ord(part):02X}" if self.unit == "byte" else f"{part!r} ({points})"
        context = text if len(text) <= 40 else text[:40] + "..."
        return UnknownCharacter(
            f"{shown}, {self.unit} {place + 1} of {context!r}, is not in the model's vocabulary",
            hint=f"it knows {_listing(self.symbols[int(self.boundary) :])}",
        )


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _listing(symbols: Sequence[str], most: int = 40) -> str:
    shown = "".join(symbols[:most]) if all(len(s) <= 1 for s in symbols) else " ".join(symbols[:most])
    return repr(shown) + (f" and {len(symbols) - most} more" if len(symbols) > most else "")

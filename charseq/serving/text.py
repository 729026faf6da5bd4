"""The text of a choice while it is generated, and the tokens of a vocabulary as the interface names them."""

import codecs
from collections.abc import Iterable, Sequence

from charseq.text.vocabulary import Vocabulary


class GeneratedText:
    """Decodes symbols as they come: whole characters only, without a stop string.

    What could be the beginning of a stop string, or of a character in UTF-8, is held back.
    """

    def __init__(self, vocabulary: Vocabulary, stops: Sequence[str] = ()) -> None:
        self._vocabulary, self._stops = vocabulary, stops
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._held = ""

    def add(self, ids: Sequence[int]) -> str:
        """Return the text that is certain after more symbols."""
        self._held += self._decoded(ids)
        count = len(self._held) - self._uncertain()
        text, self._held = self._held[:count], self._held[count:]
        return text

    def end(self, *, stopped: bool) -> str:
        """Return the rest of the text; if it `stopped` at a stop string, without that string."""
        text = self._held + (self._decoder.decode(b"", True) if self._vocabulary.unit == "byte" else "")
        if stopped:
            found = [stop for stop in self._stops if text.endswith(stop)]
            text = text[: len(text) - max(map(len, found), default=0)]
        return text

    def _decoded(self, ids: Sequence[int]) -> str:
        text = "".join(map(self._vocabulary.symbols.__getitem__, ids))
        return self._decoder.decode(text.encode("latin-1")) if self._vocabulary.unit == "byte" else text

    def _uncertain(self) -> int:
        """Return the number of characters at the end that may be a stop string, or its beginning."""
        held = self._held
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop), len(held)), longest, -1):
                if held.endswith(stop[:length]):
                    longest = length
                    break
        return longest


def token(vocabulary: Vocabulary, symbol: int) -> str:
    r"""Return a symbol as the interface names it; a byte that is no character by itself is `bytes:\xe2`."""
    text = vocabulary.symbols[symbol] if symbol < len(vocabulary) else "\ufffd"
    return f"bytes:\\x{ord(text):02x}" if vocabulary.unit == "byte" and text >= "\x80" else text


class Offsets:
    """The position in the text, in characters, at which each token begins."""

    def __init__(self, vocabulary: Vocabulary, start: int = 0) -> None:
        self._symbols, self._next = vocabulary.with_unknown, start
        self._bytes = vocabulary.unit == "byte"
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def add(self, ids: Iterable[int]) -> list[int]:
        """Return the positions of more tokens."""
        offsets = []
        for symbol in ids:
            text = self._symbols[symbol]
            if not self._bytes:
                offsets.append(self._next)
                self._next += len(text)
                continue
            decoded = self._decoder.decode(text.encode("latin-1", "replace"))
            self._next += len(decoded)
            offsets.append(self._next - 1 if decoded else self._next)
        return offsets

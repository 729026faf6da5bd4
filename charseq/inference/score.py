"""The score of a text, as the Python interface returns it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from charseq.inference.scoring import Surprisals, TotalScore
from charseq.text.vocabulary import Vocabulary


class Character(NamedTuple):
    """The score of one character of a text."""

    character: str
    """Empty for the end of a line."""
    bits: float
    """The surprisal: the negative base-2 logarithm of the character's probability."""
    rank: int
    """1 plus the number of more probable characters."""
    likeliest: str
    """The most probable character."""


@dataclass(frozen=True)
class Score:
    """The cross-entropy of a text under a model, and the surprisal of each character.

    The first character of a text has no context and is not scored.  A model of lines scores a line from its
    first character to its end.  The measures are None if no character is scored.
    """

    text: str
    """The original text."""
    characters: int
    """Number of scored characters."""
    nats_per_character: float | None
    bits_per_character: float | None
    perplexity: float | None
    per_character: tuple[Character, ...] = field(repr=False)

    @classmethod
    def of(cls, vocabulary: Vocabulary, text: str, surprisals: Surprisals) -> "Score":
        """Return the score of a text from its surprisals."""
        total, symbols = TotalScore(), vocabulary.with_unknown
        total.add(surprisals)
        return cls(
            text,
            total.characters,
            total.nats_per_character,
            total.bits_per_character,
            total.perplexity,
            tuple(
                Character(symbols[symbol], bits, rank, symbols[best])
                for symbol, bits, rank, best in surprisals.positions()
            ),
        )

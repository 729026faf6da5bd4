"""The score of a text, as the Python interface returns it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from charseq.inference.scoring import Surprisals, TotalScore
from charseq.render.notebook import ColoredSymbol, colored_text
from charseq.render.scores import total_sentence
from charseq.render.symbols import symbol_name
from charseq.text.vocabulary import Ids, Vocabulary


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
    unscored: str = field(default="", repr=False)
    """The first character, if it has no score."""

    @classmethod
    def of(cls, vocabulary: Vocabulary, text: str, surprisals: Surprisals, first: Ids) -> "Score":
        """Return the score of a text from its surprisals, and the id of its first character without one."""
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
            "".join(symbols[symbol] for symbol in first.tolist()),
        )

    def _repr_html_(self) -> str:
        """Return the text for a notebook, each character colored by its surprisal."""
        scored = [
            ColoredSymbol(
                character,
                bits,
                f"{bits:.2f} bits, rank {rank:,}; most probable: {symbol_name(likeliest)}",
            )
            for character, bits, rank, likeliest in self.per_character
        ]
        first = [ColoredSymbol(self.unscored, None)] if self.unscored else []
        total = TotalScore(self.characters, (self.nats_per_character or 0.0) * self.characters)
        return colored_text([*first, *scored], total_sentence(total))

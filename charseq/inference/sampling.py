"""How the next symbol is chosen, for many texts at once."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charseq.model.numpy_ops import Floats, log_softmax, quietly, require_finite
from charseq.text.vocabulary import Ids

DRAWN_AT_ONCE = 1 << 14
"""Random numbers for a text, or those for one symbol where that takes more."""

Thought = tuple[float, tuple[tuple[str, float], ...]]
"""The probability of what was chosen, and the likeliest symbols with theirs."""
NOTHING: Thought = (float("nan"), ())


@dataclass(frozen=True)
class Choice:
    """How the next character is chosen.

    Temperature 0 takes the likeliest.  What is unlikely is left out first: by `top_k` (0: none) all but so
    many, by `top_p` (1: none) all but the likeliest that make up this much, by `min_p` (0: none) what has
    less than this part of the likeliest one's probability; the last two after the temperature.

    Sources: Fan et al. 2018, arXiv:1805.04833; Holtzman et al. 2019, arXiv:1904.09751; Nguyen et al. 2024,
    arXiv:2407.01082.
    """

    temperature: float
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0

    @property
    def greedy(self) -> bool:
        """Whether nothing is left to chance."""
        return self.temperature == 0 or self.top_k == 1


class Noise:
    """For each text, from its own generator, a random number for every symbol [B V], again and again.

    They are Gumbel's: the largest sum of a logit and its number is at each symbol with the probability that
    softmax gives it.  So no sum over the symbols is needed, nor a search in it.

    Source: Gumbel 1954; Maddison et al. 2014, arXiv:1411.0030.
    """

    def __init__(self, seeds: Sequence[Sequence[int]], symbols: int) -> None:
        self._generators = [np.random.default_rng(seed) for seed in seeds]
        self._shape = max(1, DRAWN_AT_ONCE // symbols), symbols
        self._drawn: Floats = np.zeros((0, len(seeds), symbols), np.float32)
        self._next = 0

    def next(self) -> Floats:
        """The next numbers."""
        if self._next == len(self._drawn):
            drawn = [generator.standard_exponential(self._shape) for generator in self._generators]
            exact = np.maximum(np.stack(drawn, 1), np.finfo(np.float64).tiny)
            self._drawn = np.negative(np.log(exact)).astype(np.float32)
            self._next = 0
        self._next += 1
        numbers: Floats = self._drawn[self._next - 1]
        return numbers

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these texts only."""
        self._generators = [self._generators[row] for row in rows]
        self._drawn = self._drawn[:, rows]


def chosen(logits: Floats, choice: Choice, noise: Noise, allowed: npt.NDArray[np.bool_] | None = None) -> Ids:
    """One symbol for each row of logits [B V], of those that are allowed [B V] -> ids [B]."""
    if allowed is not None:
        logits = np.where(allowed, logits, np.float32(-np.inf))
    if not choice.greedy:
        if choice.top_k or choice.top_p < 1:
            logits = _likeliest_only(logits, choice)
        if choice.min_p:
            least = logits.max(1, keepdims=True) + choice.temperature * math.log(choice.min_p)
            logits = np.where(logits >= least, logits, np.float32(-np.inf))
        logits = logits + choice.temperature * noise.next()  # times the temperature, which may be tiny
    ids: Ids = logits.argmax(1)
    return ids


def _likeliest_only(logits: Floats, choice: Choice) -> Floats:
    """Logits [B V] with those that top-k and top-p leave out at minus infinity."""
    order = np.argsort(-logits, 1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(order.shape[1])[None], 1)
    kept = rank < (choice.top_k or order.shape[1])
    if choice.top_p < 1:
        falling = np.take_along_axis(np.where(kept, logits, -np.inf), order, 1).astype(np.float64)
        before = np.exp(log_softmax((falling - falling[:, :1]) / choice.temperature)).cumsum(1)
        before = np.concatenate([np.zeros((len(before), 1)), before[:, :-1]], 1)
        kept &= np.take_along_axis(before < choice.top_p, rank, 1)
    return np.where(kept, logits, np.float32(-np.inf))


def thoughts(logits: Floats, ids: Sequence[int], top: int, symbols: Sequence[str]) -> Iterator[Thought]:
    """For each row of logits [B V] what the model thinks of the symbol in `ids`, and of the likeliest."""
    require_finite(logits)
    with quietly():
        log_p = log_softmax(logits)
    p = np.exp(log_p)
    order = np.argsort(-log_p, 1, kind="stable")[:, :top]
    best = np.take_along_axis(p, order, 1).tolist()
    of_chosen = p[np.arange(len(p)), ids].tolist()
    for probability, places, values in zip(of_chosen, order.tolist(), best, strict=True):
        yield probability, tuple((symbols[i], value) for i, value in zip(places, values, strict=True))

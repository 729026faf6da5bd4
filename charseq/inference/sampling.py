"""Choose the next symbol of each text: greedy or sampled, with temperature, top-k, top-p and min-p."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charseq.model.numpy_ops import Floats, ignore_overflow, log_softmax, require_finite
from charseq.text.vocabulary import Ids, Vocabulary

NEVER = np.float32(-1e30)
"""A logit so low that its symbol has probability 0, but still a finite one."""
ROUNDING = 1e-9
"""Relative difference up to which a sum of probabilities counts as equal to top-p."""
DRAWN_AT_ONCE = 1 << 14
"""Random numbers drawn at once for each text; at least those for one symbol."""

StepProbabilities = tuple[float, tuple[tuple[str, float], ...]]
"""The probability of the chosen symbol, and the most probable symbols with theirs."""
NOT_COMPUTED: StepProbabilities = (float("nan"), ())


@dataclass(frozen=True)
class SamplingParams:
    """How the next symbol is chosen: top-k first, then top-p and min-p at the given temperature."""

    temperature: float
    """0 always takes the most probable symbol."""
    top_k: int = 0
    """0 disables top-k."""
    top_p: float = 1.0
    """1 disables top-p."""
    min_p: float = 0.0
    """0 disables min-p."""

    @property
    def truncates(self) -> bool:
        """Whether top-k, top-p or min-p excludes symbols."""
        return bool(self.top_k or self.top_p < 1 or self.min_p)

    @property
    def greedy(self) -> bool:
        """Whether the most probable symbol is always chosen."""
        return self.temperature == 0 or self.top_k == 1


class GumbelNoise:
    """Standard Gumbel noise [B V] for every step, each text's from a generator of its own.

    The argmax of logits plus noise is a sample from their softmax; it needs neither a sum nor a search.
    Source: Gumbel 1954; Maddison et al. 2014, arXiv:1411.0030.
    """

    def __init__(self, seeds: Sequence[Sequence[int]], symbols: int) -> None:
        self._generators = [np.random.default_rng(seed) for seed in seeds]
        self._shape = max(1, DRAWN_AT_ONCE // symbols), symbols
        self._drawn: Floats = np.zeros((0, len(seeds), symbols), np.float32)
        self._next = 0

    def next(self) -> Floats:
        """Return the noise of the next step [B V]."""
        if self._next == len(self._drawn):
            drawn = [generator.standard_exponential(self._shape) for generator in self._generators]
            self._drawn = gumbel(np.stack(drawn, 1))
            self._next = 0
        self._next += 1
        noise: Floats = self._drawn[self._next - 1]
        return noise

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these texts only."""
        self._generators = [self._generators[row] for row in rows]
        self._drawn = self._drawn[:, rows]


def gumbel(exponential: npt.NDArray[np.float64]) -> Floats:
    """Convert standard exponential noise to standard Gumbel noise of the same shape."""
    positive = np.maximum(exponential, np.finfo(np.float64).tiny)
    return np.negative(np.log(positive)).astype(np.float32)


def sample(
    logits: Floats, params: SamplingParams, noise: GumbelNoise, allowed: npt.NDArray[np.bool_] | None = None
) -> Ids:
    """Choose a symbol for each row of logits [B V], among those allowed [B V] -> ids [B]."""
    if allowed is not None:
        logits = _mask(logits, allowed)
    if not params.greedy:
        logits = temperature(truncated(logits, params), params.temperature, noise.next())
    ids: Ids = logits.argmax(1)
    return ids


def truncated(logits: Floats, params: SamplingParams) -> Floats:
    """Mask the symbols of each row [B V] that top-k, top-p and min-p exclude, in this order."""
    if params.top_k:
        logits = top_k(logits, params.top_k)
    if params.top_p < 1:
        logits = top_p(logits, params.top_p, params.temperature)
    if params.min_p:
        logits = min_p(logits, params.min_p, params.temperature)
    return logits


def without_labels(vocabulary: Vocabulary, logits: Floats) -> Floats:
    """Return logits [B V] under which no label is ever predicted; other symbols keep their proportions."""
    return np.where(vocabulary.is_label, NEVER, logits) if vocabulary.labels else logits


def temperature(logits: Floats, value: float, noise: Floats) -> Floats:
    """Add noise [B V] to logits [B V] so that their argmax is a sample of softmax(logits / temperature).

    The noise is multiplied by the temperature; dividing the logits by a tiny one would overflow.
    """
    return logits + value * noise


def top_k(logits: Floats, k: int) -> Floats:
    """Mask all but the k most probable symbols of each row [B V]; of equal ones, the first are kept.

    Source: Fan et al. 2018, "Hierarchical Neural Story Generation", arXiv:1805.04833.
    """
    if k >= logits.shape[1]:
        return logits
    threshold = np.partition(logits, -k, axis=1)[:, -k, None]
    above, equal = logits > threshold, logits == threshold
    missing = k - above.sum(1, keepdims=True)
    return _mask(logits, above | (equal & (equal.cumsum(1) <= missing)))


def top_p(logits: Floats, p: float, temperature: float = 1.0) -> Floats:
    """Mask all but the nucleus of each row [B V]: the fewest symbols with a total probability of p or more.

    Probabilities are those at the temperature.  Of equal ones, the first are kept.
    Source: Holtzman et al. 2019, "The Curious Case of Neural Text Degeneration", arXiv:1904.09751.
    """
    order = np.argsort(-logits, 1, kind="stable")
    falling = np.take_along_axis(logits, order, 1).astype(np.float64)
    total = np.exp(log_softmax((falling - falling[:, :1]) / temperature)).cumsum(1)
    total_before = np.concatenate([np.zeros((len(total), 1)), total[:, :-1]], 1)
    kept = np.empty(logits.shape, np.bool_)
    np.put_along_axis(kept, order, total_before < p * (1 - ROUNDING), 1)
    return _mask(logits, kept)


def min_p(logits: Floats, p: float, temperature: float = 1.0) -> Floats:
    """Mask the symbols of each row [B V] with less than p times the probability of the most probable one.

    Probabilities are those at the temperature.
    Source: Nguyen et al. 2024, "Turning Up the Heat: Min-p Sampling", arXiv:2407.01082.
    """
    least = logits.max(1, keepdims=True) + temperature * math.log(p)
    return _mask(logits, logits >= least)


def step_probabilities(
    logits: Floats, ids: Sequence[int], top: int, symbols: Sequence[str]
) -> Iterator[StepProbabilities]:
    """Yield, for each row of logits [B V], the probability of the symbol in `ids`, and the `top` highest.

    Raises CharseqError for NaN or infinite logits.
    """
    require_finite(logits)
    with ignore_overflow():
        log_p = log_softmax(logits)
    p = np.exp(log_p)
    order = np.argsort(-log_p, 1, kind="stable")[:, :top]
    highest = np.take_along_axis(p, order, 1).tolist()
    chosen = p[np.arange(len(p)), ids].tolist()
    for probability, best, values in zip(chosen, order.tolist(), highest, strict=True):
        yield probability, tuple((symbols[i], value) for i, value in zip(best, values, strict=True))


def _mask(logits: Floats, kept: npt.NDArray[np.bool_]) -> Floats:
    """Return logits [B V] with minus infinity where a symbol is not kept."""
    return np.where(kept, logits, np.float32(-np.inf))

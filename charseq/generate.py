"""Continue a text with a trained model, one character after the other, without torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from charseq.arrays import NUMPY, Floats, log_softmax
from charseq.errors import UsageError
from charseq.model_file import Model

DEFAULT_LENGTH = 200
DEFAULT_TEMPERATURE = 0.8


@dataclass(frozen=True)
class Choice:
    """How the next character is chosen.

    Temperature 0 takes the likeliest; `top_k` (0: all) and `top_p` (1: all) leave the unlikely out first.
    """

    temperature: float
    top_k: int = 0
    top_p: float = 1.0

    @property
    def greedy(self) -> bool:
        """Whether nothing is left to chance."""
        return self.temperature == 0 or self.top_k == 1

    @classmethod
    def default_for(cls, model: Model) -> "Choice":
        """Greedy where a text was learned whole, else sampled at temperature 0.8."""
        return cls(temperature=0.0 if model.learned else DEFAULT_TEMPERATURE)


@dataclass(frozen=True)
class Step:
    """One character that was added: what the model thought of it, and of the likeliest instead."""

    character: str
    probability: float
    """As the model has it, before temperature and top-k."""
    top: tuple[tuple[str, float], ...]


def opening(model: Model) -> str:
    """What to start from where no prompt is given: the text's first character, or the start of a line."""
    return "" if model.vocabulary.boundary else model.opening


def continuation(
    model: Model,
    prompt: str,
    choice: Choice,
    *,
    length: int | None = None,
    until: Sequence[str] = (),
    seed: int = 0,
    sample: int = 0,
    top: int = 5,
) -> Iterator[Step]:
    """Add characters to a prompt, yielding each as it is made.

    Ends after `length` of them, after any string of `until`, or by itself: where a line ends, where the text
    that was learned whole ends, and after 200 characters of any other.  Random numbers come from `seed` and
    `sample` alone.  Raises UnknownCharacter.
    """
    vocabulary, network, weights = model.vocabulary, model.network, model.weights
    given = vocabulary.encode(prompt).tolist()
    ending = _Ending(model, given, length)
    unread = [0, *given] if vocabulary.boundary else given
    if not unread:
        raise UsageError("there is nothing to continue", hint="give a prompt of at least one character")
    random = np.random.default_rng([seed, sample])
    states = network.start(NUMPY, weights, 1)
    added: list[int] = []
    while not ending.reached(added):
        xs = network.embed(NUMPY, weights, np.array([unread]))
        hs, states = network.run(NUMPY, weights, xs, states)
        log_p = log_softmax(network.read_out(weights, hs[:, -1])[0])
        chosen = _choose(log_p, choice, random)
        if vocabulary.boundary and chosen == 0:
            return
        yield Step(
            vocabulary.symbols[chosen],
            float(np.exp(log_p[chosen])),
            _likeliest(vocabulary.symbols, log_p, top),
        )
        added.append(chosen)
        if any(vocabulary.decode(added[-4 * len(end) :]).endswith(end) for end in until):
            return
        unread = [chosen]


class _Ending:
    """Where a continuation ends by itself."""

    def __init__(self, model: Model, given: list[int], length: int | None) -> None:
        self._given = given
        self._learned: set[tuple[int, ...]] = set()
        self._length = DEFAULT_LENGTH if length is None else length
        if length is None and model.learned:
            self._learned = {tuple(model.vocabulary.encode(text).tolist()) for text in model.learned}
            self._length = max(max(map(len, self._learned)) - len(given), 0)

    def reached(self, added: list[int]) -> bool:
        """Whether nothing more is to be added: a learned text is whole, and begins no longer one."""
        if len(added) >= self._length or not self._learned:
            return len(added) >= self._length
        text = (*self._given, *added)
        return text in self._learned and not any(
            len(longer) > len(text) and longer[: len(text)] == text for longer in self._learned
        )


def _choose(log_p: Floats, choice: Choice, random: np.random.Generator) -> int:
    if choice.greedy:
        return int(log_p.argmax())
    order = np.argsort(-log_p, kind="stable")[: choice.top_k or None]
    p = np.exp(log_softmax(log_p[order].astype(np.float64) / choice.temperature))
    if choice.top_p < 1:
        keep = max(1, int(np.searchsorted(np.cumsum(p), choice.top_p)) + 1)
        order, p = order[:keep], p[:keep]
    cumulative = np.cumsum(p)
    return int(order[np.searchsorted(cumulative, random.random() * cumulative[-1], side="right")])


def _likeliest(symbols: Sequence[str], log_p: Floats, top: int) -> tuple[tuple[str, float], ...]:
    order = np.argsort(-log_p, kind="stable")[:top]
    return tuple((symbols[i], float(np.exp(log_p[i]))) for i in order)

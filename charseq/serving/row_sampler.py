"""Choose the next symbol of rows that join and leave a batch, each with sampling parameters of its own."""

from collections.abc import Sequence

import numpy as np

from charseq.inference.sampling import SamplingParams, gumbel, truncated
from charseq.model.numpy_ops import Floats
from charseq.text.vocabulary import Ids

DRAWN_AT_ONCE = 1 << 12
"""Random numbers drawn at once for each row; at least those for one symbol."""
LONGEST_BLOCK = 64
"""Maximum number of steps whose noise is drawn at once."""


class RowSampler:
    """Samples a symbol for each row, from the same noise as `charseq.inference.sampling.sample`.

    The noise of a row is in a slot of one array, so that no noise is copied when other rows join or leave.
    """

    def __init__(self, symbols: int, capacity: int) -> None:
        steps = min(LONGEST_BLOCK, max(1, DRAWN_AT_ONCE // symbols))
        self._noise: Floats = np.zeros((capacity, steps, symbols), np.float32)
        self._generators: dict[int, np.random.Generator] = {}  # by slot; none for a greedy row
        self._free = [*range(capacity)]
        self._params: list[SamplingParams] = []
        self._slots = np.zeros(0, np.intp)
        self._next = np.zeros(0, np.intp)  # each row's position in its slot
        self._arrange()

    def join(self, params: SamplingParams, entropy: Sequence[int]) -> None:
        """Add a row; its noise is that of a request with this entropy."""
        slot = self._free.pop()
        if not params.greedy:
            self._generators[slot] = np.random.default_rng(entropy)
        self._params.append(params)
        self._slots = np.append(self._slots, slot)
        self._next = np.append(self._next, self._noise.shape[1])  # nothing is drawn yet
        self._arrange()

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows only, in this order."""
        chosen = [*rows]
        slots = self._slots[chosen]
        for slot in {*self._slots.tolist()} - {*slots.tolist()}:
            self._generators.pop(slot, None)
            self._free.append(slot)
        self._slots, self._next = slots, self._next[chosen]
        self._params = [self._params[row] for row in chosen]
        self._arrange()

    def sample(self, logits: Floats) -> Ids:
        """Choose a symbol for each row of logits [B V] -> ids [B]."""
        if self._truncated:
            logits = logits.copy()
            for params, rows in self._truncated:
                logits[rows] = truncated(logits[rows], params)
        if self._samples:
            if not self._left:
                self._draw()
            logits = logits + self._temperatures * self._noise[self._slots, self._next]
            self._next += 1
            self._left -= 1
        ids: Ids = logits.argmax(1)
        return ids

    def _draw(self) -> None:
        """Draw noise for the rows that have used theirs."""
        shape = self._noise.shape[1:]
        used = np.flatnonzero(self._next == shape[0])
        for slot in self._slots[used].tolist():
            if generator := self._generators.get(slot):
                self._noise[slot] = gumbel(generator.standard_exponential(shape))
        self._next[used] = 0
        self._left = shape[0] - int(self._next.max())

    def _arrange(self) -> None:
        """Prepare what a step needs of all rows."""
        temperatures = [0.0 if params.greedy else params.temperature for params in self._params]
        self._temperatures = np.array(temperatures, np.float32)[:, None]
        self._samples = any(temperatures)
        groups: dict[SamplingParams, list[int]] = {}
        for row, params in enumerate(self._params):
            if params.truncates and not params.greedy:
                groups.setdefault(params, []).append(row)
        self._truncated = [*groups.items()]
        self._left = self._noise.shape[1] - int(self._next.max(initial=0))
        """Steps until a row has used its noise."""

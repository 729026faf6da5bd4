"""Counts of the n-grams in the text read so far, which sharpen the prediction of a fixed model.

From the shortest context to the longest, each known context c with the counts n(w) of T symbols, C in all,
replaces the probabilities p(w) by

    (max(n(w) - d, 0) + (s + d T) p(w)) / (C + s)

with a discount d and a strength s for each length.  A symbol is counted in the longest contexts only, down to
the first one that it has followed before.

Sources: Teh 2006, "A Hierarchical Bayesian Language Model based on Pitman-Yor Processes"; Moffat 1990,
"Implementing the PPM data compression scheme" (update exclusion).
"""

from itertools import islice

import numpy as np
import numpy.typing as npt

from charseq.text.vocabulary import Ids

Probabilities = npt.NDArray[np.float64]

DISCOUNTS = {3: 0.6, 4: 0.4, 5: 0.7, 6: 0.8, 7: 0.9, 8: 0.9, 9: 0.9, 10: 0.9}
"""d by the length of the context, in symbols.  Shorter contexts are not counted."""
STRENGTHS = {3: 20_000.0, 4: 1_000.0, 5: 400.0, 6: 40.0, 7: 10.0, 8: 1.0, 9: 0.3, 10: 1.0}
"""s by the length of the context: the weight of the shorter contexts, in symbols."""
LENGTHS = tuple(DISCOUNTS)
MAX_CONTEXTS = 1 << 19
"""Number of contexts above which the older half is forgotten: about 200 MB."""


class NgramCache:
    """The symbols that have followed each context, and their counts."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, ...], dict[int, int]] = {}
        self._recent: tuple[int, ...] = ()
        """The last symbols of the text, as many as the longest context has."""

    def start(self) -> None:
        """Begin a text; the counts stay."""
        self._recent = ()

    def sharpen(self, p: Probabilities, ids: Ids) -> None:
        """Replace the probabilities p [P V] of the symbols after each of ids [P], which continue the text."""
        text = (*self._recent, *ids.tolist())
        ends = range(len(self._recent) + 1, len(text) + 1)
        for length in LENGTHS:
            rows: list[int] = []
            sizes: list[int] = []
            symbols: list[int] = []
            counts: list[int] = []
            for row, end in enumerate(ends):
                if end >= length and (known := self._counts.get(text[end - length : end])):
                    rows.append(row)
                    sizes.append(len(known))
                    symbols.extend(known)
                    counts.extend(known.values())
            if rows:
                self._sharpen(p, length, np.array(rows), np.array(sizes), np.array(symbols), np.array(counts))

    @staticmethod
    def _sharpen(
        p: Probabilities,
        length: int,
        rows: npt.NDArray[np.int64],
        sizes: npt.NDArray[np.int64],
        symbols: npt.NDArray[np.int64],
        counts: npt.NDArray[np.int64],
    ) -> None:
        """Apply the contexts of one length: of `rows`, each with `sizes` of the symbols and their counts."""
        discount, strength = DISCOUNTS[length], STRENGTHS[length]
        totals = np.add.reduceat(counts, np.cumsum(sizes) - sizes) + strength
        p[rows] *= ((strength + discount * sizes) / totals)[:, None]
        p[np.repeat(rows, sizes), symbols] += np.maximum(counts - discount, 0.0) / np.repeat(totals, sizes)

    def learn(self, ids: Ids, targets: Ids, known: npt.NDArray[np.bool_]) -> None:
        """Count the targets [P] that followed each of ids [P], where they are known; the text goes on."""
        text = (*self._recent, *ids.tolist())
        ends = range(len(self._recent) + 1, len(text) + 1)
        for end, target, is_known in zip(ends, targets.tolist(), known.tolist(), strict=True):
            if is_known:
                self._count(text, end, target)
        self._recent = text[-LENGTHS[-1] :]
        if len(self._counts) > MAX_CONTEXTS:
            self._counts = dict(islice(self._counts.items(), MAX_CONTEXTS // 2, None))

    def _count(self, text: tuple[int, ...], end: int, target: int) -> None:
        for length in reversed(LENGTHS):
            if end >= length:
                counts = self._counts.setdefault(text[end - length : end], {})
                before = counts.get(target, 0)
                counts[target] = before + 1
                if before:
                    return

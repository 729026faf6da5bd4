"""What units of a network do over a text: correlations with features, gate statistics, selective units.

All of them are sums over the pieces of `read_units`, so that a text of any length needs little memory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from charseq.inspection.activations import Piece, Source
from charseq.inspection.text_features import Feature
from charseq.inspection.unit_text import UnitText
from charseq.model.numpy_ops import Floats, ignore_overflow, require_finite

SMALLEST_DEVIATION = 1e-6
"""A unit whose standard deviation is below this, relative to its mean, counts as constant."""
LOW, HIGH = 0.1, 0.9
"""A gate is saturated below the one and above the other (Karpathy et al. 2015, arXiv:1506.02078)."""


class Unit(NamedTuple):
    """A unit of a tensor of a layer."""

    layer: int
    tensor: str
    unit: int

    @property
    def name(self) -> str:
        """The layer, the tensor and the unit: 0.h.12."""
        return f"{self.layer}.{self.tensor}.{self.unit}"


class Accumulator(Protocol):
    """Sums over the pieces of a text."""

    def add(self, piece: Piece) -> None:
        """Add a piece."""


def accumulate(pieces: Iterable[Piece], *accumulators: Accumulator) -> None:
    """Add every piece to every accumulator, reading the text once."""
    with ignore_overflow():
        for piece in pieces:
            for accumulator in accumulators:
                accumulator.add(piece)


class Tracked(NamedTuple):
    """A unit and a feature of the text that it tracks."""

    feature: str
    rank: int
    """1 for the unit with the largest magnitude of the correlation with this feature."""
    unit: Unit
    correlation: float

    @property
    def direction(self) -> str:
        """Whether the unit is higher or lower where the feature is."""
        return "higher" if self.correlation > 0 else "lower"


class Correlations:
    """The correlation of every unit with every feature, over all N symbols of a text.

    The measure is Pearson's correlation coefficient of a unit's value v and a feature's value f after each
    symbol:

        r = sum((v - mean(v)) (f - mean(f))) / (N sd(v) sd(f))

    For a feature that is true or false (1 or 0), r is the point-biserial correlation:

        r = (mean(v where true) - mean(v where false)) sqrt(p (1 - p)) / sd(v)

    with p, the share of symbols where it is true.  sd is the standard deviation with the divisor N.  A
    constant unit has r = 0.  Source: Tate 1954, "Correlation between a discrete and a continuous variable".
    """

    def __init__(self, features: Sequence[Feature], sources: Sequence[Source], hidden_size: int) -> None:
        self._features, self.sources = features, sources
        self._moments = [
            (float(feature.values.mean(dtype=np.float64)), float(feature.values.std(dtype=np.float64)))
            for feature in features
        ]
        shape = (len(sources), hidden_size)
        self._pivots: list[Floats] = []
        """About the mean of each unit, subtracted first, because float32 sums lose small deviations."""
        self._count = 0
        self._feature_sums = np.zeros(len(features))
        self._sums, self._squares = np.zeros(shape), np.zeros(shape)
        self._products = np.zeros((len(features), *shape))

    def add(self, piece: Piece) -> None:
        """Add a piece."""
        if not self._pivots:
            self._pivots = [values.mean(0, dtype=np.float64).astype(np.float32) for values in piece.values]
        ones = np.ones(len(piece.positions), np.float32)
        rows = [ones] + [
            (feature.values[piece.positions].astype(np.float32) - np.float32(mean)) / np.float32(deviation)
            for feature, (mean, deviation) in zip(self._features, self._moments, strict=True)
        ]
        weights = np.stack(rows)
        self._count += len(ones)
        self._feature_sums += weights[1:].sum(1, dtype=np.float64)
        for k, (values, pivot) in enumerate(zip(piece.values, self._pivots, strict=True)):
            shifted = values - pivot
            products = weights @ shifted
            np.multiply(shifted, shifted, out=shifted)
            self._sums[k] += products[0]
            self._products[:, k] += products[1:]
            self._squares[k] += ones @ shifted

    @property
    def deviations(self) -> Floats:
        """The standard deviation [K H] of every unit.  Raises CharseqError for NaN or infinite values."""
        require_finite(self._squares)
        means = self._sums / self._count
        return np.asarray(np.sqrt(np.maximum(self._squares / self._count - means * means, 0)))

    @property
    def means(self) -> Floats:
        """The mean [K H] of every unit."""
        return np.asarray(self._sums / self._count + np.stack(self._pivots))

    @property
    def coefficients(self) -> Floats:
        """The correlation coefficient [F K H] of every feature and unit."""
        deviations = self.deviations
        is_constant = deviations <= SMALLEST_DEVIATION * np.maximum(np.abs(self.means), SMALLEST_DEVIATION)
        covariances = self._products - self._feature_sums[:, None, None] * self._sums / self._count
        scale = self._count * np.where(is_constant, 1, deviations)
        return np.asarray(np.where(is_constant, 0, np.clip(covariances / scale, -1, 1)))

    def ranking(self, top: int) -> list[Tracked]:
        """Return the `top` units of each feature, by the magnitude of the correlation.

        The feature that a unit tracks best comes first.  Units that are constant are left out.
        """
        found = []
        for feature, coefficients in zip(self._features, self.coefficients, strict=True):
            flat = coefficients.ravel()
            best = [i for i in np.argsort(-np.abs(flat), kind="stable")[:top].tolist() if flat[i]]
            found.append(
                [Tracked(feature.name, rank, self.unit(i), float(flat[i])) for rank, i in enumerate(best, 1)]
            )
        found.sort(key=lambda rows: -abs(rows[0].correlation) if rows else 0.0)
        return [row for rows in found for row in rows]

    def unit(self, index: int) -> Unit:
        """Return the unit of an index into [K H]."""
        return unit_of(self.sources, self._sums.shape[1], index)


def unit_of(sources: Sequence[Source], hidden_size: int, index: int) -> Unit:
    """Return the unit of an index into all units [K H] of some tensors."""
    source, unit = divmod(index, hidden_size)
    return Unit(*sources[source], unit)


class GateStatistics:
    """The mean of every unit [K H], and the fractions of symbols where it is below 0.1 and above 0.9."""

    def __init__(self, sources: Sequence[Source], hidden_size: int) -> None:
        self.sources = sources
        shape = (len(sources), hidden_size)
        self._sums, self._low, self._high = (np.zeros(shape) for _ in range(3))
        self._count = 0

    def add(self, piece: Piece) -> None:
        """Add a piece."""
        self._count += len(piece.positions)
        for k, values in enumerate(piece.values):
            self._sums[k] += values.sum(0, dtype=np.float64)
            self._low[k] += np.count_nonzero(values < LOW, axis=0)
            self._high[k] += np.count_nonzero(values > HIGH, axis=0)

    @property
    def means(self) -> Floats:
        """The means [K H].  Raises CharseqError for NaN or infinite values."""
        require_finite(self._sums)
        return np.asarray(self._sums / self._count)

    @property
    def below(self) -> Floats:
        """The fraction of symbols [K H] where a unit is below 0.1."""
        return np.asarray(self._low / self._count)

    @property
    def above(self) -> Floats:
        """The fraction of symbols [K H] where a unit is above 0.9."""
        return np.asarray(self._high / self._count)


class Selectivity:
    """The units that are selective for a span of a text, and how often they are on elsewhere.

    A unit is on after a symbol if its value is at least a threshold.  It is selective for the span if it is
    on after every symbol of the span, and off after the symbol before the span and after the one that
    follows.  Where the span begins or ends its sequence, there is no such symbol, and nothing is required.

    Source: Strobelt et al. 2018, "LSTMVis", arXiv:1606.07461: selected states are on throughout a range and,
    if the selection is limited so, off immediately before and after it.
    """

    def __init__(
        self, text: UnitText, span: range, threshold: float, sources: Sequence[Source], hidden_size: int
    ) -> None:
        self.sources, self._threshold, self._span = sources, threshold, span
        shape = (len(sources), hidden_size)
        self._is_selective = np.ones(shape, np.bool_)
        self._elsewhere = np.zeros(shape)
        self._others = max(len(text) - len(span), 1)
        is_start = text.is_start
        before = span.start - 1 if not is_start[span.start] else -1
        after = span.stop if span.stop < len(text) and not is_start[span.stop] else -1
        self._neighbors = [position for position in (before, after) if position >= 0]

    def add(self, piece: Piece) -> None:
        """Add a piece."""
        inside = (piece.positions >= self._span.start) & (piece.positions < self._span.stop)
        beside = np.isin(piece.positions, self._neighbors)
        for k, values in enumerate(piece.values):
            is_on = values >= self._threshold
            self._elsewhere[k] += np.count_nonzero(is_on, axis=0)
            if inside.any():
                self._elsewhere[k] -= np.count_nonzero(is_on[inside], axis=0)
                self._is_selective[k] &= is_on[inside].all(0)
            if beside.any():
                self._is_selective[k] &= ~is_on[beside].any(0)

    def units(self) -> list[tuple[Unit, float]]:
        """Return the selective units with the share of all other symbols after which they are on.

        The most selective come first: those that are on elsewhere least often.
        """
        shares = self._elsewhere / self._others
        chosen = np.flatnonzero(self._is_selective.ravel())
        order = chosen[np.argsort(shares.ravel()[chosen], kind="stable")]
        hidden_size = self._is_selective.shape[1]
        return [(unit_of(self.sources, hidden_size, i), float(shares.flat[i])) for i in order.tolist()]


class UnitValues:
    """The values of chosen units after every symbol of a text."""

    def __init__(self, length: int, units: Sequence[Unit], sources: Sequence[Source]) -> None:
        self.units = units
        self.values = np.zeros((len(units), length), np.float32)
        """[U N]."""
        self._columns = [(sources.index(Source(unit.layer, unit.tensor)), unit.unit) for unit in units]

    def add(self, piece: Piece) -> None:
        """Add a piece."""
        for row, (source, unit) in zip(self.values, self._columns, strict=True):
            row[piece.positions] = piece.values[source][:, unit]


@dataclass(frozen=True)
class Selected:
    """A unit that is selective for a span, and where else it is on."""

    unit: Unit
    elsewhere: float
    """The share of all other symbols after which it is on."""
    spans: tuple[tuple[int, int], ...]
    """The longest other spans throughout which it is on, the longest first; the end is excluded."""


def selected(
    units: Sequence[tuple[Unit, float]], values: UnitValues, text: UnitText, span: range, threshold: float,
    longest: int,
) -> list[Selected]:  # fmt: skip
    """Return selective units with at most `longest` spans each, within sequences, beside the selected one."""
    found = []
    for (unit, elsewhere), row in zip(units, values.values, strict=True):
        is_on = row >= threshold
        is_on[span.start : span.stop] = False
        spans = sorted(_runs(is_on, text.is_start), key=lambda run: (run[0] - run[1], run[0]))
        found.append(Selected(unit, elsewhere, tuple(spans[:longest])))
    return found


def _runs(is_on: npt.NDArray[np.bool_], is_start: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the maximal runs of true values, which end where a sequence begins."""
    before = np.append(False, is_on[:-1]) & ~is_start
    after = np.append(is_on[1:] & ~is_start[1:], False)
    begins: list[Any] = np.flatnonzero(is_on & ~before).tolist()
    ends = (np.flatnonzero(is_on & ~after) + 1).tolist()
    return [*zip(begins, ends, strict=True)]

"""The views of inspect-neurons: each reads the text once or twice, and shows one thing."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from charseq.cli import streams
from charseq.cli.progress import with_progress
from charseq.errors import UsageError
from charseq.inspection.activations import Source, gate_tensors, read_units, sources_of
from charseq.inspection.neurons import (
    Accumulator,
    Correlations,
    GateStatistics,
    Selectivity,
    Tracked,
    Unit,
    UnitValues,
    accumulate,
    selected,
)
from charseq.inspection.text_features import features_of
from charseq.inspection.unit_text import UnitText
from charseq.model.model_file import Model
from charseq.model.numpy_ops import require_finite
from charseq.render.base import Form, renderer_for
from charseq.render.neurons import RankingView, gate_rows, gates_view, selection_view, show_all, strips_view
from charseq.render.quantities import count
from charseq.render.unit_strips import Strips
from charseq.render.visible import visible

MAX_STRIP = 2_000
"""Symbols of the longest text that a ranking shows below it."""
FEW_SYMBOLS = 100
"""Symbols below which a correlation is often due to chance."""
MAX_EXCERPT = 40
"""Characters of the selected text in a caption."""
SPANS = 3
"""Spans that are shown where else a selective unit is on."""


@dataclass(frozen=True)
class NeuronInput:
    """A trained model and the text that it reads."""

    model: Model
    text: UnitText

    def show_ranking(
        self,
        form: Form,
        pattern: str | None,
        tensor: str | None,
        layer: int | None,
        top: int,
        *,
        values: bool,
    ) -> None:
        """Show the units that track features of the text, or the values of these units."""
        features, constant = features_of(self.text, pattern)
        sources = self._sources(tensor, layer)
        correlations = Correlations(features, sources, self.model.network.hidden_size)
        self._read(sources, correlations)
        rows = correlations.ranking(top)
        if values and rows:
            self._show_values(form, [*dict.fromkeys(row.unit for row in rows)], values=True)
            return
        shown = None
        if form == "table" and rows and len(self.text) <= MAX_STRIP:
            shown = self._strips([rows[0].unit])
        show_all(renderer_for(form, RankingView(self._caption(sources), shown).view(), sys.stdout), rows)
        self._report(constant, rows)

    def show_units(
        self, form: Form, numbers: str, tensor: str | None, layer: int | None, *, values: bool
    ) -> None:
        """Show the text colored by units.  Raises UsageError for one that does not exist."""
        network = self.model.network
        sources = self._sources(tensor or "h", network.layers - 1 if layer is None else layer)
        chosen = list(dict.fromkeys(int(number) for number in numbers.split(",")))
        if high := [number for number in chosen if number >= network.hidden_size]:
            raise UsageError(
                f"there is no unit {high[0]}; units are numbered from 0 to {network.hidden_size - 1}",
                hint=f"use --unit {network.hidden_size - 1} for the last one",
            )
        self._show_values(form, [Unit(*s, number) for s in sources for number in chosen], values=values)

    def show_selected(
        self, form: Form, span: str, threshold: float, tensor: str | None, layer: int | None, top: int
    ) -> None:
        """Show the units that are selective for a span, and where else they are on."""
        chosen = range(*map(int, span.split(":")))
        if chosen.stop > len(self.text):
            raise UsageError(
                f"--select {span}: the text has {count(len(self.text), 'symbol')}",
                hint=f"use positions from 0; the last end is {len(self.text)}",
            )
        sources = self._sources(tensor, layer)
        hidden_size = self.model.network.hidden_size
        selectivity = Selectivity(self.text, chosen, threshold, sources, hidden_size)
        self._read(sources, selectivity)
        units = selectivity.units()
        shown = units[:top]
        values = self._values([unit for unit, _ in shown])
        excerpt = "".join(symbol for symbol, _ in self.text.glyphs(chosen.start, chosen.stop))
        caption = (
            f"{count(len(units), 'unit')} of {len(sources) * hidden_size:,} selective for {span}, "
            f"'{visible(excerpt[:MAX_EXCERPT])}' (on: {threshold:g} or more)"
        )
        rows = selected(shown, values, self.text, chosen, threshold, SPANS)
        show_all(renderer_for(form, selection_view(self.text, caption), sys.stdout), rows)
        if not units:
            message = f"no unit is selective for {span} at --threshold {threshold:g}"
            streams.report(f"{message}; try a lower --threshold, or a shorter span", "yellow")
        elif len(units) > top and form != "table":
            streams.report(f"{len(units):,} units are selective; --top {len(units)} shows all", "dim")

    def show_gates(self, form: Form, layer: int | None) -> None:
        """Show how far open each gate is.  Raises UsageError for a cell without gates."""
        network = self.model.network
        names = gate_tensors(network)
        if not names:
            raise UsageError(
                f"the cell {network.cell_name} has no gates", hint="train an lstm or a gru (--cell)"
            )
        sources = tuple(source for name in names for source in sources_of(network, name, layer))
        statistics = GateStatistics(sources, network.hidden_size)
        self._read(sources, statistics)
        view = gates_view(statistics, self._caption(sources))
        show_all(renderer_for(form, view, sys.stdout), [*gate_rows(statistics)])

    def _sources(self, tensor: str | None, layer: int | None) -> tuple[Source, ...]:
        return sources_of(self.model.network, tensor, layer)

    def _read(self, sources: Sequence[Source], accumulator: Accumulator) -> None:
        pieces = read_units(self.model, self.text, sources)
        size = len(self.text)
        read = with_progress(pieces, lambda: size, lambda piece: len(piece.positions))
        accumulate(read, accumulator)

    def _values(self, units: Sequence[Unit]) -> UnitValues:
        sources = [*dict.fromkeys(Source(unit.layer, unit.tensor) for unit in units)]
        values = UnitValues(len(self.text), units, sources)
        if units:
            self._read(sources, values)
        require_finite(values.values)
        return values

    def _strips(self, units: Sequence[Unit]) -> Strips:
        return Strips(self.text, self._values(units), gate_tensors(self.model.network))

    def _show_values(self, form: Form, units: Sequence[Unit], *, values: bool) -> None:
        shown = self._strips(units)
        show_all(renderer_for(form, strips_view(shown, values=values), sys.stdout), [shown])

    def _caption(self, sources: Sequence[Source]) -> str:
        network = self.model.network
        names = ", ".join(dict.fromkeys(source.tensor for source in sources))
        units = f"{count(network.hidden_size, 'unit')} each ({names})"
        layers = count(network.layers, "layer")
        return f"{network.cell_name}, {layers}: {units} over {count(len(self.text), 'symbol')}"

    def _report(self, constant: Sequence[str], rows: Sequence[Tracked]) -> None:
        """Report features that the text lacks, and texts too short for correlations to mean anything."""
        if not rows:
            streams.report("no unit or no feature varies over this text: give a longer one", "yellow")
            return
        if constant:
            streams.report(f"constant in this text: {visible(', '.join(constant))}", "dim")
        if len(self.text) < FEW_SYMBOLS:
            streams.report(
                f"correlations over {count(len(self.text), 'symbol')} are largely due to chance: "
                "give a longer text",
                "dim",
            )

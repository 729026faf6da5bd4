"""Units over a text: what they track, their gates, selective units, and that every path reads the same."""

from typing import Any

import numpy as np
import pytest

from charseq.cells import CELLS
from charseq.errors import CharseqError, UsageError
from charseq.inspection import activations
from charseq.inspection.activations import (
    Source,
    gate_tensors,
    read_units,
    sources_of,
    state_tensors,
    tensor_values,
    unit_tensors,
)
from charseq.inspection.neurons import (
    Correlations,
    GateStatistics,
    Selectivity,
    Unit,
    UnitValues,
    accumulate,
    selected,
)
from charseq.inspection.text_features import Feature, features_of
from charseq.inspection.tracing import TraceInput, trace
from charseq.inspection.unit_text import UnitText
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.text.vocabulary import Vocabulary
from tests.support.command import SIZES
from tests.support.planted import bracketed_text, planted_model

H = SIZES["H"]
TEXT = "to be (or not) to be,\nthat is the question.\n" * 3


def model_of(text: str = TEXT, cell: str = "lstm", *, lines: bool = False, **plan: Any) -> Model:
    vocabulary = Vocabulary.of([text.replace("\n", "") if lines else text], boundary=lines)
    network = Network(cell, len(vocabulary), **{"hidden_size": H, "layers": 2, **plan})
    return Model(network, vocabulary, {n: 3 * a for n, a in network.draw(SeededDraw(1)).items()})


def correlations_of(model: Model, text: UnitText, features: list[Feature]) -> Correlations:
    sources = sources_of(model.network, None, None)
    correlations = Correlations(features, sources, model.network.hidden_size)
    accumulate(read_units(model, text, sources), correlations)
    return correlations


@pytest.mark.parametrize("cell", ["rnn-relu", "lstm"])
def test_planted_counters_and_bracket_detectors_rank_first_in_10_of_10_runs(cell: str) -> None:
    recovered = []
    for seed in range(10):
        string = bracketed_text(2_003, seed)
        vocabulary = Vocabulary.of([string])
        model, counter, brackets = planted_model(cell, vocabulary, 61, seed)
        text = UnitText.of(vocabulary, [string])
        ranking = correlations_of(model, text, features_of(text)[0]).ranking(1)
        first = {row.feature: row for row in ranking}
        recovered.append(
            (first["position in line"].unit.unit, first["bracket depth"].unit.unit) == (counter, brackets)
        )
        assert first["position in line"].correlation > 0.95
        assert first["bracket depth"].direction == "higher"
    assert recovered == [True] * 10


def test_correlations_are_those_of_numpy_for_every_unit_and_feature() -> None:
    model = model_of()
    text = UnitText.of(model.vocabulary, [TEXT, "to (be"])
    features, _ = features_of(text, "not|question")
    correlations = correlations_of(model, text, features)
    for k, source in enumerate(correlations.sources):
        values = tensor_values(model, text, source).astype(float)
        np.testing.assert_allclose(correlations.means[k], values.mean(0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(correlations.deviations[k], values.std(0), rtol=1e-5, atol=1e-6)
        for f, feature in enumerate(features):
            for unit in range(H):
                expected = np.corrcoef(values[:, unit], feature.values.astype(float))[0, 1]
                assert correlations.coefficients[f, k, unit] == pytest.approx(expected, abs=1e-4)


def test_for_a_yes_or_no_feature_the_correlation_is_point_biserial() -> None:
    model = model_of()
    text = UnitText.of(model.vocabulary, [TEXT])
    features, _ = features_of(text)
    vowel = next(feature for feature in features if feature.name == "vowel")
    h = tensor_values(model, text, Source(1, "h")).astype(float)
    is_vowel = vowel.values.astype(bool)
    p = is_vowel.mean()
    expected = (h[is_vowel].mean(0) - h[~is_vowel].mean(0)) * np.sqrt(p * (1 - p)) / h.std(0)
    correlations = correlations_of(model, text, [vowel])
    found = correlations.coefficients[0, correlations.sources.index(Source(1, "h"))]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_small_deviation_beside_a_large_mean_is_measured_and_a_constant_unit_has_none() -> None:
    vocabulary = Vocabulary.of(["ab"])
    network = Network("none", 2, 3)
    arrays = {name: np.zeros(spec.shape, np.float32) for name, spec in network.parameter_specs().items()}
    arrays["layers.0.b_x"][:] = [100, 100, 5]
    arrays["layers.0.W_x"][:, 1] = [0.01, -0.01, 0]
    text = UnitText.of(vocabulary, ["abbabaab" * 1000])
    correlations = correlations_of(Model(network, vocabulary, arrays), text, [Feature("b", text.ids == 1)])
    np.testing.assert_allclose(correlations.coefficients[0, 0], [1, -1, 0], atol=1e-4)
    assert [row.unit.unit for row in correlations.ranking(3)] == [0, 1]
    assert [row.direction for row in correlations.ranking(3)] == ["higher", "lower"]


@pytest.mark.parametrize("cell", CELLS)
def test_every_tensor_is_that_of_a_trace_in_kernels_and_over_numpy(cell: str) -> None:
    model = model_of(cell=cell)
    texts = ["to be\n", "not", "the question."]
    traced = {
        (tensor.layer, tensor.name, tensor.step): tensor.values
        for tensor in trace(TraceInput.of(model.network, model.vocabulary, model.arrays, texts))
    }
    text = UnitText.of(model.vocabulary, texts)
    for tensor, native in [(None, True), ("all", True), (None, False)]:
        sources = sources_of(model.network, tensor, None)
        values = UnitValues(len(text), [Unit(*source, 5) for source in sources], sources)
        accumulate(read_units(model, text, sources, native=native), values)
        for source, row in zip(sources, values.values, strict=True):
            expected = [
                traced[source.layer, source.tensor, step][number, 5]
                for number, string in enumerate(texts)
                for step in range(len(string))
            ]
            np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)


def test_a_model_of_lines_reads_each_line_from_the_boundary() -> None:
    model = model_of(lines=True, cell="gru", residual=True, layer_norm=True)
    lines = TEXT.splitlines()
    text = UnitText.of(model.vocabulary, lines)
    assert len(text) == sum(len(line) + 1 for line in lines)
    h = tensor_values(model, text, Source(1, "h"))
    np.testing.assert_allclose(h[: text.starts[2]], h[text.starts[2] : text.starts[4]], atol=1e-6)


@pytest.mark.parametrize("native", [True, False])
def test_a_long_text_is_read_in_segments_that_count_each_symbol_once(
    native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    vocabulary = Vocabulary.of([TEXT])
    network = Network("gru", len(vocabulary), H)
    model = Model(network, vocabulary, network.draw(SeededDraw(1)))  # small weights: a short memory
    text = UnitText.of(vocabulary, [TEXT * 7, "not", TEXT])
    sources = sources_of(network, None, None)
    units = [Unit(0, "h", unit) for unit in range(H)]
    whole, parts = UnitValues(len(text), units, sources), UnitValues(len(text), units, sources)
    accumulate(read_units(model, text, sources, native=native), whole)
    for name, value in (("SHORTEST_SEGMENT", 31), ("WARM_UP", 29), ("MAX_ROWS", 5), ("PIECE_VALUES", 301)):
        monkeypatch.setattr(activations, name, value)
    seen = np.zeros(len(text), int)
    for piece in read_units(model, text, sources, native=native):
        seen[piece.positions] += 1
        parts.add(piece)
    assert (seen == 1).all()
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-3)
    assert not np.array_equal(parts.values, whole.values)


def test_gate_statistics_are_means_and_fractions() -> None:
    model = model_of()
    text = UnitText.of(model.vocabulary, [TEXT])
    sources = [Source(1, name) for name in gate_tensors(model.network)]
    statistics = GateStatistics(sources, H)
    accumulate(read_units(model, text, sources), statistics)
    assert [source.tensor for source in sources] == ["i", "f", "o"]
    for k, source in enumerate(sources):
        values = tensor_values(model, text, source)
        np.testing.assert_allclose(statistics.means[k], values.mean(0), atol=1e-6)
        np.testing.assert_allclose(statistics.below[k], (values < 0.1).mean(0))
        np.testing.assert_allclose(statistics.above[k], (values > 0.9).mean(0))
    assert statistics.below.any()
    assert statistics.above.any()


@pytest.mark.parametrize("span", [range(4, 6), range(3), range(8, 11), range(11, 13), range(12, 13)])
def test_selective_units_are_on_throughout_a_span_and_off_beside_it(span: range) -> None:
    model = model_of(hidden_size=53)
    text = UnitText.of(model.vocabulary, ["to be or no", "be"])
    sources, threshold = sources_of(model.network, None, None), 0.05
    selectivity = Selectivity(text, span, threshold, sources, 53)
    accumulate(read_units(model, text, sources), selectivity)
    expected = {}
    for source in sources:
        is_on = tensor_values(model, text, source) >= threshold
        begin, end = (0, 11) if span.start < 11 else (11, 13)
        for unit in range(53):
            row = is_on[:, unit]
            off_before = span.start == begin or not row[span.start - 1]
            off_after = span.stop == end or not row[span.stop]
            if row[span.start : span.stop].all() and off_before and off_after:
                elsewhere = row.sum() - len(span)
                expected[Unit(*source, unit)] = elsewhere / (13 - len(span))
    units = selectivity.units()
    assert dict(units) == pytest.approx(expected)
    assert expected
    assert [share for _, share in units] == sorted(expected.values())


def test_the_longest_spans_elsewhere_end_where_a_sequence_does() -> None:
    vocabulary = Vocabulary.of(["ab"])
    text = UnitText.of(vocabulary, ["abbab", "bba"])
    unit = Unit(0, "h", 0)
    values = UnitValues(8, [unit], [Source(0, "h")])
    values.values[0] = [0, 1, 1, 0, 1, 1, 1, 0]
    (found,) = selected([(unit, 0.5)], values, text, range(1, 3), 1.0, 3)
    assert found.spans == ((5, 7), (4, 5))
    (found,) = selected([(unit, 0.5)], values, text, range(4, 5), 1.0, 1)
    assert found.spans == ((1, 3),)


def test_a_cells_tensors_are_named_by_its_taps() -> None:
    assert unit_tensors(Network("gru", 5, 3)) == ("r", "z", "n", "h")
    assert state_tensors(Network("lstm", 5, 3)) == ("h", "c")
    assert gate_tensors(Network("gru", 5, 3)) == ("r", "z")
    assert gate_tensors(Network("slstm", 5, 3)) == ("o", "i", "f")
    assert gate_tensors(Network("rnn", 5, 3)) == ()
    assert state_tensors(Network("mlstm", 5, 3)) == ("h", "n")
    for tensor, layer in (("x", None), ("c", 2)):
        with pytest.raises(UsageError):
            sources_of(Network("lstm", 5, 3, layers=2), tensor, layer)


def test_values_that_are_not_finite_are_an_error() -> None:
    model = model_of(cell="none")
    arrays = {name: np.full_like(array, np.nan) for name, array in model.arrays.items()}
    broken = Model(model.network, model.vocabulary, arrays)
    text = UnitText.of(model.vocabulary, [TEXT])
    with pytest.raises(CharseqError, match="NaN"):
        tensor_values(broken, text, Source(0, "h"))
    with pytest.raises(CharseqError, match="NaN"):
        correlations_of(broken, text, features_of(text)[0]).ranking(1)

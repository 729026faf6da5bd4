"""A model that learns from each window of a text after it has scored it."""

from dataclasses import replace

import numpy as np
import pytest

from charseq.errors import UsageError
from charseq.inference.adaptation import WINDOW, AdaptingScorer, _windows, require_adaptable
from charseq.inference.scoring import Scorer, Surprisals, score_texts
from charseq.model import ngram_cache
from charseq.model.mixture import Gate, Mixture
from charseq.model.model_file import Model
from charseq.model.ngram_cache import LENGTHS, NgramCache
from charseq.model.ngram_counting import count_ngrams
from charseq.model.numpy_ops import SeededDraw
from charseq.text.sequences import Sequences
from charseq.text.vocabulary import Ids
from tests.support.models import gru_model

SYMBOLS = "abcdefgh"
TEXT = "".join(np.random.default_rng(3).choice([*SYMBOLS], 5 * WINDOW + 7))


def mixed(of: Model) -> Model:
    """Return a model with an n-gram model of another text, and a gate."""
    other = Sequences.of([encoded(of, SYMBOLS * 4 + SYMBOLS[::-1] * 3)])
    size = len(of.vocabulary)
    ngram = count_ngrams(other, 3, size, lines=of.vocabulary.boundary, most=1 << 16).model(3)
    return replace(of, mixture=Mixture(ngram, Gate.constant(3, of.network.hidden_size)))


def encoded(of: Model, text: str) -> Ids:
    return of.vocabulary.encode_text(text, begin=True, end=True).targets


def adapted(of: Model, text: str) -> Surprisals:
    (scored,) = AdaptingScorer(of).texts([encoded(of, text)])
    return scored


@pytest.fixture(params=["network", "mixture", "lines"])
def model(request: pytest.FixtureRequest) -> Model:
    of = gru_model(SYMBOLS, boundary=request.param == "lines")
    return of if request.param == "network" else mixed(of)


@pytest.mark.parametrize("kept", [1, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW + 5])
def test_no_score_depends_on_the_text_after_it(model: Model, kept: int) -> None:
    whole = adapted(model, TEXT)
    for suffix in ("", "a", "h" * 70):
        other = adapted(model, TEXT[:kept] + suffix)
        count = kept - (0 if model.vocabulary.boundary else 1)
        assert np.array_equal(whole.nats[:count], other.nats[:count])
        assert np.array_equal(whole.ranks[:count], other.ranks[:count])
        assert np.array_equal(whole.best[:count], other.best[:count])


def test_the_first_window_is_scored_by_the_trained_model(model: Model) -> None:
    (fixed,) = score_texts(model, [encoded(model, TEXT)])
    found = adapted(model, TEXT)
    assert found.nats[:WINDOW] == pytest.approx(fixed.nats[:WINDOW], abs=1e-5)
    assert not np.allclose(found.nats[WINDOW:], fixed.nats[WINDOW:], atol=1e-3)
    assert len(found.nats) == len(fixed.nats)


def test_a_text_costs_less_each_time_that_it_is_repeated(model: Model) -> None:
    nats = adapted(model, TEXT * 3).nats[-3 * len(TEXT) + 1 :]
    first, second, third = (part.mean() for part in np.array_split(nats, 3))
    assert first > second + 0.1 > second > third + 0.1


def test_the_size_of_the_pieces_does_not_matter(model: Model) -> None:
    ids = encoded(model, TEXT)
    (whole,) = AdaptingScorer(model).texts([ids])
    for size in (1, 31, 32, 33, 1000):
        pieces = np.array_split(ids, range(size, len(ids), size))
        parts = [part.nats for part in AdaptingScorer(model).stream(pieces)]
        assert np.array_equal(np.concatenate(parts), whole.nats)


def test_each_text_starts_from_the_trained_model_and_lines_do_not(model: Model) -> None:
    ids = encoded(model, TEXT)
    first, second = AdaptingScorer(model).texts([ids, ids])
    assert np.array_equal(first.nats, second.nats)
    before, after = AdaptingScorer(model).lines([ids, ids])
    assert np.array_equal(first.nats, before.nats)
    assert after.nats.mean() < before.nats.mean() - 0.1


@pytest.mark.parametrize("text", ["", "a"])
def test_a_text_without_a_position_has_an_empty_score(text: str) -> None:
    scorer: Scorer = AdaptingScorer(gru_model(SYMBOLS))
    empty, other = scorer.lines([encoded(gru_model(SYMBOLS), each) for each in (text, TEXT)])
    assert len(empty.nats) == 0
    assert len(other.nats) == len(TEXT) - 1


def test_short_lines_are_learned_from_together() -> None:
    of = gru_model(SYMBOLS)
    line = encoded(of, "abc")  # 2 positions, with contexts that are too short to be counted
    nats = [scored.nats.tolist() for scored in AdaptingScorer(of).lines([line] * (WINDOW // 2 + 1))]
    assert all(scored == nats[0] for scored in nats[:-1])
    assert sum(nats[-1]) < sum(nats[0])


def test_the_model_itself_stays_as_it_is(model: Model) -> None:
    arrays = {name: array.copy() for name, array in model.arrays.items()}
    gates = [each.copy() for each in model.mixture.gate] if model.mixture else []
    adapted(model, TEXT)
    assert all(np.array_equal(array, arrays[name]) for name, array in model.arrays.items())
    if model.mixture:
        assert all(map(np.array_equal, model.mixture.gate, gates))


def test_unknown_symbols_are_not_learned(model: Model) -> None:
    ids = encoded(model, TEXT)
    ids[5:200:7] = len(model.vocabulary)
    assert (adapted_ids(model, ids).ranks[4:199:7] == len(model.vocabulary)).all()
    ids[:] = len(model.vocabulary)
    assert np.isfinite(adapted_ids(model, ids).nats).all()


def adapted_ids(of: Model, ids: Ids) -> Surprisals:
    (scored,) = AdaptingScorer(of).texts([ids])
    return scored


def test_a_network_without_a_head_adapts_by_its_counts() -> None:
    of = gru_model(SYMBOLS)
    network = replace(of.network, hidden_size=len(SYMBOLS), head="none")
    bare = replace(of, network=network, arrays=network.draw(SeededDraw(1)))
    assert adapted(bare, "abcdefgh" * 40).nats[-50:].mean() < adapted(bare, "abcdefgh").nats.mean() - 1


def test_windows_overlap_by_one_symbol() -> None:
    ids = np.arange(2 * WINDOW + 3)
    found = [window.tolist() for window in _windows([ids[:40], ids[40:40], ids[40:]])]
    assert found == [[*range(33)], [*range(32, 65)], [64, 65, 66]]


def test_sharpened_probabilities_have_a_sum_of_one() -> None:
    cache = NgramCache()
    ids = np.array([0, 1, 2, 3, 4, 0, 1, 2, 3, 1] * 4)
    cache.learn(ids[:-1], ids[1:], np.ones(len(ids) - 1, np.bool_))
    cache.start()
    p = np.full((len(ids), 5), 0.2)
    cache.sharpen(p, ids)
    assert p.sum(-1) == pytest.approx(1)
    assert (p[: LENGTHS[0] - 1] == 0.2).all()
    assert p[-2].argmax() == 1


def test_older_contexts_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_cache, "MAX_CONTEXTS", 40)
    cache = NgramCache()
    ids = np.arange(60)
    for first in range(59):
        cache.learn(ids[first : first + 1], ids[first + 1 : first + 2], np.ones(1, np.bool_))
    cache.start()
    p = np.full((60, 60), 1 / 60)
    cache.sharpen(p, ids)
    assert np.allclose(p[:50], 1 / 60)
    assert p[58, 59] > 0.1


@pytest.mark.parametrize("changes", [{"memorized": ("abc",)}, {"training": {"settings": {"stride": 2}}}])
def test_a_model_of_short_text_cannot_adapt(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="--adapt requires a model that was trained on longer text"):
        require_adaptable(replace(gru_model(), **changes))  # type: ignore[arg-type]
    require_adaptable(gru_model())

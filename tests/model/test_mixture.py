"""The mixture of network and n-gram model: its equation, and readers that mix."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from charseq.inference.scoring import score_stream, score_texts
from charseq.model import mixture, ngram, ngram_counting
from charseq.model.mixed_reader import MixedReader
from charseq.model.mixture import FEATURES, Gate, Mixture, features
from charseq.model.model_file import Model
from charseq.model.ngram_counting import count_ngrams
from charseq.model.sliding_stepper import batch_reader, prefill
from charseq.native import library
from charseq.text.sequences import Sequences
from tests.support.models import gru_model

P, V, H, N = 31, 7, 5, 3


@pytest.fixture(params=[True, False], ids=["native", "numpy"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run a test with the native kernels, and with NumPy."""
    if request.param and library() is None:
        pytest.skip("the native kernels are not built")
    if not request.param:
        for module in (mixture, ngram, ngram_counting):
            monkeypatch.setattr(module, "library", lambda: None)
    return bool(request.param)


def gate(seed: int, order: int = N, hidden: int = H) -> Gate:
    random = np.random.default_rng(seed)
    sizes = order, len(FEATURES), hidden
    return Gate(
        *(random.normal(0, scale, n).astype(np.float32) for scale, n in zip((1, 0.2, 1), sizes, strict=True))
    )


def predictions(seed: int, scale: float = 3.0) -> tuple[Any, ...]:
    """Return logits, q, depths and hs of P positions."""
    random = np.random.default_rng(seed)
    q = random.dirichlet(np.full(V, 0.3), P) + 1e-9
    return (
        random.normal(0, scale, (P, V)).astype(np.float32),
        (q / q.sum(-1, keepdims=True)).astype(np.float32),
        random.integers(0, N, P).astype(np.int32),
        random.normal(0, 1, (P, H)).astype(np.float32),
    )


def mixed(of: Gate, *arrays: Any) -> Any:
    """Mix arrays; the n-gram model itself is not read."""
    texts = Sequences.of([np.arange(V).astype(np.uint8)])
    return Mixture(count_ngrams(texts, 2, V, lines=False).model(2), of).mix(*arrays)


def test_the_mixture_is_that_of_its_equation(kernels: bool) -> None:
    logits, q, depths, h = predictions(3)
    of = gate(5)
    wide = logits.astype(np.float64)
    p = np.exp(wide) / np.exp(wide).sum(-1, keepdims=True)
    read = [
        np.log(p.max(-1)), np.log(q.max(-1)), (p * np.log(p)).sum(-1), (q * np.log(q)).sum(-1),
        (p * np.log(q)).sum(-1), (q * np.log(p)).sum(-1), np.minimum(p, q).sum(-1),
    ]  # fmt: skip
    z = of.depths[depths] + np.stack(read, -1) @ of.features + h @ of.hidden
    share = (1 / (1 + np.exp(-z)))[:, None]
    np.testing.assert_allclose(
        mixed(of, logits, q, depths, h), np.log(share * p + (1 - share) * q), atol=2e-5
    )
    np.testing.assert_allclose(features(logits, q), np.stack(read, -1), atol=2e-5)


def test_a_constant_gate_mixes_with_its_weight(kernels: bool) -> None:
    logits, q, depths, h = predictions(7)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    found = np.exp(mixed(Gate.constant(N, H, 0.25), logits, q, depths, h))
    np.testing.assert_allclose(found, 0.25 * p + 0.75 * q, atol=1e-6)


def test_extreme_logits_and_probabilities_give_finite_results(kernels: bool) -> None:
    logits, q, depths, h = predictions(11, 1e4)
    q[:, 0], q[:, 1:] = 1, 1e-30
    found = mixed(gate(13), logits, q, depths, h * 100)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.exp(found).sum(-1), 1, atol=1e-5)


def test_a_row_does_not_depend_on_other_rows(kernels: bool) -> None:
    arrays = predictions(17)
    whole = mixed(gate(19), *arrays)
    for i in range(P):
        assert (mixed(gate(19), *(array[i : i + 1] for array in arrays))[0] == whole[i]).all()


def mixed_model(order: int = 4) -> Model:
    """Return a small model with an n-gram model of a random text."""
    model = gru_model()
    size = len(model.vocabulary)
    text = np.random.default_rng(23).integers(0, size, 499).astype(np.uint8)
    counted = count_ngrams(Sequences.of([text]), order, size, lines=False).model(order)
    return replace(model, mixture=Mixture(counted, gate(29, order, model.network.hidden_size)))


def some_ids(*shape: int) -> Any:
    return np.random.default_rng(31).integers(1, len(gru_model().vocabulary), shape)


def test_reading_step_by_step_gives_what_reading_at_once_gives(kernels: bool) -> None:
    model, ids = mixed_model(), some_ids(17, 3)
    reader = batch_reader(model, 3)
    assert isinstance(reader, MixedReader)
    steps = np.stack([reader.read(symbols).copy() for symbols in ids])
    assert (steps == batch_reader(model, 3).read_sequence(ids)).all()
    np.testing.assert_allclose(np.exp(steps).sum(-1), 1, atol=1e-5)
    assert (steps != batch_reader(replace(model, mixture=None), 3).read_sequence(ids)).any()


def test_kept_rows_continue_as_if_alone(kernels: bool) -> None:
    model, ids = mixed_model(), some_ids(13, 3)
    reader = batch_reader(model, 3)
    reader.read_sequence(ids[:7])
    reader.keep([2, 0])
    kept = reader.read_sequence(ids[7:, [2, 0]])
    for row, column in enumerate((2, 0)):
        assert (batch_reader(model).read_sequence(ids[:, column, None])[7:, 0] == kept[:, row]).all()


def test_prompts_of_different_lengths_are_continued_as_if_alone(kernels: bool) -> None:
    model = mixed_model()
    prompts = [some_ids(length).tolist() for length in (1, 2, 5, 11)]
    reader, last = prefill(model, prompts)
    together = reader.read(last)
    for row, prompt in enumerate(prompts):
        alone = batch_reader(model).read_sequence(np.array(prompt)[:, None])[-1, 0]
        np.testing.assert_allclose(together[row], alone, atol=1e-6)


def test_texts_are_scored_by_the_mixture(kernels: bool) -> None:
    model, text = mixed_model(), some_ids(29).astype(np.uint8)
    log_p = batch_reader(model).read_sequence(text[:-1, None])[:, 0]
    expected = [-float(log_p[t, symbol]) for t, symbol in enumerate(text[1:].tolist())]
    (scored,) = score_texts(model, [text])
    assert scored.nats.tolist() == pytest.approx(expected, abs=1e-5)
    if not model.vocabulary.boundary:
        streamed = np.concatenate([part.nats for part in score_stream(model, [text[:7], text[7:]])])
        assert streamed.tolist() == pytest.approx(expected, abs=1e-5)

"""The data of a run: text in memory or in pieces, and a validation set that is large enough."""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charseq.errors import TextError
from charseq.runs.prepare import plan_run
from charseq.settings.defaults import choose_settings
from charseq.text.corpus import AnyCorpus, ByteSource, Corpus, LargeCorpus
from charseq.text.vocabulary import BOUNDARY, Vocabulary
from charseq.training.builder import build
from charseq.training.data import TrainingData
from charseq.training.loop import train
from tests.support.training import LONG, ended, events_of


def data_of(corpus: AnyCorpus, **given: Any) -> TrainingData:
    vocabulary = Vocabulary.of(corpus.chunks(), boundary=corpus.lines)
    return TrainingData(corpus, vocabulary, choose_settings(corpus, len(vocabulary), given))


def test_text_too_large_for_memory_trains_the_same_model_as_text_in_memory() -> None:
    small = events_of(LONG, cell="gru", epochs=1, hidden_size=8)
    vocabulary = Vocabulary.of([LONG])
    large = LargeCorpus((ByteSource("it", io.BytesIO(LONG.encode())),))
    settings = choose_settings(large, len(vocabulary), {"cell": "gru", "epochs": 1, "hidden_size": 8})
    events = list(train(plan_run(large, vocabulary, settings, out=Path("other"))))
    assert ended(events).validation_loss == ended(small).validation_loss


def test_the_frequencies_of_a_large_text_are_counted_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Corpus(("ab" * 1000 + "c" * 500,))
    exact = data_of(corpus).log_frequencies(3)
    monkeypatch.setattr("charseq.training.data.COUNTED", 500)
    monkeypatch.setattr("charseq.training.data.COUNTED_PIECE", 10)
    assert data_of(corpus).log_frequencies(3) == pytest.approx(exact, abs=0.1)


def test_a_text_too_short_for_the_fraction_to_hold_out_is_an_error() -> None:
    for text, fraction, side in (("abcde", 0.1, "hold out"), ("abcde", 0.9, "train on")):
        with pytest.raises(TextError, match=f"fewer than 2 characters to {side}"):
            data_of(Corpus((text,)), validation=fraction)
    with pytest.raises(TextError, match="to hold out"):
        data_of(Corpus(("just one line",), lines=True), validation=0.1)


@pytest.mark.parametrize("lines", [False, True])
def test_only_training_text_is_counted_for_the_initial_frequencies(lines: bool) -> None:
    texts = (*["ab"] * 90, *["cc"] * 10) if lines else ("ab" * 450 + "c" * 100,)
    vocabulary = Vocabulary.of(texts, boundary=lines)
    material = data_of(Corpus(texts, lines), validation=0.1, validation_split="tail")
    found = material.log_frequencies(len(vocabulary))
    training = np.concatenate([ids[1:] for ids in material.strings])
    a, c = (vocabulary.symbols.index(symbol) for symbol in "ac")
    assert (training == c).sum() == 0
    assert found[a] - found[c] == pytest.approx(np.log((training == a).sum() + 0.5) - np.log(0.5), rel=1e-5)


def counted_targets(corpus: Corpus, absent: str) -> "dict[str, int]":
    """Return how often the head of a new run has counted each symbol; `absent` is one without a count."""
    vocabulary = Vocabulary.of(corpus.sequences, boundary=corpus.lines)
    given = {"cell": "gru", "hidden_size": 5, "validation": 0.2, "validation_split": "tail", "device": "cpu"}
    settings = choose_settings(corpus, len(vocabulary), given)
    run = build(plan_run(corpus, vocabulary, settings), live=False, save_every=60.0)
    learner = run.state.learner
    head = learner.parameters.arrays(learner.parameters.flat)["head.b"].astype(np.float64)
    assert head.sum() == pytest.approx(0, abs=1e-4)
    counts = 0.5 * np.exp(head - head[vocabulary.symbols.index(absent)]) - 0.5
    np.testing.assert_allclose(counts, counts.round(), atol=0.01)
    return {s: round(n) for s, n in zip(vocabulary.symbols, counts.tolist(), strict=True) if round(n)}


def test_the_head_of_a_new_run_counts_every_target_of_the_training_text_and_none_that_is_held_out() -> None:
    text = "".join(np.random.default_rng(7).choice(list("abc"), 809)) + "cd" * 101
    assert counted_targets(Corpus((text,)), "d") == Counter(text[1:809])
    lines = (*["ab", "ba", "aa", "cb"] * 23, *["dc"] * 23)
    expected = Counter("".join(lines[:92]))
    assert counted_targets(Corpus(lines, lines=True), "d") == {**expected, BOUNDARY: 92}


def test_the_sample_that_is_counted_of_a_large_text_has_no_held_out_symbol(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("charseq.training.data.COUNTED", 211)
    monkeypatch.setattr("charseq.training.data.COUNTED_PIECE", 7)
    text = "ab" * 400 + "c" * 9 + "d" * 202
    counts = counted_targets(Corpus((text,)), "d")
    assert sum(counts.values()) == pytest.approx(211, abs=7)
    assert counts["a"] == pytest.approx(counts["b"], abs=30)
    assert "d" not in counts

"""The data of a run: text in memory or in pieces, and a validation set that is large enough."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charseq.errors import TextError
from charseq.runs.prepare import plan_run
from charseq.settings.defaults import choose_settings
from charseq.text.corpus import AnyCorpus, ByteSource, Corpus, LargeCorpus
from charseq.text.vocabulary import Vocabulary
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

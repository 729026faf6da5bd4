"""What a run reads: much of it, and of what is held out enough."""

import io
from pathlib import Path

import pytest

from charseq.corpus import AnyCorpus, Corpus, LargeCorpus, Source
from charseq.defaults import choose
from charseq.runs import new_run
from charseq.training.loop import train
from charseq.training.material import Material
from charseq.vocabulary import Vocabulary
from tests.training_support import LONG, ended, events_of


def material_of(corpus: AnyCorpus) -> Material:
    vocabulary = Vocabulary.of(corpus.pieces(), boundary=corpus.lines)
    return Material(corpus, vocabulary, choose(corpus, len(vocabulary), {}))


def test_of_much_held_out_text_evenly_spaced_stretches_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.training.material.VALIDATION_PLACES", 640)
    monkeypatch.setattr("charseq.training.material.VALIDATION_ROWS", 8)
    held_out = material_of(Corpus(("".join(map(chr, range(33, 20_033))),))).held_out
    assert held_out is not None
    assert [len(row) for row in held_out.rows] == [1] * 7
    assert {len(row[0]) for row in held_out.rows} == {80, 81}
    first = [int(row[0][0]) for row in held_out.rows]
    assert first == [*range(18_000, 20_000, 4 * 80)]


def test_of_many_held_out_lines_evenly_spaced_ones_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.training.material.VALIDATION_PLACES", 100)
    corpus = Corpus(tuple(f"line {i:04d}" for i in range(1000)), lines=True)
    held_out = material_of(corpus).held_out
    assert held_out is not None
    assert 60 <= held_out.places <= 100


def test_text_too_large_for_memory_is_learned_as_the_same_text_in_memory() -> None:
    small = events_of(LONG, cell="gru", epochs=1, hidden_size=8)
    vocabulary = Vocabulary.of([LONG])
    large = LargeCorpus((Source("it", io.BytesIO(LONG.encode())),))
    settings = choose(large, len(vocabulary), {"cell": "gru", "epochs": 1, "hidden_size": 8})
    events = list(train(large, vocabulary, settings, lambda: new_run("gru", Path("other"))))
    assert ended(events).validation_loss == ended(small).validation_loss


def test_of_much_text_pieces_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Corpus(("ab" * 1000 + "c" * 500,))
    exact = material_of(corpus).log_frequencies(3)
    monkeypatch.setattr("charseq.training.material.COUNTED", 10)
    monkeypatch.setattr("charseq.training.material.COUNTED_PIECES", 50)
    assert material_of(corpus).log_frequencies(3) == pytest.approx(exact, abs=0.1)

"""Rows that join a reader are read as they are alone, to the bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from charseq.cells import CELLS
from charseq.model.mixture import Gate, Mixture
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.ngram_counting import count_ngrams
from charseq.model.numpy_ops import Floats, SeededDraw
from charseq.model.sliding_stepper import TextReader, prefill, reader_for
from charseq.model.stepper import Reader
from charseq.text.corpus import Corpus
from charseq.text.encoding import EncodedCorpus
from charseq.text.vocabulary import Vocabulary
from tests.support.labeled import labeled_model

TEXT = "the cat sat on the mat, and the dog sat on the log. " * 3
STRIDE = {"settings": {"sequence_length": 7, "stride": 3}}
KINDS = ("plain", "mixed", "sliding")


def model_of(cell: str, kind: str = "plain") -> Model:
    """Return an untrained model of two layers."""
    vocabulary = Vocabulary.of([TEXT])
    network = Network(cell, len(vocabulary), hidden_size=13, layers=2, embedding_size=5, layer_norm=True)
    arrays = {name: np.asarray(a) for name, a in network.draw(SeededDraw(1)).items()}
    model = Model(network, vocabulary, arrays, opening="t")
    if kind == "sliding":
        return replace(model, training=STRIDE)
    if kind == "mixed":
        sequences = EncodedCorpus(Corpus((TEXT,)), vocabulary).sequences
        ngram = count_ngrams(sequences, 5, len(vocabulary), lines=False).model(5)
        return replace(model, mixture=Mixture(ngram, Gate.constant(5, 13, 0.3)))
    return model


def steps(reader: TextReader, ids: Any) -> Floats:
    """Read ids [T B] step by step -> logits [T B V]."""
    return np.stack([reader.read(step).copy() for step in ids])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("in_c", [True, False])
def test_rows_that_join_are_read_as_alone(cell: str, kind: str, in_c: bool) -> None:
    model = model_of(cell, kind)
    base = Reader(model.network, model.weights, native=in_c)
    prompts = [model.vocabulary.encode(TEXT[at : at + length]).tolist() for at, length in ((0, 3), (5, 19))]
    later = [model.vocabulary.encode(TEXT[at : at + length]).tolist() for at, length in ((2, 11), (7, 1))]
    ids = np.random.default_rng(2).integers(0, len(model.vocabulary), (23, 4))
    alone = []
    for row, prompt in enumerate((*prompts, *later)):
        reader, last = prefill(model, [prompt], base)
        own = ids[:, row : row + 1] if row < 2 else ids[5:, row : row + 1]
        alone.append(steps(reader, [last, *own])[:, 0])
    reader, last = prefill(model, prompts, base)
    first = steps(reader, [last, *ids[:5, :2]])
    joining, last_of_joining = prefill(model, later, base)
    reader.join(joining)
    read = steps(reader, [np.concatenate([ids[5, :2], last_of_joining]), *ids[6:9]])
    for row in range(2):
        assert np.array_equal(np.concatenate([first[:, row], read[:, row]]), alone[row][:10])
    assert np.array_equal(read[0, 2:], np.stack([alone[2][0], alone[3][0]]))
    reader.keep([3, 0])
    assert np.array_equal(steps(reader, ids[9:, [3, 0]])[:, 1], alone[0][10:])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", ["gru", "mlstm", "minlstm"])
def test_a_prompt_that_is_read_in_pieces_is_read_as_at_once(cell: str, kind: str) -> None:
    model = model_of(cell, kind)
    ids = model.vocabulary.encode(TEXT)[:, None].astype(np.intp)
    base = Reader(model.network, model.weights)
    one_by_one = steps(reader_for(model), ids)
    reader = reader_for(model, base)
    assert np.array_equal(reader.read_sequence(ids[:29]), one_by_one[:29])
    reader.advance_sequence(ids[29:67])
    assert np.array_equal(reader.read_sequence(ids[67:]), one_by_one[67:])


def test_readers_with_the_same_weights_do_not_disturb_each_other() -> None:
    model = model_of("lstm")
    ids = model.vocabulary.encode(TEXT)[:, None].astype(np.intp)
    base = Reader(model.network, model.weights)
    first, second = base.with_rows(1), base.with_rows(3)
    expected = steps(Reader(model.network, model.weights), ids)
    for step, logits in zip(ids, expected, strict=True):
        assert np.array_equal(first.read(step), logits)
        assert np.array_equal(second.read(np.repeat(step[::-1], 3))[1:2], logits)
    assert np.array_equal(steps(base, ids), expected)


def test_labeled_rows_join() -> None:
    model = labeled_model()
    prompts = [[label, *model.vocabulary.encode("ab").tolist()] for label in model.vocabulary.labels]
    reader, last = prefill(model, prompts[:1])
    joining, joined = prefill(model, prompts[1:])
    reader.join(joining)
    read = reader.read(np.concatenate([last, joined])).copy()
    for row, prompt in enumerate(prompts):
        alone, last = prefill(model, [prompt])
        assert np.array_equal(alone.read(last)[0], read[row])

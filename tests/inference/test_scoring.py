import math
from collections.abc import Iterator

import numpy as np
import pytest

from charseq.errors import TextError
from charseq.inference.scoring import TotalScore, _blocks, score_stream, score_texts
from charseq.model.mixed_reader import MixedReader
from charseq.model.model_file import Model
from charseq.model.numpy_ops import NUMPY, log_softmax
from charseq.model.sliding_stepper import batch_reader
from charseq.model.stepper import Reader
from charseq.text.vocabulary import Ids
from tests.support.models import gru_model

TEXTS = ["abcdefgh", "a", "hgfedcba" * 9, "", "bad", "ab", "face" * 40]


def encoded(of: Model, text: str) -> Ids:
    """Return a text as it is scored, from a line's beginning to its end."""
    return of.vocabulary.encode_text(text, begin=True, end=True).targets


def by_hand(of: Model, ids: Ids) -> tuple[list[float], list[int], list[int]]:
    """Return nats, ranks and most probable symbols of all positions but the first, unrolled."""
    network, weights = of.network, of.weights
    xs = network.embed(NUMPY, weights, ids[None, :-1].astype(np.intp))
    hs, _ = network.forward(NUMPY, weights, xs, network.initial_states(NUMPY, weights, 1))
    found = log_softmax(network.read_out(weights, hs)[0].astype(np.float64))
    after = ids[1:].tolist()
    nats = [-float(found[t, symbol]) for t, symbol in enumerate(after)]
    ranks = [1 + int((found[t] > found[t, symbol]).sum()) for t, symbol in enumerate(after)]
    return nats, ranks, found.argmax(1).tolist()


@pytest.mark.parametrize("boundary", [False, True])
def test_every_surprisal_is_that_of_the_unrolled_network(boundary: bool) -> None:
    of = gru_model(boundary=boundary)
    found = list(score_texts(of, [encoded(of, text) for text in TEXTS]))
    assert len(found) == len(TEXTS)
    for text, one in zip(TEXTS, found, strict=True):
        assert len(one.nats) == max(len(text) + (1 if boundary else -1), 0)
        if not len(one.nats):
            continue
        expected = zip(*by_hand(of, encoded(of, text)), strict=True)
        measured = zip(one.nats.tolist(), one.ranks.tolist(), one.best.tolist(), strict=True)
        for position, (scored, exact) in enumerate(zip(measured, expected, strict=True)):
            message = f"{text!r}, position {position}: {scored}, by the unrolled network {exact}"
            assert scored[0] == pytest.approx(exact[0], abs=1e-5), message
            assert scored[1:] == exact[1:], message
        assert of.vocabulary.decode(one.ids) == (text if boundary else text[1:])


@pytest.mark.parametrize("rows", [1, 2, 64])
def test_a_score_does_not_depend_on_the_other_texts(rows: int) -> None:
    of = gru_model()
    together = score_texts(of, [encoded(of, text) for text in TEXTS * 3], rows)
    for text, one in zip(TEXTS * 3, together, strict=True):
        (alone,) = score_texts(of, [encoded(of, text)])
        assert one.nats.tolist() == alone.nats.tolist()


def test_a_text_in_pieces_has_the_score_of_the_same_text_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    of = gru_model()
    text = "".join("abcdefgh"[i * i % 8] for i in range(500)) + "hgab"
    ids = encoded(of, text)
    (whole,) = score_texts(of, [ids])
    monkeypatch.setattr("charseq.inference.scoring.BLOCK_POSITIONS", 37)
    monkeypatch.setattr("charseq.inference.scoring.BLOCK_LOGITS", 100)
    for cuts in ([], [1], [100, 101, 101, 333]):
        parts = list(score_stream(of, np.split(ids, cuts)))
        assert len(parts) > 10
        assert np.concatenate([part.nats for part in parts]).tolist() == whole.nats.tolist()
        assert np.concatenate([part.ids for part in parts]).tolist() == ids[1:].tolist()


def test_texts_are_read_group_by_group(monkeypatch: pytest.MonkeyPatch) -> None:
    of = gru_model()
    monkeypatch.setattr("charseq.inference.scoring.SORTED_TEXTS", 3)
    read: list[str] = []

    def texts() -> Iterator[Ids]:
        for text in ["abc"] * 7:
            read.append(text)
            yield encoded(of, text)

    found = score_texts(of, texts())
    next(found)
    assert len(read) == 3
    assert len(list(found)) == 6


def test_a_model_of_lines_scores_no_stream() -> None:
    with pytest.raises(TextError, match="lines"):
        next(score_stream(gru_model(boundary=True), [np.zeros(3, np.uint8)]))


def test_the_total_has_nats_bits_and_perplexity() -> None:
    of = gru_model()
    total = TotalScore()
    assert total.nats_per_character is total.bits_per_character is total.perplexity is None
    (found,) = score_texts(of, [encoded(of, "abcabc")])
    total.add(found)
    assert total.characters == 5
    assert total.nats_per_character == pytest.approx(found.nats.mean())
    assert total.bits_per_character == pytest.approx(found.nats.mean() / math.log(2))
    assert total.perplexity == pytest.approx(math.exp(found.nats.mean()))


def test_equally_probable_symbols_share_the_best_rank() -> None:
    of = gru_model()
    flat = Model(of.network, of.vocabulary, {name: array * 0 for name, array in of.arrays.items()})
    (found,) = score_texts(flat, [encoded(flat, "hgfa")])
    assert found.ranks.tolist() == [1, 1, 1]


def test_pieces_are_read_in_blocks_of_one_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.inference.scoring.BLOCK_POSITIONS", 5)
    pieces = np.split(np.arange(17), [3, 7, 7, 8])
    assert [block.tolist() for block in _blocks(pieces)] == [
        [0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14], [15, 16]
    ]  # fmt: skip
    assert [block.tolist() for block in _blocks(iter([np.arange(10)]))] == [[*range(5)], [*range(5, 10)]]
    assert list(_blocks([])) == []


def test_a_single_symbol_is_not_scored() -> None:
    of = gru_model()
    assert list(score_stream(of, [encoded(of, "a")])) == []
    assert list(score_stream(of, [])) == []


@pytest.mark.parametrize("positions", [1, 3, 50])
def test_scores_do_not_depend_on_the_size_of_blocks(monkeypatch: pytest.MonkeyPatch, positions: int) -> None:
    of = gru_model()
    texts = [encoded(of, text) for text in TEXTS]
    whole = list(score_texts(of, texts))
    monkeypatch.setattr("charseq.inference.scoring.BLOCK_POSITIONS", positions)
    for at_once, in_blocks in zip(whole, score_texts(of, texts), strict=True):
        assert in_blocks.nats.tolist() == pytest.approx(at_once.nats.tolist(), abs=1e-6)
        assert in_blocks.ranks.tolist() == at_once.ranks.tolist()


def test_a_batch_has_at_most_the_batch_size(monkeypatch: pytest.MonkeyPatch) -> None:
    of, rows = gru_model(), []

    def recorded(model: Model, count: int = 1) -> Reader | MixedReader:
        rows.append(count)
        return batch_reader(model, count)

    monkeypatch.setattr("charseq.inference.scoring.batch_reader", recorded)
    assert len(list(score_texts(of, [encoded(of, "abc")] * 5, 2))) == 5
    assert rows == [2, 2, 1]

"""The n-gram model of a run: counted on its training text, and evaluated without a network."""

import numpy as np
import pytest

from charseq.events import Start
from charseq.model.ngram_order import choose_order
from charseq.text.sequences import Sequences
from charseq.training.evaluation import ValidationSet
from charseq.training.ngram import count_model, evaluate_alone
from tests.support.training import LONG, events_of

SYMBOLS = sorted(set(LONG))
IDS = np.array([SYMBOLS.index(character) for character in LONG], np.uint8)


def texts(*lengths: int) -> Sequences:
    """Return the beginning of the text as sequences of these lengths, one after the other."""
    ends = np.cumsum(lengths)
    return Sequences.of([IDS[end - length : end] for end, length in zip(ends, lengths, strict=True)])


@pytest.mark.parametrize("order", [1, 4])
def test_the_loss_on_a_validation_set_is_the_mean_over_its_positions(order: int) -> None:
    ngram = count_model(texts(900), len(SYMBOLS), order, lines=False, time_limit=None)
    held_out = texts(300, 2, 131, 500, 7)
    evaluated = evaluate_alone(ngram, ValidationSet(held_out, len(SYMBOLS)))
    assert evaluated.loss == pytest.approx(ngram.loss(held_out), rel=1e-5)
    assert evaluated.positions.tolist() == held_out.positions.tolist()
    assert evaluated.costs[3] / 499 == pytest.approx(ngram.loss(held_out[3:4]), rel=1e-5)


def test_correct_predictions_are_counted_for_each_sequence() -> None:
    ngram = count_model(texts(900), len(SYMBOLS), 5, lines=False, time_limit=None)
    held_out = texts(40, 700)
    evaluated = evaluate_alone(ngram, ValidationSet(held_out, len(SYMBOLS)))
    for ids, correct in zip(held_out, evaluated.correct, strict=True):
        q, _ = ngram.read(ids[:-1, None], ngram.start(1))
        assert correct == (q[:, 0].argmax(-1) == ids[1:]).sum()


def test_without_an_order_the_one_that_predicts_best_is_chosen() -> None:
    strings = texts(len(IDS))
    chosen = choose_order(strings, len(SYMBOLS), lines=False).order
    assert count_model(strings, len(SYMBOLS), None, lines=False, time_limit=None).order == chosen > 2


@pytest.mark.parametrize("length", [2, 3, 17, 99])
def test_a_text_that_is_too_short_to_choose_has_the_smallest_order(length: int) -> None:
    ngram = count_model(texts(length), len(SYMBOLS), None, lines=False, time_limit=None)
    assert ngram.order == 2


def test_a_run_that_trains_on_little_of_its_text_has_an_n_gram_model() -> None:
    text = LONG[:120]
    start = events_of(text, validation=0.9, validation_split="tail", epochs=1, hidden_size=4)[0]
    assert isinstance(start, Start)
    assert start.settings.ngram == 2

from typing import Any

import pytest

from charseq.corpus import Corpus
from charseq.defaults import choose
from charseq.errors import TextError
from charseq.settings import TrainSettings


def test_short_text_is_learned_whole_in_one_batch() -> None:
    settings = choose(Corpus(("hihello", "hey")), 6, {})
    assert settings.whole
    assert (settings.batch_size, settings.sequence_length, settings.validation) == (2, 6, 0)
    assert settings.until_learned


def test_epochs_that_were_asked_for_are_all_run() -> None:
    settings = choose(Corpus(("hihello",)), 5, {"epochs": 50})
    assert (settings.epochs, settings.until_learned) == (50, False)


def test_a_learning_rate_that_was_asked_for_is_the_one_used_throughout() -> None:
    assert choose(Corpus(("hihello",)), 5, {}).schedule != "constant"
    settings = choose(Corpus(("hihello",)), 5, {"learning_rate": 0.1})
    assert (settings.learning_rate, settings.schedule) == (0.1, "constant")


def test_long_text_is_read_in_windows_and_its_last_tenth_held_out() -> None:
    settings = choose(Corpus(("ab" * 10_000,)), 2, {})
    assert not settings.whole
    assert settings.validation == 0.1
    assert settings.patience > 0


def test_what_is_given_wins_over_what_the_text_would_choose() -> None:
    given = {"hidden_size": 3, "learning_rate": 0.5, "validation": 0.25, "batch_size": 9}
    settings = choose(Corpus(("ab" * 10_000,)), 2, given)
    assert {name: getattr(settings, name) for name in given} == given


def test_short_text_with_windows_or_validation_asked_for_is_not_whole() -> None:
    assert not choose(Corpus(("hihello" * 9,)), 5, {"sequence_length": 10}).whole
    assert not choose(Corpus(("hihello" * 9,)), 5, {"validation": 0.2}).whole


def test_lines_are_a_text_to_sample_from_however_short() -> None:
    assert not choose(Corpus(("ada", "alan"), lines=True), 6, {}).whole


def test_without_a_head_the_hidden_size_is_that_of_the_vocabulary() -> None:
    assert choose(Corpus(("hihello",)), 5, {"head": "none"}).hidden_size == 5


@pytest.mark.parametrize(("text", "said"), [("", "has 0 characters"), ("a", "the text 'a' has 1 character;")])
def test_text_too_short_to_learn_is_named(text: str, said: str) -> None:
    with pytest.raises(TextError, match=said):
        choose(Corpus((text,)), 1, {})


def test_no_text_at_all_is_an_error() -> None:
    with pytest.raises(TextError, match="empty"):
        choose(Corpus(()), 0, {})


def test_a_cell_whose_gates_see_x_alone_is_stacked_unless_told_otherwise() -> None:
    settings = choose(Corpus(("hihello",)), 5, {"cell": "mingru"})
    assert (settings.layers, settings.residual, settings.layer_norm) == (2, True, True)
    single = choose(Corpus(("hihello",)), 5, {"cell": "mingru", "layers": 1, "layer_norm": False})
    assert (single.layers, single.residual, single.layer_norm) == (1, False, False)
    assert not choose(Corpus(("hihello",)), 5, {"cell": "gru", "layers": 2}).residual


def test_tied_weights_bring_an_embedding_as_long_as_the_hidden_state() -> None:
    assert choose(Corpus(("hihello",)), 5, {"tie_weights": True}).embedding_size == 128
    given = choose(Corpus(("hihello",)), 5, {"tie_weights": True, "embedding_size": 3})
    assert given.embedding_size == 3


def long_text(characters: int, **given: Any) -> TrainSettings:
    return choose(Corpus(("ab" * (characters // 2),)), 2, given)


def test_longer_text_is_learned_by_the_cell_that_the_experiments_chose() -> None:
    settings = long_text(1_000_000)
    assert (settings.cell, settings.layer_norm, settings.recoveries) == ("rnn-relu", True, 5)
    assert choose(Corpus(("hihello",)), 5, {}).cell == "gru"
    assert long_text(1_000_000, cell="lstm").sequence_length == 64


def test_the_network_grows_with_the_time_there_is() -> None:
    sizes = [long_text(1_000_000, time_limit=seconds) for seconds in (10, 60, 300)]
    assert [(s.hidden_size, s.layers, s.residual) for s in sizes] == [
        (512, 1, False), (384, 2, True), (768, 2, True),
    ]  # fmt: skip
    assert long_text(1_000_000, time_limit=300, layers=1).residual is False


def test_small_text_is_passed_over_few_times_and_much_is_left_out() -> None:
    settings = long_text(20_000, time_limit=300)
    assert (settings.epochs, settings.dropout) == (12, 0.5)
    assert long_text(20_000, dropout=0.0).dropout == 0
    assert long_text(20_000, cell="gru").dropout == 0


def test_a_learning_rate_that_was_asked_for_is_not_halved() -> None:
    assert long_text(20_000, learning_rate=0.1).recoveries == 0

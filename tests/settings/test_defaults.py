import re
from typing import Any

import pytest

from charseq.errors import TextError
from charseq.settings.defaults import choose_settings
from charseq.settings.train_settings import TrainSettings
from charseq.text.corpus import Corpus


def test_short_text_is_learned_whole_in_one_batch() -> None:
    settings = choose_settings(Corpus(("hihello", "hey")), 6, {})
    assert settings.whole
    assert (settings.batch_size, settings.sequence_length, settings.validation) == (2, 6, 0)
    assert settings.until_learned


def test_epochs_that_were_asked_for_are_all_run() -> None:
    settings = choose_settings(Corpus(("hihello",)), 5, {"epochs": 50})
    assert (settings.epochs, settings.until_learned) == (50, False)


def test_a_learning_rate_that_was_asked_for_is_the_one_used_throughout() -> None:
    assert choose_settings(Corpus(("hihello",)), 5, {}).schedule != "constant"
    settings = choose_settings(Corpus(("hihello",)), 5, {"learning_rate": 0.1})
    assert (settings.learning_rate, settings.schedule) == (0.1, "constant")


def test_long_text_is_read_in_windows_and_its_last_tenth_held_out() -> None:
    settings = choose_settings(Corpus(("ab" * 10_000,)), 2, {})
    assert not settings.whole
    assert settings.validation == 0.1
    assert settings.patience > 0


def test_what_is_given_wins_over_what_the_text_would_choose() -> None:
    given = {"hidden_size": 3, "learning_rate": 0.5, "validation": 0.25, "batch_size": 9}
    settings = choose_settings(Corpus(("ab" * 10_000,)), 2, given)
    assert {name: getattr(settings, name) for name in given} == given


def test_short_text_with_windows_or_validation_asked_for_is_not_whole() -> None:
    assert not choose_settings(Corpus(("hihello" * 9,)), 5, {"sequence_length": 10}).whole
    assert not choose_settings(Corpus(("hihello" * 9,)), 5, {"validation": 0.2}).whole


def test_lines_are_a_text_to_sample_from_however_short() -> None:
    assert not choose_settings(Corpus(("ada", "alan"), lines=True), 6, {}).whole


def test_without_a_head_the_hidden_size_is_that_of_the_vocabulary() -> None:
    assert choose_settings(Corpus(("hihello",)), 5, {"head": "none"}).hidden_size == 5


@pytest.mark.parametrize(("text", "said"), [("", "has 0 characters"), ("a", "the text 'a' has 1 character;")])
def test_text_too_short_to_learn_is_named(text: str, said: str) -> None:
    with pytest.raises(TextError, match=said):
        choose_settings(Corpus((text,)), 1, {})


def test_no_text_at_all_is_an_error() -> None:
    with pytest.raises(TextError, match="empty"):
        choose_settings(Corpus(()), 0, {})


def test_a_cell_whose_gates_see_x_alone_is_stacked_unless_told_otherwise() -> None:
    settings = choose_settings(Corpus(("hihello",)), 5, {"cell": "mingru"})
    assert (settings.layers, settings.residual, settings.layer_norm) == (2, True, True)
    single = choose_settings(Corpus(("hihello",)), 5, {"cell": "mingru", "layers": 1, "layer_norm": False})
    assert (single.layers, single.residual, single.layer_norm) == (1, False, False)
    assert not choose_settings(Corpus(("hihello",)), 5, {"cell": "gru", "layers": 2}).residual


def test_tied_weights_bring_an_embedding_as_long_as_the_hidden_state() -> None:
    assert choose_settings(Corpus(("hihello",)), 5, {"tie_weights": True}).embedding_size == 128
    given = choose_settings(Corpus(("hihello",)), 5, {"tie_weights": True, "embedding_size": 3})
    assert given.embedding_size == 3


def long_text(characters: int, **given: Any) -> TrainSettings:
    return choose_settings(Corpus(("ab" * (characters // 2),)), 2, given)


def test_longer_text_is_learned_by_the_cell_that_the_experiments_chose() -> None:
    settings = long_text(1_000_000)
    assert (settings.cell, settings.layer_norm, settings.recoveries) == ("rnn-norm", True, 5)
    assert choose_settings(Corpus(("hihello",)), 5, {}).cell == "gru"
    assert long_text(1_000_000, cell="lstm").sequence_length == 64


def recurrent_weights(settings: TrainSettings) -> int:
    return (2 * settings.layers - 1) * settings.hidden_size**2


def test_the_network_grows_with_the_time_there_is_and_its_learning_rate_shrinks() -> None:
    sizes = [long_text(1_000_000, time_limit=seconds) for seconds in (10.0, 60.0, 300.0, 900.0)]
    weights, rates = [recurrent_weights(s) for s in sizes], [s.learning_rate for s in sizes]
    assert weights == sorted(set(weights))
    assert rates[-1] < rates[0]
    assert [s.residual for s in sizes] == [s.layers > 1 for s in sizes]
    assert sizes[-1].warm_up > 0
    assert long_text(1_000_000, time_limit=300.0, layers=1).residual is False


def test_the_network_grows_with_the_text_but_not_beyond_what_time_allows() -> None:
    sizes = [long_text(n, time_limit=60.0) for n in (20_000, 200_000, 1_000_000, 10_000_000)]
    assert recurrent_weights(sizes[0]) < recurrent_weights(sizes[1])
    assert recurrent_weights(sizes[2]) == recurrent_weights(sizes[3])
    assert "the text" in sizes[0].reasons["hidden_size"]
    assert "the time limit" in sizes[3].reasons["hidden_size"]


def test_the_network_grows_with_the_machine_where_there_is_a_time_limit_alone() -> None:
    corpus = Corpus(("ab" * 500_000,))
    quick = choose_settings(corpus, 2, {"time_limit": 60.0}, power=lambda: 1e12)
    assert recurrent_weights(quick) > recurrent_weights(choose_settings(corpus, 2, {"time_limit": 60.0}))
    assert choose_settings(corpus, 2, {}, power=lambda: 1e12) == choose_settings(corpus, 2, {})


def test_small_text_is_passed_over_more_often_and_much_is_left_out() -> None:
    settings = long_text(20_000, time_limit=300.0)
    assert (settings.epochs, settings.dropout) == (12, 0.5)
    longer = long_text(1_000_000)
    assert (longer.epochs, longer.dropout) == (3, 0.1)
    assert long_text(10_000_000).dropout == 0
    assert long_text(20_000, dropout=0.0).dropout == 0
    assert long_text(20_000, cell="gru").dropout == 0


def test_text_of_many_distinct_characters_is_passed_over_less_often() -> None:
    assert choose_settings(Corpus(("ab" * 10_000,)), 400, {}).epochs < long_text(20_000).epochs


def test_the_sizes_that_are_given_settle_the_rest() -> None:
    settings = long_text(1_000_000, hidden_size=1024, layers=1)
    assert settings.learning_rate < 0.003
    assert "hidden_size" not in settings.reasons


def test_every_default_that_takes_choosing_has_its_reason() -> None:
    assert set(long_text(20_000).reasons) == {"cell", "hidden_size", "epochs", "dropout"}
    assert set(long_text(20_000, cell="rnn-norm", dropout=0.1).reasons) == {"hidden_size", "epochs"}


def test_a_reason_for_the_epochs_is_true_of_the_time_there_is() -> None:
    assert long_text(1_000_000).reasons["epochs"].startswith("at most 3 epochs")
    limited = long_text(1_000_000, time_limit=10.0, hidden_size=512, layers=1)
    assert re.fullmatch(
        r"about 0\.\d+ of at most 3 epochs fit into the time limit", limited.reasons["epochs"]
    )
    assert "time limit" not in long_text(1_000_000, time_limit=10_000.0, hidden_size=256).reasons["epochs"]


def test_a_text_that_is_read_once_gets_no_dropout() -> None:
    once = long_text(20_000, epochs=1)
    assert (once.dropout, "dropout" in once.reasons) == (0, False)
    assert long_text(20_000, epochs=5).dropout == long_text(20_000).dropout


def test_a_learning_rate_that_was_asked_for_is_not_halved() -> None:
    assert long_text(20_000, learning_rate=0.1).recoveries == 0

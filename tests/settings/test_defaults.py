import re
from typing import Any

import pytest

from charseq.errors import TextError
from charseq.settings.defaults import choose_settings
from charseq.settings.train_settings import TrainSettings
from charseq.text.corpus import Corpus


def test_short_text_is_memorized_in_one_batch() -> None:
    settings = choose_settings(Corpus(("hihello", "hey")), 6, {})
    assert settings.whole
    assert (settings.batch_size, settings.sequence_length, settings.validation) == (2, 6, 0)
    assert settings.until_learned


def test_explicit_epochs_are_all_run() -> None:
    settings = choose_settings(Corpus(("hihello",)), 5, {"epochs": 50})
    assert (settings.epochs, settings.until_learned) == (50, False)


def test_an_explicit_learning_rate_is_constant() -> None:
    assert choose_settings(Corpus(("hihello",)), 5, {}).schedule != "constant"
    settings = choose_settings(Corpus(("hihello",)), 5, {"learning_rate": 0.1})
    assert (settings.learning_rate, settings.schedule) == (0.1, "constant")


def test_long_text_is_read_in_windows_and_a_tenth_is_held_out() -> None:
    settings = choose_settings(Corpus(("ab" * 10_000,)), 2, {})
    assert not settings.whole
    assert settings.validation == 0.1
    assert settings.patience > 0


def test_explicit_settings_override_the_defaults() -> None:
    explicit = {"hidden_size": 3, "learning_rate": 0.5, "validation": 0.25, "batch_size": 9}
    settings = choose_settings(Corpus(("ab" * 10_000,)), 2, explicit)
    assert {name: getattr(settings, name) for name in explicit} == explicit


def test_short_text_with_windows_or_validation_is_not_memorized() -> None:
    assert not choose_settings(Corpus(("hihello" * 9,)), 5, {"sequence_length": 10}).whole
    assert not choose_settings(Corpus(("hihello" * 9,)), 5, {"validation": 0.2}).whole


def test_lines_are_not_memorized_however_short() -> None:
    assert not choose_settings(Corpus(("ada", "alan"), lines=True), 6, {}).whole


def test_without_a_head_the_hidden_size_is_that_of_the_vocabulary() -> None:
    assert choose_settings(Corpus(("hihello",)), 5, {"head": "none"}).hidden_size == 5


@pytest.mark.parametrize(
    ("text", "message"), [("", "has 0 characters"), ("a", "the text 'a' has 1 character;")]
)
def test_text_too_short_to_train_on_is_named(text: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        choose_settings(Corpus((text,)), 1, {})


def test_no_text_at_all_is_an_error() -> None:
    with pytest.raises(TextError, match="empty"):
        choose_settings(Corpus(()), 0, {})


def test_a_cell_whose_gates_depend_on_the_input_alone_is_stacked_by_default() -> None:
    settings = choose_settings(Corpus(("hihello",)), 5, {"cell": "mingru"})
    assert (settings.layers, settings.residual, settings.layer_norm) == (2, True, True)
    single = choose_settings(Corpus(("hihello",)), 5, {"cell": "mingru", "layers": 1, "layer_norm": False})
    assert (single.layers, single.residual, single.layer_norm) == (1, False, False)
    assert not choose_settings(Corpus(("hihello",)), 5, {"cell": "gru", "layers": 2}).residual


def test_tied_weights_set_the_embedding_size_to_the_hidden_size() -> None:
    assert choose_settings(Corpus(("hihello",)), 5, {"tie_weights": True}).embedding_size == 128
    settings = choose_settings(Corpus(("hihello",)), 5, {"tie_weights": True, "embedding_size": 3})
    assert settings.embedding_size == 3


def long_text(characters: int, **explicit: Any) -> TrainSettings:
    return choose_settings(Corpus(("ab" * (characters // 2),)), 2, explicit)


def test_longer_text_has_the_cell_that_was_best_in_experiments() -> None:
    settings = long_text(1_000_000)
    assert (settings.cell, settings.layer_norm, settings.recoveries) == ("rnn-norm", True, 5)
    assert choose_settings(Corpus(("hihello",)), 5, {}).cell == "gru"
    assert long_text(1_000_000, cell="lstm").sequence_length == 64


def recurrent_weights(settings: TrainSettings) -> int:
    return (2 * settings.layers - 1) * settings.hidden_size**2


def test_the_network_grows_with_the_available_time_and_its_learning_rate_shrinks() -> None:
    sizes = [long_text(1_000_000, time_limit=seconds) for seconds in (10.0, 60.0, 300.0, 900.0)]
    weights, rates = [recurrent_weights(s) for s in sizes], [s.learning_rate for s in sizes]
    assert weights == sorted(set(weights))
    assert rates[-1] < rates[0]
    assert [s.residual for s in sizes] == [s.layers > 1 for s in sizes]
    assert sizes[-1].warm_up > 0
    assert long_text(1_000_000, time_limit=300.0, layers=1).residual is False


def test_the_network_grows_with_the_text_within_the_time_limit() -> None:
    sizes = [long_text(n, time_limit=60.0) for n in (20_000, 200_000, 1_000_000, 10_000_000)]
    assert recurrent_weights(sizes[0]) < recurrent_weights(sizes[1])
    assert recurrent_weights(sizes[2]) == recurrent_weights(sizes[3])
    assert "the text" in sizes[0].reasons["hidden_size"]
    assert "the time limit" in sizes[3].reasons["hidden_size"]


def test_the_network_grows_with_the_speed_of_the_machine_only_with_a_time_limit() -> None:
    corpus = Corpus(("ab" * 500_000,))
    quick = choose_settings(corpus, 2, {"time_limit": 60.0}, flops=lambda: 1e12)
    assert recurrent_weights(quick) > recurrent_weights(choose_settings(corpus, 2, {"time_limit": 60.0}))
    assert choose_settings(corpus, 2, {}, flops=lambda: 1e12) == choose_settings(corpus, 2, {})


def test_small_text_has_more_epochs_and_more_dropout() -> None:
    settings = long_text(20_000, time_limit=300.0)
    assert (settings.epochs, settings.dropout) == (12, 0.5)
    longer = long_text(1_000_000)
    assert (longer.epochs, longer.dropout) == (3, 0.1)
    assert long_text(10_000_000).dropout == 0
    assert long_text(20_000, dropout=0.0).dropout == 0
    assert long_text(20_000, cell="gru").dropout == 0


def test_text_of_many_distinct_characters_has_fewer_epochs() -> None:
    assert choose_settings(Corpus(("ab" * 10_000,)), 400, {}).epochs < long_text(20_000).epochs


def test_explicit_sizes_determine_the_other_settings() -> None:
    settings = long_text(1_000_000, hidden_size=1024, layers=1)
    assert settings.learning_rate < 0.003
    assert "hidden_size" not in settings.reasons


def test_every_chosen_default_has_a_reason() -> None:
    assert set(long_text(20_000).reasons) == {"cell", "hidden_size", "epochs", "dropout"}
    assert set(long_text(20_000, cell="rnn-norm", dropout=0.1).reasons) == {"hidden_size", "epochs"}


def test_the_reason_for_the_epochs_fits_the_time_limit() -> None:
    assert long_text(1_000_000).reasons["epochs"].startswith("at most 3 epochs")
    limited = long_text(1_000_000, time_limit=10.0, hidden_size=512, layers=1)
    assert re.fullmatch(
        r"about 0\.\d+ of at most 3 epochs fit into the time limit", limited.reasons["epochs"]
    )
    assert "time limit" not in long_text(1_000_000, time_limit=10_000.0, hidden_size=256).reasons["epochs"]


def test_a_single_epoch_has_no_dropout() -> None:
    once = long_text(20_000, epochs=1)
    assert (once.dropout, "dropout" in once.reasons) == (0, False)
    assert long_text(20_000, epochs=5).dropout == long_text(20_000).dropout


def test_an_explicit_learning_rate_is_not_halved() -> None:
    assert long_text(20_000, learning_rate=0.1).recoveries == 0


def test_without_a_head_the_reason_for_the_hidden_size_is_the_vocabulary() -> None:
    settings = long_text(1_000_000, head="none")
    assert settings.hidden_size == 2
    assert settings.reasons["hidden_size"] == "hidden size 2, the vocabulary size, because of --head none"
    assert "hidden_size" not in choose_settings(Corpus(("hihello",)), 5, {"head": "none"}).reasons

"""The defaults of fine-tuning: the parent's network, and settings that suit a trained one."""

from typing import Any

import pytest

from charseq.errors import UsageError
from charseq.settings.defaults import choose_settings
from charseq.settings.fine_tuning import NETWORK, choose_fine_tuning
from charseq.settings.train_settings import TrainSettings
from charseq.text.corpus import Corpus

LONG = Corpus(("to be, or not to be, that is the question: " * 500,))
NAMES = Corpus(tuple(f"name {i * i}" for i in range(2000)), lines=True)
PARENT = TrainSettings(
    cell="rnn-norm", hidden_size=320, layers=2, residual=True, layer_norm=True, clip=0.7, optimizer="adamw"
)


def chosen(corpus: Corpus = LONG, parent: TrainSettings = PARENT, **explicit: Any) -> TrainSettings:
    return choose_fine_tuning(corpus, 31, explicit, parent)


@pytest.mark.parametrize("corpus", [LONG, NAMES, Corpus(("hihello",))])
def test_the_network_is_that_of_the_parent(corpus: Corpus) -> None:
    settings = chosen(corpus)
    assert [getattr(settings, name) for name in NETWORK] == [getattr(PARENT, name) for name in NETWORK]
    assert (settings.clip, settings.optimizer) == (0.7, "adamw")


def test_an_explicit_setting_replaces_that_of_the_parent() -> None:
    settings = chosen(clip=0.3, optimizer="sgd", dropout=0.25, epochs=3, learning_rate=0.01)
    assert (settings.clip, settings.optimizer, settings.dropout) == (0.3, "sgd", 0.25)
    assert (settings.epochs, settings.learning_rate) == (3, 0.01)


@pytest.mark.parametrize(
    ("name", "value"), [("cell", "lstm"), ("hidden_size", 64), ("layers", 1), ("tie_weights", True)]
)
def test_another_network_is_refused(name: str, value: Any) -> None:
    with pytest.raises(
        UsageError, match=f"--{name.replace('_', '-')} {value} cannot be combined with --from"
    ):
        chosen(**{name: value})


def test_the_same_network_may_be_asked_for() -> None:
    assert chosen(cell="rnn-norm", hidden_size=320).hidden_size == 320


def test_the_learning_rate_is_below_that_of_a_new_network_and_has_a_reason() -> None:
    new = choose_settings(LONG, 31, {"hidden_size": 320, "layers": 2})
    settings = chosen()
    assert settings.learning_rate < new.learning_rate
    assert f"{settings.learning_rate:g}" in settings.reasons["learning_rate"]
    assert "learning_rate" not in chosen(learning_rate=0.01).reasons


def test_lines_get_more_dropout_and_epochs_than_in_a_new_network() -> None:
    new = choose_settings(NAMES, 31, {"hidden_size": 320, "layers": 2})
    settings = chosen(NAMES)
    assert settings.dropout > new.dropout
    assert settings.epochs >= new.epochs
    assert f"{settings.dropout:g}" in settings.reasons["dropout"]
    assert f"{settings.epochs}" in settings.reasons["epochs"]


def test_overlapping_windows_stay_those_of_the_parent() -> None:
    parent = TrainSettings(sequence_length=7, stride=3)
    settings = chosen(Corpus(("to be or not to be",)), parent)
    assert (settings.sequence_length, settings.stride) == (7, 3)
    assert chosen(Corpus(("to be or not to be",)), parent, stride=0).stride == 0


def test_an_initial_state_may_become_learned_and_not_fixed() -> None:
    assert chosen(initial_state="learned", freeze="all-but-initial-state").initial_state == "learned"
    learned = TrainSettings(initial_state="learned")
    with pytest.raises(UsageError, match="--initial-state zero"):
        chosen(parent=learned, initial_state="zero")


@pytest.mark.parametrize(
    ("parent", "freeze", "match"),
    [
        ({}, "all-but-initial-state", "requires a learned initial state"),
        ({"head": "none", "hidden_size": 31}, "all-but-head", "--head none"),
        ({"embedding_size": 128, "tie_weights": True}, "all-but-head", "--tie-weights"),
    ],
)
def test_freezing_that_would_train_nothing_is_refused(parent: Any, freeze: str, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        chosen(parent=TrainSettings(**parent), freeze=freeze)


def test_freezing_requires_a_trained_network() -> None:
    with pytest.raises(UsageError, match="--freeze all-but-head requires a trained network"):
        choose_settings(LONG, 31, {"freeze": "all-but-head"})

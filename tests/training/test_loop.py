import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from charseq.cells import CELLS
from charseq.errors import UsageError
from charseq.events import Epoch, Event, Start
from charseq.model.numpy_ops import NUMPY, log_softmax
from charseq.runs.folder import Run
from charseq.runs.prepare import plan_run
from charseq.settings.defaults import choose_settings
from charseq.text.corpus import Corpus
from charseq.text.vocabulary import Vocabulary
from charseq.training.loop import train
from tests.support.training import ended, epochs, events_of, greedily, model


@pytest.mark.parametrize("cell", [name for name in CELLS if name != "none"])
@pytest.mark.parametrize(
    "text", ["hihello", "대한민국 만세 대한독립", "aaaaaaab", "ab", "aa", "\x1b[2J[red]\n\t"]
)
def test_a_short_string_is_memorized_and_predicted_from_its_first_character(cell: str, text: str) -> None:
    events = events_of(text, cell=cell)
    assert ended(events).accuracy == 1
    assert epochs(events)[-1].prediction == epochs(events)[-1].target == text[1:]
    assert greedily(text[0]) == text


def test_several_strings_of_unequal_length_are_memorized_together() -> None:
    texts = ("hihello", "yes", "nonono")
    events = events_of(*texts, cell="lstm")
    assert epochs(events)[-1].prediction == [text[1:] for text in texts]
    assert epochs(events)[-1].target == [text[1:] for text in texts]
    assert [greedily(text[0]) for text in texts] == list(texts)


def test_the_example_of_the_lesson_starts_near_1_7_and_predicts_ihello_within_about_ten_epochs() -> None:
    first_right = []
    for seed in range(15):
        shown = epochs(
            events_of("hihello", cell="lstm", hidden_size=5, learning_rate=0.1, epochs=50, seed=seed)
        )
        assert len(shown) == 50
        assert 1.2 < shown[0].loss < 1.75
        assert shown[-1].prediction == "ihello"
        assert shown[-1].target_ids == [[2, 1, 0, 3, 3, 4]]
        first_right.append(next(event.epoch for event in shown if event.prediction == "ihello"))
    assert sorted(first_right)[7] <= 13
    assert max(first_right) <= 35


def test_the_lessons_network_without_a_head_learns_too() -> None:
    events = events_of("hihello", cell="lstm", head="none", learning_rate=0.1, epochs=50)
    assert isinstance(events[0], Start)
    assert events[0].settings.hidden_size == events[0].vocabulary_size == 5
    assert ended(events).accuracy == 1


def test_the_loss_of_an_epoch_is_that_of_the_model_after_it() -> None:
    events = events_of("hihello", cell="gru", epochs=7, dropout=0.3, layers=2)
    kept = ended(events)
    trained = model()
    w = trained.weights
    ids = trained.vocabulary.encode("hihello")
    xs = trained.network.embed(NUMPY, w, ids[None, :-1])
    hs, _ = trained.network.forward(NUMPY, w, xs, trained.network.initial_states(NUMPY, w, 1))
    log_p = log_softmax(trained.network.read_out(w, hs)[0])
    loss = -log_p[np.arange(6), ids[1:]].mean()
    assert kept.loss == pytest.approx(loss, abs=1e-5)
    assert epochs(events)[kept.epoch - 1].loss == kept.loss


def test_the_best_epoch_is_saved() -> None:
    events = events_of("mississippi", cell="rnn", learning_rate=0.5, schedule="constant", epochs=40)
    best = min(epochs(events), key=lambda event: (-event.accuracy, event.loss))
    assert ended(events).epoch == best.epoch
    assert model().training["epoch"] == best.epoch


def test_the_first_of_equal_epochs_is_saved() -> None:
    events = events_of("hihello", cell="gru", optimizer="sgd", learning_rate=1e-30, epochs=3)
    assert len({(event.accuracy, event.loss) for event in epochs(events)}) == 1
    assert ended(events).epoch == 1


@pytest.mark.parametrize("options", [{}, {"dropout": 0.5, "layers": 2}, {"embedding_size": 3}])
def test_the_same_command_gives_the_same_bytes(options: dict[str, Any]) -> None:
    contents = set()
    for number in range(5):
        events_of("hihello", cell="lstm", epochs=5, out=f"out{number}", **options)
        contents.add(Path(f"out{number}/model.safetensors").read_bytes())
    assert len(contents) == 1
    events_of("hihello", cell="lstm", epochs=5, seed=1, **options)
    assert Path("out/model.safetensors").read_bytes() not in contents


def test_the_sentence_of_the_lesson_is_predicted_by_its_joined_windows() -> None:
    sentence = "Those who would build a ship should first of all learn to long for the wide and endless sea."
    events = events_of(sentence, cell="lstm", layers=2, hidden_size=64, sequence_length=10, stride=1)
    assert ended(events).accuracy == 1
    assert epochs(events)[-1].prediction == sentence[1:]
    assert isinstance(events[0], Start)
    assert (events[0].settings.batch_size, events[0].settings.sequence_length) == (len(sentence), 10)


def test_a_stride_longer_than_a_window_is_refused() -> None:
    with pytest.raises(UsageError, match="--stride 11"):
        events_of("hihello" * 5, sequence_length=10, stride=11)


def test_a_huge_learning_rate_diverges_and_saves_the_last_finite_model() -> None:
    for cell in CELLS:
        events = events_of("hihello", cell=cell, learning_rate=1e30, epochs=50)
        assert ended(events).status == "diverged"
        assert len(epochs(events)) <= 2
        for line in Path("out/log.ndjson").read_text().splitlines():
            json.loads(line, parse_constant=pytest.fail)
        assert all(np.isfinite(array).all() for array in model().arrays.values())


def test_a_stop_ends_the_run_after_the_update_and_saves() -> None:
    asked = iter([False] * 6)
    events = events_of("hihello", cell="lstm", stop=lambda: next(asked, True))
    assert ended(events).status == "interrupted"
    assert len(epochs(events)) < 6
    assert model().training["epoch"] == len(epochs(events))


def test_a_run_whose_folder_is_removed_is_saved_all_the_same() -> None:
    corpus = Corpus(("ab",))
    settings = choose_settings(corpus, 2, {"epochs": 3})
    for event in train(plan_run(corpus, Vocabulary.of(corpus.sequences), settings)):
        if isinstance(event, Epoch):
            shutil.rmtree("runs", ignore_errors=True)
    assert model("runs/0001-gru").memorized == ("ab",)


def test_the_log_has_every_event_without_times() -> None:
    events = events_of("hihello", cell="rnn", epochs=3)
    lines = [json.loads(line) for line in Path("out/log.ndjson").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "epoch", "epoch", "epoch", "end"]
    assert not {"seconds", "characters_per_second"} & set().union(*lines)
    assert lines[-1]["loss"] == ended(events).loss


def test_a_missing_gpu_is_an_error_that_lists_the_devices() -> None:
    missing = torch.cuda.device_count() + 3
    with pytest.raises(UsageError, match=f"--device cuda:{missing}"):
        events_of("ab", device=f"cuda:{missing}")
    with pytest.raises(UsageError, match="'tpu'"):
        events_of("ab", device="tpu")
    assert not Path("out").exists()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")
def test_a_model_trained_on_a_gpu_is_read_without_one() -> None:
    events = events_of("hihello", cell="lstm", device="cuda")
    assert ended(events).accuracy == 1
    assert greedily("h") == "hihello"


def test_a_run_that_cannot_be_written_fails_before_it_trains() -> None:
    def refuse() -> Run:
        raise UsageError("no")

    corpus = Corpus(("ab",))
    vocabulary = Vocabulary.of(corpus.sequences)
    plan = plan_run(corpus, vocabulary, choose_settings(corpus, 2, {}), open_folder=refuse)
    events: Iterator[Event] = train(plan)
    with pytest.raises(UsageError):
        next(events)


def test_the_model_has_the_chosen_settings() -> None:
    events_of("hihello", cell="lstm", epochs=2)
    corpus = Corpus(("hihello",))
    settings = replace(choose_settings(corpus, 5, {"cell": "lstm", "epochs": 2}))
    assert model().training["settings"]["learning_rate"] == settings.learning_rate

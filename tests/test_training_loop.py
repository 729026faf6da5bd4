import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from charseq.arrays import NUMPY, SeededDraw, log_softmax
from charseq.batches import Windows
from charseq.cells import CELLS
from charseq.cells.cell import unroll
from charseq.corpus import Corpus
from charseq.errors import UsageError
from charseq.events import End, Epoch, Event, Progress, Start
from charseq.generate import Choice, continuation
from charseq.model_file import Model, read
from charseq.runs import Run, new_run
from charseq.settings import choose
from charseq.training.learner import Learner
from charseq.training.loop import train
from charseq.vocabulary import Vocabulary

LONG = "".join(f"{i} times {i + 1} is {i * (i + 1)}.\n" for i in range(90))


def events_of(
    *texts: str, lines: bool = False, out: str = "out", stop: Callable[[], bool] = lambda: False, **given: Any
) -> list[Event]:
    corpus = Corpus(texts, lines)
    vocabulary = Vocabulary.of(texts, boundary=lines)
    settings = choose(corpus, len(vocabulary), given)
    run = lambda: new_run(settings.cell, Path(out), force=True)  # noqa: E731
    return list(train(corpus, vocabulary, settings, run, stop=stop))


def epochs(events: list[Event]) -> list[Epoch]:
    return [event for event in events if isinstance(event, Epoch)]


def ended(events: list[Event]) -> End:
    assert isinstance(events[-1], End)
    return events[-1]


def model(out: str = "out") -> Model:
    return read(Path(out) / "model.safetensors")


def greedily(prompt: str, out: str = "out") -> str:
    trained = model(out)
    return prompt + "".join(s.character for s in continuation(trained, prompt, Choice.default_for(trained)))


@pytest.mark.parametrize("cell", [name for name in CELLS if name != "none"])
@pytest.mark.parametrize(
    "text", ["hihello", "대한민국 만세 대한독립", "aaaaaaab", "ab", "aa", "\x1b[2J[red]\n\t"]
)
def test_a_short_string_is_learned_whole_and_predicted_from_its_first_character(cell: str, text: str) -> None:
    events = events_of(text, cell=cell)
    assert ended(events).accuracy == 1
    assert epochs(events)[-1].prediction == epochs(events)[-1].target == text[1:]
    assert greedily(text[0]) == text


def test_several_strings_of_unequal_length_are_learned_together() -> None:
    texts = ("hihello", "yes", "nonono")
    events = events_of(*texts, cell="lstm")
    assert epochs(events)[-1].prediction == [text[1:] for text in texts]
    assert epochs(events)[-1].target == [text[1:] for text in texts]
    assert [greedily(text[0]) for text in texts] == list(texts)


def test_the_lessons_run_starts_near_1_7_and_spells_ihello_within_about_ten_epochs() -> None:
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
    hs, _ = trained.network.run(NUMPY, w, xs, trained.network.start(NUMPY, w, 1))
    log_p = log_softmax(trained.network.read_out(w, hs)[0])
    loss = -log_p[np.arange(6), ids[1:]].mean()
    assert kept.loss == pytest.approx(loss, abs=1e-5)
    assert epochs(events)[kept.epoch - 1].loss == kept.loss


def test_the_best_epoch_is_kept() -> None:
    events = events_of("mississippi", cell="rnn", learning_rate=0.5, schedule="constant", epochs=40)
    best = min(epochs(events), key=lambda event: (-event.accuracy, event.loss))
    assert ended(events).epoch == best.epoch
    assert model().training["epoch"] == best.epoch


@pytest.mark.parametrize("options", [{}, {"dropout": 0.5, "layers": 2}, {"embedding_size": 3}])
def test_the_same_command_gives_the_same_bytes(options: dict[str, Any]) -> None:
    contents = set()
    for number in range(5):
        events_of("hihello", cell="lstm", epochs=5, out=f"out{number}", **options)
        contents.add(Path(f"out{number}/model.safetensors").read_bytes())
    assert len(contents) == 1
    events_of("hihello", cell="lstm", epochs=5, seed=1, **options)
    assert Path("out/model.safetensors").read_bytes() not in contents


def test_the_lessons_sentence_is_spelled_by_its_windows_joined() -> None:
    sentence = "Those who would build a ship should first of all learn to long for the wide and endless sea."
    events = events_of(sentence, cell="lstm", layers=2, sequence_length=10, stride=1)
    assert ended(events).accuracy == 1
    assert epochs(events)[-1].prediction == sentence[1:]
    assert isinstance(events[0], Start)
    assert (events[0].settings.batch_size, events[0].settings.sequence_length) == (len(sentence), 10)


def test_a_stride_longer_than_a_window_would_leave_places_out_and_is_refused() -> None:
    with pytest.raises(UsageError, match="--stride 11"):
        events_of("hihello" * 5, sequence_length=10, stride=11)


def test_a_longer_text_is_learned_in_windows_with_a_validation_loss() -> None:
    events = events_of(LONG, cell="gru", epochs=4, hidden_size=24)
    losses = [event.validation_loss for event in epochs(events)]
    assert all(loss is not None for loss in losses)
    assert losses[-1] < losses[0]  # type: ignore[operator]
    assert ended(events).validation_loss == min(losses)  # type: ignore[type-var]
    assert not model().learned
    assert model().opening == "0"


STACK = {"layers": 2, "residual": True, "layer_norm": True, "tie_weights": True}


LEARNED = {"initial_state": "learned"}


@pytest.mark.parametrize(
    ("cell", "plan"),
    [
        *((name, plan) for name in CELLS for plan in ({}, STACK)),
        *((name, LEARNED) for name, cell in CELLS.items() if cell.learned_start),
    ],
    ids=str,
)
def test_the_validation_loss_is_that_of_the_held_out_tail(cell: str, plan: dict[str, Any]) -> None:
    events = events_of(LONG, cell=cell, epochs=2, hidden_size=16, validation=0.1, **plan)
    trained = model()
    w = trained.weights
    tail = trained.vocabulary.encode(LONG[len(LONG) - round(len(LONG) * 0.1) :])
    xs = trained.network.embed(NUMPY, w, tail[None, :-1])
    hs, _ = trained.network.run(NUMPY, w, xs, trained.network.start(NUMPY, w, 1))
    log_p = log_softmax(trained.network.read_out(w, hs)[0])
    assert ended(events).validation_loss == pytest.approx(
        -log_p[np.arange(len(tail) - 1), tail[1:]].mean(), abs=1e-4
    )


def test_an_average_of_the_weights_is_what_is_measured_and_kept() -> None:
    plain = ended(events_of(LONG, cell="gru", epochs=2, hidden_size=16))
    last = model().arrays["layers.0.W_h"]
    events = events_of(LONG, cell="gru", epochs=2, hidden_size=16, average=0.99)
    averaged = model().arrays["layers.0.W_h"]
    assert (averaged != last).any()
    assert ended(events).validation_loss != plain.validation_loss
    corpus = Corpus((LONG,))
    learner = learner_of(corpus, average=0.9)
    first = learner.parameters.copy()
    batch = next(iter(Windows([np.arange(5)], 1, 4)))
    learner.update(batch, None, 0.1)
    present = learner.parameters.copy()
    decay = 2 / 11  # of the first update
    with learner.settled():
        for flat, before, after in zip(learner.parameters.flat, first, present, strict=True):
            torch.testing.assert_close(flat, decay * before + (1 - decay) * after)
    for flat, after in zip(learner.parameters.flat, present, strict=True):
        torch.testing.assert_close(flat, after, rtol=0, atol=0)


def learner_of(corpus: Corpus, **given: Any) -> Learner:
    vocabulary = Vocabulary.of(corpus.sequences)
    settings = choose(corpus, len(vocabulary), {"hidden_size": 8, **given})
    network = settings.network(len(vocabulary))
    return Learner(network, network.draw(SeededDraw(0)), settings, unroll, torch.device("cpu"))


def test_bfloat16_is_refused_where_it_would_be_slower() -> None:
    with pytest.raises(UsageError, match="--precision bfloat16 is for CUDA GPUs"):
        events_of("ab", device="cpu", precision="bfloat16")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")
@pytest.mark.parametrize("cell", CELLS)
def test_on_a_gpu_bfloat16_learns_what_float32_learns(cell: str) -> None:
    losses = [
        ended(events_of(LONG, cell=cell, epochs=2, hidden_size=16, device="cuda", precision=precision)).loss
        for precision in ("float32", "bfloat16")
    ]
    assert losses[1] == pytest.approx(losses[0], abs=0.1)


def test_patience_ends_a_run_that_gets_no_better() -> None:
    noise = "".join(np.random.default_rng(0).choice(list("abcdefgh"), 3000))
    events = events_of(noise, cell="gru", hidden_size=64, learning_rate=0.02, patience=2, epochs=60)
    assert len(epochs(events)) == ended(events).epoch + 2
    assert len(epochs(events)) < 60


def test_a_time_limit_ends_the_run_and_reports_what_was_learned() -> None:
    started = time.monotonic()
    events = events_of(LONG, cell="gru", time_limit=0.7)
    assert 0.6 < time.monotonic() - started < 5
    assert ended(events).status == "completed"
    assert epochs(events)


class Clock:
    """A clock by which an update takes a second, and measuring what is held out as long as is said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, measuring: float) -> None:
        self._now = 0.0
        monkeypatch.setattr("charseq.training.loop.time", self)
        for name, seconds in (("update", 1.0), ("measure", measuring)):
            monkeypatch.setattr(Learner, name, self._slow(getattr(Learner, name), seconds))

    def monotonic(self) -> float:
        return self._now

    def _slow(self, method: Callable[..., Any], seconds: float) -> Callable[..., Any]:
        def slow(*arguments: Any) -> Any:
            self._now += seconds
            return method(*arguments)

        return slow


@pytest.mark.parametrize("limit", [20, 29, 31, 37])
def test_a_time_limit_leaves_the_time_that_measuring_took(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    Clock(monkeypatch, measuring=5)
    end = ended(events_of(LONG, cell="gru", hidden_size=5, time_limit=limit))
    assert limit - 5 <= end.seconds <= limit


def test_a_time_limit_in_the_first_epoch_leaves_the_time_that_measuring_should_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Clock(monkeypatch, measuring=182 / 16 / 3)
    end = ended(events_of(LONG, hidden_size=5, time_limit=30, batch_size=1, sequence_length=16))
    assert end.epochs == 1
    assert 30 <= end.seconds < 31


def test_lines_learn_where_they_begin_and_end() -> None:
    names = tuple(["ada", "grace", "alan", "edsger"] * 5)
    events = events_of(*names, lines=True, cell="lstm", epochs=150, patience=0, hidden_size=32)
    trained = model()
    assert trained.vocabulary.boundary
    made = {"".join(s.character for s in continuation(trained, "", Choice(0.5), sample=i)) for i in range(20)}
    assert made <= set(names)
    assert len(made) > 1
    assert isinstance(events[0], Start)


def test_a_learning_rate_beyond_all_reason_diverges_and_keeps_the_last_finite_model() -> None:
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


def test_a_stop_within_the_first_epoch_of_a_long_text_keeps_what_was_learned_so_far() -> None:
    asked = iter([False] * 9)
    events = events_of(
        LONG, cell="gru", epochs=5, batch_size=1, sequence_length=16, stop=lambda: next(asked, True)
    )
    assert ended(events).status == "interrupted"
    assert not epochs(events)
    fresh = model().network.draw(SeededDraw(0))
    assert (model().arrays["layers.0.W_h"] != fresh["layers.0.W_h"]).any()


def test_a_run_whose_folder_is_removed_is_saved_all_the_same() -> None:
    corpus = Corpus(("ab",))
    settings = choose(corpus, 2, {"epochs": 3})
    for event in train(corpus, Vocabulary.of(corpus.sequences), settings, lambda: new_run("gru")):
        if isinstance(event, Epoch):
            shutil.rmtree("runs", ignore_errors=True)
    assert model("runs/0001-gru").learned == ("ab",)


def test_the_log_holds_every_event_but_what_the_clock_says() -> None:
    events = events_of("hihello", cell="rnn", epochs=3)
    lines = [json.loads(line) for line in Path("out/log.ndjson").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "epoch", "epoch", "epoch", "end"]
    assert not {"seconds", "characters_per_second"} & set().union(*lines)
    assert lines[-1]["loss"] == ended(events).loss


def test_progress_within_a_long_epoch_is_told_and_not_logged() -> None:
    events = events_of(LONG * 4, cell="gru", epochs=1, batch_size=1, sequence_length=4)
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress
    assert [event.done for event in progress] == sorted(event.done for event in progress)
    assert "progress" not in Path("out/log.ndjson").read_text()


def test_a_gpu_that_is_not_here_is_an_error_that_says_what_is() -> None:
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
    events: Iterator[Event] = train(corpus, vocabulary, choose(corpus, 2, {}), refuse)
    with pytest.raises(UsageError):
        next(events)


def test_settings_that_were_chosen_stand_in_the_model() -> None:
    events_of("hihello", cell="lstm", epochs=2)
    corpus = Corpus(("hihello",))
    settings = replace(choose(corpus, 5, {"cell": "lstm", "epochs": 2}))
    assert model().training["settings"]["learning_rate"] == settings.learning_rate

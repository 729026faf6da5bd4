"""What people read before and after a run: settings, reasons, results, and the next step."""

from dataclasses import replace
from typing import Any

import pytest

from charseq.events import End
from charseq.render.training_outcome import outcome
from charseq.render.training_summary import summary, warnings
from charseq.settings.defaults import UNLIMITED_EPOCHS
from charseq.settings.train_settings import Precision
from tests.support.screens import START


def test_the_summary_names_every_setting_and_the_seed() -> None:
    assert summary(START).splitlines() == [
        "text: 7 characters, 5 distinct, to memorize",
        "network: lstm, 1 layer of 5 hidden units, 270 parameters",
        "optimizer: adam, learning rate 0.1 (cosine), clip 1",
        "training: 50 epochs; cpu (fused, torch), seed 0",
    ]


def test_the_summary_names_the_precision_that_was_chosen() -> None:
    assert "cpu (fused, torch, bfloat16), seed 0" in summary(replace(START, precision="bfloat16"))


@pytest.mark.parametrize(
    ("asked", "processes", "why"),
    [
        ("auto", 1, ", which this device does not support"),
        ("auto", 2, ", which not every process supports"),
        ("float32", 1, ""),
    ],
)
def test_a_resumed_run_says_that_its_precision_is_another(asked: Precision, processes: int, why: str) -> None:
    settings = replace(START.settings, precision=asked)
    start = replace(
        START, settings=settings, processes=processes, precision="float32", earlier_precision="bfloat16"
    )
    said = f"the run continues in float32; before it was resumed, it used bfloat16{why}"
    assert said in warnings(start)
    assert not any("continues" in warning for warning in warnings(replace(start, earlier_precision=None)))


@pytest.mark.parametrize(
    ("changes", "length"),
    [
        ({"time_limit": 10.0}, "at most 50 epochs and 10 s"),
        ({"time_limit": 10.0, "until_learned": True}, "at most 50 epochs and 10 s, until memorized"),
        ({"until_learned": True}, "at most 50 epochs, until memorized"),
        ({"time_limit": 10.0, "epochs": UNLIMITED_EPOCHS}, "10 s"),
        ({"time_limit": 10.0, "epochs": UNLIMITED_EPOCHS, "patience": 5}, "at most 10 s, patience 5"),
    ],
)
def test_the_summary_names_every_limit_of_a_run(changes: dict[str, Any], length: str) -> None:
    limited = replace(START, settings=replace(START.settings, **changes))
    assert f"training: {length}; cpu" in summary(limited)


def test_the_summary_names_the_length_of_windows_in_a_shorter_text() -> None:
    long = replace(START, settings=replace(START.settings, sequence_length=100, stride=3))
    assert "7 characters, 5 distinct, in windows of 6 with a stride of 3" in summary(long)
    assert "2 strings, in windows of at most 4 with" in summary(replace(long, sequences=2))


@pytest.mark.parametrize(
    ("facts", "share"),
    [
        ({"characters": 5029, "training_characters": 4055, "validation_characters": 501}, "10%"),
        ({"characters": 900, "sequences": 100, "lines": True, "validation_characters": 100}, "10%"),
    ],
)
def test_the_held_out_share_is_that_of_the_whole_text(facts: dict[str, Any], share: str) -> None:
    split = replace(START, settings=replace(START.settings, whole=False), validation_sequences=3, **facts)
    assert f"{share} held out for validation" in summary(split)


def test_the_boundary_of_lines_is_not_counted_as_a_character() -> None:
    lines = replace(START, vocabulary_size=6, symbols=("", *START.symbols))
    assert "7 characters, 5 distinct" in summary(lines)


def test_the_summary_gives_the_reasons_of_the_defaults() -> None:
    reasons = {"cell": "gru, because it is fast", "epochs": "few epochs"}
    settings = replace(START.settings, reasons=reasons)
    reasoned = replace(START, settings=settings)
    assert summary(reasoned).splitlines()[-1] == "defaults: gru, because it is fast; few epochs"


def test_the_outcome_names_the_model_and_the_next_step() -> None:
    end = End("completed", "runs/0001-lstm/model.safetensors", 50, 50, 0.01, 1.0, None, 0.3)
    text = outcome(end)
    assert "all characters correct" in text
    assert "runs/0001-lstm/model.safetensors" in text
    assert text.endswith("charseq predict")
    elsewhere = End("completed", "mine/model.safetensors", 3, 5, 0.01, 0.5, None, 0.3, 0, 3.0, 5.0)
    assert outcome(elsewhere).endswith("charseq predict --model mine")
    assert "saved the best model, of epoch 3" in outcome(elsewhere)


def test_the_outcome_gives_the_passes_before_the_best_model_within_an_epoch() -> None:
    end = End("completed", "m", 3, 3, 1.0, 0.5, 1.25, 9.0, passes=2.25, last_passes=3.0)
    best = "validation loss 1.2500 nats per character; saved the best model, after 2.25 epochs"
    assert best in outcome(end)
    assert "best" not in outcome(replace(end, passes=3.0))


def test_the_outcome_says_why_a_run_ended_before_its_last_epoch() -> None:
    end = End("completed", "m", 22, 22, 0.01, 1.0, None, 0.3, total_passes=22.0, reason="memorized")
    assert outcome(end).startswith("memorized after 22 epochs in 0.3 s; loss 0.0100")
    limited = replace(end, reason="time_limit")
    assert outcome(limited).startswith(
        "done after 22 epochs in 0.3 s: the time limit is reached; loss 0.0100"
    )
    assert outcome(replace(end, reason="epochs")).startswith("done after 22 epochs in 0.3 s; loss 0.0100")


def test_the_outcome_counts_partial_epochs() -> None:
    end = End("completed", "m", 1, 0, 1.3, 0.5, None, 0.3, total_passes=0.9996)
    assert outcome(end).startswith("done after 0.999 epochs in")


def test_the_outcome_gives_the_accuracy_in_percent() -> None:
    end = End("completed", "m", 5, 5, 1.3, 0.99999, None, 0.3, highest_accuracy=1.0)
    assert "99.9% of characters correct\n" in outcome(end)


@pytest.mark.parametrize(
    ("model", "option"),
    [
        ("my run/model.safetensors", "--model 'my run'"),
        ("it's/model.safetensors", """--model 'it'"'"'s'"""),
        ("my\x1b/model.safetensors", "--model 'my\\x1b'"),
        ("model.safetensors", "--model ."),
    ],
)
def test_the_outcome_quotes_the_run_for_the_shell(model: str, option: str) -> None:
    assert outcome(End("completed", model, 5, 5, 0.01, 0.5, None, 0.3)).endswith(f"predict {option}")


def test_the_outcome_of_a_diverged_run_gives_the_cause_and_advice() -> None:
    end = End("diverged", "runs/0001-gru/model.safetensors", 0, 0, None, None, None, 0.3)
    first, second = outcome(end).splitlines()
    assert first == "diverged after 0 epochs in 0.3 s: the loss became NaN, infinite or far too large"
    assert second.endswith("   next: try a smaller --learning-rate")


def test_the_outcome_of_a_run_without_an_epoch_does_not_recommend_to_predict() -> None:
    end = End("interrupted", "runs/0001-gru/model.safetensors", 0, 0, None, None, None, 0.3)
    assert "may have learned little" in outcome(end)
    assert "predict" not in outcome(end)

"""Whether a network underfits or overfits, from the losses of its run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from charseq import api
from charseq.events import End, Fit
from charseq.render.training_outcome import outcome
from charseq.training.fit import Point, judge, points
from tests.support.runs import STREAM, never_stop, resume_run, stop_after, train_run

CURVES: dict[str, tuple[list[tuple[float, float]], Fit | None]] = {
    "nothing": ([], None),
    "one evaluation": ([(2.0, 2.0)], None),
    "validation rises while training falls": ([(2.0, 2.1), (1.7, 1.9), (1.3, 2.0), (1.0, 2.2)], "overfits"),
    "both rise": ([(2.0, 2.1), (1.7, 1.9), (1.8, 2.0), (1.9, 2.1)], "fits"),
    "both fall and are near": ([(3.0, 3.0), (2.6, 2.6), (2.3, 2.3), (2.0, 2.01)], "underfits"),
    "both fall, far apart": ([(3.0, 3.0), (2.4, 2.6), (1.9, 2.3), (1.5, 2.1)], "underfits"),
    "nothing is left to learn": ([(3.0, 3.0), (0.5, 0.4), (0.1, 0.05), (0.01, 0.01)], "fits"),
    "flat at the end": ([(3.0, 3.0), (2.1, 2.1), (2.0, 2.05), (1.99, 2.04)], "fits"),
    "a rise within the noise": ([(2.0, 2.1), (1.7, 1.9), (1.6, 1.901)], "fits"),
}


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_is_judged_by_both_losses(name: str) -> None:
    losses, fit = CURVES[name]
    assert judge([Point(float(n), *pair) for n, pair in enumerate(losses, 1)]) == fit


def test_a_run_that_stopped_improving_does_not_underfit() -> None:
    losses, _ = CURVES["both fall and are near"]
    curve = [Point(float(n), *pair) for n, pair in enumerate(losses, 1)]
    assert judge(curve, stopped_improving=True) == "fits"


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({}, "Try more --epochs, or a larger --hidden-size"),
        ({"reason": "time_limit"}, "Try a longer --time-limit"),
        ({"loss": 1.5}, "Try more --epochs"),
        ({"parent_validation_loss": 3.0}, "Try more --epochs"),
        ({"reason": None}, "its validation loss was still falling"),
        ({"status": "interrupted", "reason": None}, "Try to resume the run"),
        ({"fit": "fits"}, "neither underfits nor overfits"),
        ({"fit": "fits", "loss": 1.5}, "its training loss is 0.50 nats below its validation loss"),
    ],
)
def test_the_advice_can_be_followed(changes: dict[str, Any], advice: str) -> None:
    end = End("completed", "m/model.safetensors", 3, 3, 2.0, 0.5, 2.0, 1.0, fit="underfits", reason="epochs")
    (line,) = [line for line in outcome(replace(end, **changes)).splitlines() if "the network" in line]
    assert line.partition(". ")[2] == advice or advice in line
    assert ("--hidden-size" in line) == ("--hidden-size" in advice)


def test_records_without_finite_losses_are_left_out() -> None:
    record: dict[str, Any] = {"event": "epoch", "passes": 1.0, "loss": 2.0, "network_validation_loss": 2.5}
    others: list[dict[str, Any]] = [
        {**record, "event": "start"},
        {**record, "loss": None},
        {"event": "epoch"},
    ]
    assert points([record, *others]) == [Point(1.0, 2.0, 2.5)]


def test_a_network_that_learns_a_small_text_by_heart_overfits() -> None:
    text = " ".join(f"{number * 7919 % 1009}" for number in range(400))
    options: dict[str, Any] = {
        "hidden_size": 97,
        "epochs": 60,
        "patience": 0,
        "dropout": 0.0,
        "batch_size": 3,
    }
    *_, end = api.train(text, cell="gru", validation=0.2, learning_rate=0.01, ngram=0, out="run", **options)
    assert isinstance(end, End)
    assert end.fit == "overfits"
    assert "the network overfits" in outcome(end)
    assert f"epoch {end.epoch}, the best, is saved" in outcome(end)


def test_a_resumed_run_is_judged_by_its_whole_curve() -> None:
    plan: dict[str, Any] = {
        "cell": "gru",
        "hidden_size": 5,
        "epochs": 4,
        "sequence_length": 7,
        "validation": 0.6,
        "ngram": 0,
    }
    *_, whole = train_run((STREAM * 2,), stop=never_stop, **plan)
    log = Path("out/log.ndjson").read_bytes()
    train_run((STREAM * 2,), stop=stop_after(7), **plan)
    *_, end = resume_run((STREAM * 2,))
    assert isinstance(end, End)
    assert isinstance(whole, End)
    assert whole.fit is not None
    assert end.fit == whole.fit
    assert Path("out/log.ndjson").read_bytes() == log


def test_memorized_text_is_not_judged() -> None:
    *_, end = api.train("hihello", epochs=7, out="run")
    assert isinstance(end, End)
    assert end.fit is None
    assert "overfits" not in outcome(end)

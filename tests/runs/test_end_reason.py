"""What completed a run is found from its log, or left open."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from charseq.events import End, EndReason
from charseq.runs.end_reason import with_reason
from charseq.settings.train_settings import TrainSettings
from tests.support.command import Command
from tests.support.screens import START

END = End("completed", "m/model.safetensors", 3, 7, 2.0, 0.5, 2.0, 1.0)


@pytest.mark.parametrize(
    ("settings", "changes", "reason"),
    [
        ({"epochs": 7}, {}, "epochs"),
        ({"epochs": 5}, {}, None),
        ({"epochs": 11, "patience": 4}, {}, "patience"),
        ({"epochs": 11, "patience": 5}, {}, None),
        ({"epochs": 11, "patience": 5, "time_limit": 2.0}, {}, "time_limit"),
        ({"epochs": 11, "until_learned": True}, {"accuracy": 1.0}, "memorized"),
        ({"epochs": 11, "until_learned": True}, {}, None),
        ({"epochs": 11, "until_learned": True, "time_limit": 2.0}, {}, "time_limit"),
        ({"epochs": 11, "until_learned": True, "time_limit": 2.0}, {"accuracy": 1.0}, None),
        ({"epochs": 7}, {"status": "interrupted"}, None),
    ],
)
def test_the_reason_is_given_where_it_is_certain(
    settings: dict[str, Any], changes: dict[str, Any], reason: EndReason | None
) -> None:
    start = replace(START, settings=TrainSettings(**settings), highest_accuracy=1.0)
    assert with_reason(replace(END, **changes), start).reason == reason


@pytest.mark.parametrize(
    "arguments",
    [
        ["--text", "hihello"],
        ["--text", "hihello", "--epochs", "5"],
        ["--file", "long.txt", "--time-limit", "0.3s", "--hidden-size", "7", "--ngram", "0"],
    ],
)
def test_a_replay_gives_the_result_that_training_gave(charseq: Command, arguments: list[str]) -> None:
    Path("long.txt").write_text("".join(f"{i} and {i * 7 % 31}.\n" for i in range(400)))
    trained = charseq("train", *arguments).errors
    replayed = charseq("replay").errors.splitlines()
    start = next(i for i, line in enumerate(replayed) if re.match(r"(memorized|done) after ", line))
    without_time = re.sub(r"(after [\d.,]+ epochs?) in [\d.]+ m?i?n? ?\d* ?s", r"\1", trained)
    assert "\n".join(replayed[start:]) in without_time

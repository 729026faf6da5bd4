"""--force over a good model: it stays usable until the new one is clearly better than its initial weights."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from charseq import api
from charseq.events import End, Event
from charseq.runs.folder import LOG, MODEL, PENDING_LOG
from charseq.runs.timing import TIMING
from tests.support.command import Command

KEEP = Path("keep")


@pytest.fixture(autouse=True)
def earlier(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--out", "keep")


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in KEEP.iterdir() if path.name != ".lock"}


def after(updates: int) -> Callable[[], bool]:
    asked = iter(range(1, 1_000_000))
    return lambda: next(asked) >= updates


def end_of(events: "list[Event]") -> End:
    assert isinstance(events[-1], End)
    return events[-1]


def test_a_run_that_is_interrupted_before_its_first_save_leaves_the_earlier_one_unchanged() -> None:
    before = contents()
    end = end_of(list(api.train("goodbye", out="keep", force=True, stop=after(1))))
    assert (end.status, end.model) == ("interrupted", None)
    assert contents() == before


def test_a_run_that_is_interrupted_later_replaces_it() -> None:
    end = end_of(list(api.train("goodbye", out="keep", force=True, epochs=99, stop=after(50))))
    assert (end.status, end.model) == ("interrupted", str(KEEP / MODEL))
    assert set("goodbye") == set(api.load("keep").vocabulary.symbols)
    assert json.loads((KEEP / LOG).read_text().splitlines()[-1])["status"] == "interrupted"
    assert set(contents()) == {MODEL, LOG, TIMING}


def test_a_diverged_run_never_replaces_it(charseq: Command) -> None:
    before = contents()
    for text in ("goodbye", "".join(f"{i} and {i * i}; " for i in range(400))):
        options = ["--learning-rate", "1e30", "--out", "keep", "--force"]
        result = charseq("train", "--text", text, *options, "--json")
        assert result.status == 1
        assert (result.records[-1]["status"], result.records[-1]["model"]) == ("diverged", None)
        assert contents() == before
    assert "the earlier model is kept" in charseq("train", "--text", "goodbye", *options).errors
    assert charseq("predict", "h", "--model", "keep").output == "hihello\n"


@pytest.mark.long
def test_a_run_that_is_killed_at_once_leaves_it_usable_and_the_next_one_sweeps_up(charseq: Command) -> None:
    before = contents()
    command = [
        sys.executable,
        "-m",
        "charseq",
        "train",
        "--json",
        "--text",
        "goodbye " * 100,
        "--out",
        "keep",
    ]
    process = subprocess.Popen([*command, "--force", "--epochs", "100000"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    left = contents()
    assert {name: left[name] for name in (MODEL, LOG, TIMING)} == before
    assert charseq("predict", "h", "--model", "keep").output == "hihello\n"
    charseq.train("--text", "abc", "--out", "keep", "--force")
    assert PENDING_LOG not in contents()
    assert charseq("predict", "a", "--model", "keep").output == "abc\n"


def test_without_an_earlier_model_a_stopped_run_is_saved_from_its_first_update_on() -> None:
    end = end_of(list(api.train("goodbye", out="new", stop=after(1))))
    assert end.model == "new/model.safetensors"
    assert end_of(list(api.train(resume="new"))).status == "completed"


def test_a_run_that_is_interrupted_within_its_first_epoch_claims_no_validation_loss() -> None:
    text = "".join(f"{i} squared is {i * i}.\n" for i in range(1500))
    end = end_of(list(api.train(text, out="long", stop=after(9))))
    assert (end.status, end.epoch, end.validation_loss) == ("interrupted", 0, None)

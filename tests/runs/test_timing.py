"""timing.ndjson: the times of measurements, beside a log that equal runs have in common."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from charseq import api
from charseq.events import Epoch
from charseq.runs.folder import LOG, MODEL
from charseq.runs.timing import TIMING, Time, times
from tests.support.command import Command
from tests.support.runs import OUT, never_stop, resume_run, stop_after, train_run

TINY: dict[str, Any] = {"cell": "gru", "hidden_size": 3}


def train(out: str, *, epochs: int = 3, **more: Any) -> list[Epoch]:
    events = api.train("hihello", out=out, epochs=epochs, **TINY, **more)
    return [event for event in events if isinstance(event, Epoch)]


def test_each_measurement_has_its_time_at_its_line_of_the_log() -> None:
    epochs = train("run")
    lines = Path("run", LOG).read_text().splitlines()
    found = list(times(Path("run")))
    assert [json.loads(lines[time.line - 1])["epoch"] for time in found] == [1, 2, 3]
    assert [time.passes for time in found] == [1.0, 2.0, 3.0]
    assert [time.seconds for time in found] == pytest.approx([event.seconds for event in epochs], abs=1e-6)


def test_equal_runs_have_equal_models_and_logs_whatever_their_times() -> None:
    for out in ("one", "other"):
        train(out)
    for name in (MODEL, LOG):
        one, other = (Path(out, name).read_bytes().replace(b"other", b"one") for out in ("one", "other"))
        assert one == other
    assert b"seconds" not in Path("one", LOG).read_bytes()


@pytest.mark.parametrize("updates", [2, 3])
def test_a_resumed_run_keeps_the_times_and_continues_their_clock(updates: int) -> None:
    train_run(("hihello",), stop=stop_after(2 * updates), epochs=7, until_learned=False, **TINY)
    before = list(times(OUT))
    resume_run(("hihello",), stop=never_stop)
    after = list(times(OUT))
    assert after[: len(before)] == before
    assert [time.passes for time in after] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    seconds = [time.seconds for time in after]
    assert seconds == sorted(seconds)


def test_a_completed_run_that_trains_further_adds_to_its_earlier_seconds() -> None:
    train("run", epochs=2)
    earlier = list(times(Path("run")))[-1].seconds
    record = {"line": 3, "passes": 2.0, "seconds": earlier + 1000}
    first = Path("run", TIMING).read_text().splitlines()[0]
    Path("run", TIMING).write_text(f"{first}\n{json.dumps(record)}\n")
    for event in api.train(resume="run", epochs=4):
        last = event
    seconds = [time.seconds for time in times(Path("run"))]
    assert len(seconds) == 4
    assert 1000 < seconds[1] < seconds[2] < seconds[3] < 1000 + earlier + last.seconds + 1  # type: ignore[union-attr]


def test_times_after_the_resumed_state_are_dropped() -> None:
    train_run(("hihello",), stop=stop_after(4), epochs=7, until_learned=False, **TINY)
    kept = len(list(times(OUT)))
    with (OUT / TIMING).open("a") as file:
        file.write('{"line": 90, "passes": 89.0, "seconds": 4e9}\n')
    resume_run(("hihello",), stop=never_stop)
    assert kept
    assert max(time.seconds for time in times(OUT)) < 4e9


def test_a_run_that_replaces_another_has_its_own_times_only() -> None:
    train("run", epochs=5)
    train("run", epochs=2, force=True)
    assert [time.passes for time in times(Path("run"))] == [1.0, 2.0]


def test_without_a_writable_file_of_times_training_goes_on(charseq: Command) -> None:
    Path("run", TIMING).mkdir(parents=True)
    assert charseq("train", "--text", "hihello", "--epochs", "2", "--out", "run").status == 0
    assert Path("run", TIMING).is_dir()
    assert list(times(Path("run"))) == []
    assert Path("run", LOG).read_text().count("\n") == 4


def test_damaged_lines_and_a_named_pipe_have_no_times() -> None:
    Path("run").mkdir()
    lines = ["", "{", '{"line": 2}', "[]", '{"line": 3, "passes": 1, "seconds": NaN}', '{"line": Infinity}']
    good = '{"line": 5, "passes": 2, "seconds": 0.5}'
    Path("run", TIMING).write_bytes("\n".join([*lines, good, good[:20]]).encode() + b"\xff")
    assert list(times(Path("run"))) == [Time(5, 2.0, 0.5)]
    Path("run", TIMING).unlink()
    os.mkfifo(Path("run", TIMING))
    assert list(times(Path("run"))) == []


def test_the_times_are_removed_with_their_run(charseq: Command) -> None:
    train("run")
    assert charseq("runs", "remove", "run", "--yes").status == 0
    assert not Path("run").exists()

"""Random sequences of training, stopping, resuming, sharing, damage and loss: every state is valid."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from charseq.errors import CharseqError, ModelFileError
from charseq.events import End
from charseq.export import formats
from charseq.export.folder_reader import read_folder
from charseq.export.output import write
from charseq.inspection.reported_run import load_trained
from charseq.model.model_file import read
from charseq.runs.resume import load_run
from tests.support.runs import MODEL, OUT, never_stop, resume_run, stop_after, train_run

TEXTS = ("hihello", "abcab")
PLAN: dict[str, Any] = {"epochs": 6, "cell": "gru", "hidden_size": 5, "until_learned": False, "dropout": 0.3}


class Runs(RuleBasedStateMachine):
    """One run's folder, and what is known to have been done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.before = Path.cwd()
        self.folder = tempfile.mkdtemp()
        os.chdir(self.folder)
        train_run(TEXTS, stop=never_stop, **PLAN)
        self.finished = MODEL.read_bytes()
        shutil.rmtree(OUT)
        self.whole, self.over, self.logged = False, False, False
        """Whether the model file is as it was written, of a run that is at its end, and has its whole log."""

    def teardown(self) -> None:
        os.chdir(self.before)
        shutil.rmtree(self.folder)

    @rule(steps=st.integers(1, 15))
    def train(self, steps: int) -> None:
        end = train_run(TEXTS, stop=stop_after(steps), **PLAN)[-1]
        assert isinstance(end, End)
        self.whole, self.over, self.logged = True, end.status == "completed", True

    @precondition(lambda self: self.whole and not self.over)
    @rule(steps=st.integers(1, 15))
    def go_on(self, steps: int) -> None:
        end = resume_run(TEXTS, stop=stop_after(steps))[-1]
        assert isinstance(end, End)
        self.over = end.status == "completed"

    @precondition(lambda self: not self.whole or self.over)
    @rule()
    def cannot_go_on(self) -> None:
        with pytest.raises(CharseqError):
            resume_run(TEXTS)

    @precondition(lambda self: self.whole)
    @rule()
    def share(self) -> None:
        run, model = load_trained(str(OUT))
        write(Path("shared"), formats.export("safetensors", run, model).files, is_folder=True, force=True)
        imported = read_folder(Path("shared"))
        assert all(imported.arrays[name].tobytes() == a.tobytes() for name, a in read(MODEL).arrays.items())

    @precondition(lambda self: self.whole)
    @rule(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
    def damage(self, place: float, bit: int) -> None:
        data = bytearray(MODEL.read_bytes())
        data[int(place * len(data))] ^= 1 << bit
        MODEL.write_bytes(data)
        self.whole = False

    @precondition(lambda self: self.whole)
    @rule(part=st.floats(0, 1, exclude_max=True))
    def cut(self, part: float) -> None:
        os.truncate(MODEL, int(part * MODEL.stat().st_size))
        self.whole = False

    @rule(name=st.sampled_from(["model.safetensors", "log.ndjson", ".lock"]))
    def remove(self, name: str) -> None:
        (OUT / name).unlink(missing_ok=True)
        self.whole = self.whole and MODEL.exists()
        self.logged = self.logged and name != "log.ndjson"

    @precondition(lambda self: OUT.exists())
    @rule(name=st.sampled_from([".lock", ".model.safetensors.123.tmp", ".log.ndjson.9.tmp"]))
    def leave_behind(self, name: str) -> None:
        (OUT / name).write_bytes(b"77\n")

    @invariant()
    def what_is_whole_is_read_and_what_is_not_is_never_taken_for_it(self) -> None:
        if self.whole:
            read(MODEL)
            load_run(MODEL)
        else:
            with pytest.raises(ModelFileError):
                load_run(MODEL)

    @invariant()
    def what_is_finished_is_what_an_uninterrupted_run_has_made(self) -> None:
        if self.whole and self.over and self.logged:
            assert MODEL.read_bytes() == self.finished


@pytest.mark.parametrize("examples", [15, pytest.param(500, marks=pytest.mark.long)])
def test_any_sequence_of_events_leads_to_a_state_that_the_rules_allow(examples: int) -> None:
    run_state_machine_as_test(
        Runs, settings=settings(max_examples=examples, stateful_step_count=10, deadline=None)
    )

"""Event files for TensorBoard: TensorBoard itself reads them."""

import math
import sys
from pathlib import Path
from typing import Any

import pytest

from charseq.events import Epoch, Event, Start
from charseq.render.base import NoOutput
from charseq.render.tensorboard import WithTensorBoard
from charseq.runs.folder import LOG, MODEL
from charseq.settings.train_settings import TrainSettings
from tests.support.command import Command
from tests.support.training import LONG

accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

TINY = ("--cell", "gru", "--hidden-size", "5")


def read(folder: str) -> Any:
    accumulator = accumulators.EventAccumulator(folder, {accumulators.TENSORS: 0, accumulators.SCALARS: 0})
    return accumulator.Reload()


def scalars(folder: str, tag: str) -> dict[int, float]:
    events = read(folder).Scalars(tag)
    steps = [event.step for event in events]
    assert steps == sorted(set(steps))
    return {event.step: event.value for event in events}


def text(folder: str, tag: str) -> str:
    return str(read(folder).Tensors(tag)[-1].tensor_proto.string_val[0].decode())


def test_every_measurement_is_a_scalar_at_the_characters_read(charseq: Command) -> None:
    Path("long.txt").write_text(LONG)
    start, *epochs, _ = charseq.train("--file", "long.txt", "--epochs", "3", *TINY, "--tensorboard", "tb")
    steps = [start["training_characters"] * n for n in (1, 2, 3)]
    for tag, name in {
        "loss/training": "loss",
        "loss/validation": "validation_loss",
        "loss/network_validation": "network_validation_loss",
        "loss/ngram_validation": "ngram_validation_loss",
        "accuracy/validation": "validation_accuracy",
        "learning_rate": "learning_rate",
    }.items():
        found = scalars("tb/0001-gru", tag)
        assert list(found) == steps
        assert list(found.values()) == pytest.approx([epoch[name] for epoch in epochs], rel=1e-6)
    *_, sample = (epoch["sample"] for epoch in epochs if epoch["sample"] is not None)
    lines = sample.rstrip("\n").split("\n")
    assert text("tb/0001-gru", "sample") == "\n".join(f"    {line}" for line in lines)


def test_settings_and_hostile_text_are_text(charseq: Command) -> None:
    charseq.train("--text", "a|`\x1b<b>", "--epochs", "2", *TINY, "--tensorboard", "tb", "--seed", "7")
    table = text("tb/0001-gru", "hyperparameters").splitlines()
    assert {"| cell | `gru` |", "| hidden_size | `5` |", "| seed | `7` |"} <= set(table)
    assert r"| text | `a\|'\x1b<b>` |" in table
    assert text("tb/0001-gru", "prediction").startswith("    ")


def test_a_resumed_run_continues_without_duplicate_steps(charseq: Command) -> None:
    options = ("--text", "hihello", *TINY, "--out", "run", "--tensorboard", "tb")
    first = charseq.train(*options, "--epochs", "3")
    second = charseq.train("--resume", "run", "--epochs", "5", "--tensorboard", "tb")
    found = scalars("tb/run", "loss/training")
    assert list(found) == [6, 12, 18, 24, 30]
    losses = [event["loss"] for event in (*first[1:-1], *second[1:-1])]
    assert list(found.values()) == pytest.approx(losses, rel=1e-6)
    assert len(list(Path("tb/run").iterdir())) == 2


def start(run: str = "runs/0001-gru", resumed: float | None = None) -> Start:
    given: dict[str, Any] = {
        "vocabulary_size": 1,
        "parameters": 1,
        "characters": 101,
        "sequences": 1,
        "unit": "character",
        "normalization": "none",
        "symbols": ("a",),
        "path": "fused",
        "settings": TrainSettings(),
        "device": "cpu",
        "kernel": "step",
        "training_characters": 100,
    }
    return Start(**given, run=run, resumed=resumed)


def epoch(passes: float, loss: float) -> Epoch:
    ids: list[list[int]] = [[0]]
    return Epoch(1, loss, 0.5, "a", "a", ids, ids, None, 1.0, 0.1, 1.0, 0.5, passes)


def write(*events: Event) -> WithTensorBoard:
    renderer = WithTensorBoard(NoOutput[Event](), Path("tb"))
    with renderer:
        for event in events:
            renderer.show(event)
    return renderer


def test_steps_after_the_resumed_state_are_replaced() -> None:
    write(start(), epoch(1.0, 5.0), epoch(2.0, 4.0), epoch(3.0, 3.0))
    write(start(resumed=1.5), epoch(2.0, 2.0))
    assert scalars("tb/0001-gru", "loss/training") == {100: 5.0, 200: 2.0}
    assert [event.step for event in read("tb/0001-gru").Tensors("hyperparameters")] == [0, 151]


def test_steps_that_are_trained_again_after_divergence_are_replaced() -> None:
    write(start(), epoch(0.5, 5.0), epoch(0.75, 4.0), epoch(0.5, 3.0), epoch(1.0, math.nan))
    assert scalars("tb/0001-gru", "loss/training") == {50: 3.0}
    assert list(scalars("tb/0001-gru", "passes")) == [50, 100]


def test_runs_of_equal_names_have_folders_of_their_own_and_a_replaced_run_starts_anew() -> None:
    for run, loss in (("a/x", 1.0), ("b/x", 2.0), ("a/x", 3.0)):
        write(start(run), epoch(1.0, loss))
    assert sorted(Path("tb").iterdir()) == [Path("tb/x"), Path("tb/x-2")]
    assert scalars("tb/x", "loss/training") == {100: 3.0}
    assert scalars("tb/x-2", "loss/training") == {100: 2.0}


def test_the_model_and_the_log_are_the_same_with_event_files_and_without(charseq: Command) -> None:
    files = []
    for more in ((), ("--tensorboard", "tb")):
        charseq.train("--text", "hihello", "--epochs", "3", *TINY, "--out", "run", "--force", *more)
        files.append([Path("run", name).read_bytes() for name in (MODEL, LOG)])
    assert files[0] == files[1]


@pytest.mark.parametrize("moment", [0, 1, 5])
def test_a_full_disk_is_reported_and_training_goes_on(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    written = iter(range(100))

    def refuse(self: WithTensorBoard, step: int, **content: Any) -> None:
        if next(written) >= moment:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(WithTensorBoard, "_write", refuse)
    options = ("--text", "hihello", "--epochs", "4", *TINY)
    result = charseq("train", *options, "--tensorboard", "tb", "--quiet")
    assert result.status == 0
    assert result.errors == (
        "cannot write events for TensorBoard in 'tb': No space left on device\n"
        "  free disk space; training went on without them\n"
    )
    assert Path("runs/0001-gru/log.ndjson").read_text().count("\n") == 6


def test_a_folder_that_cannot_be_written_is_refused_before_training(charseq: Command) -> None:
    Path("file").touch()
    result = charseq("train", "--text", "hihello", "--tensorboard", "file/tb")
    assert (result.status, len(result.errors.splitlines())) == (1, 2)
    assert "cannot create 'file/tb'" in result.errors
    assert not Path("runs").exists()


def test_without_tensorboard_the_package_is_named(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    result = charseq("train", "--text", "hihello", "--tensorboard", "tb")
    assert result.status == 2
    assert result.errors.splitlines() == [
        "charseq: --tensorboard requires the package tensorboard", "  pip install tensorboard"
    ]  # fmt: skip
    assert not Path("tb").exists()

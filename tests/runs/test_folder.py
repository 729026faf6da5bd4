import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from charseq.cli.completions import models
from charseq.errors import CharseqError, ModelFileError, UsageError
from charseq.runs.folder import new_run, runs_folder
from charseq.runs.model_paths import model_path
from charseq.runs.numbers import numbered_runs


def make(cell: str, *, trained: bool = True) -> Path:
    run = new_run(cell)
    run.close()
    if trained:
        run.model.write_bytes(b"model")
    return run.folder


def test_runs_are_numbered_and_never_overwritten() -> None:
    assert [make("lstm"), make("gru"), make("lstm")] == [
        Path("runs/0001-lstm"),
        Path("runs/0002-gru"),
        Path("runs/0003-lstm"),
    ]


def test_the_next_number_is_past_the_highest_whatever_is_missing() -> None:
    Path("runs/0041-mine").mkdir(parents=True)
    Path("runs/notes").mkdir()
    assert make("gru") == Path("runs/0042-gru")


def test_runs_with_reserved_numbers_may_be_created_in_any_order() -> None:
    for number in (3, 1, 2):
        new_run("gru", comparison=Path("runs/0001-compare"), number=number).close()
    assert [run.name for run in numbered_runs(Path("runs/0001-compare"))] == [
        "0001-gru",
        "0002-gru",
        "0003-gru",
    ]
    assert [path.name for path in Path("runs/0001-compare").glob(".last-*")] == [".last-0003"]
    with pytest.raises(CharseqError, match="cannot create"):
        new_run("gru", comparison=Path("runs/0001-compare"), number=2)


def test_the_newest_run_with_a_model_is_selected() -> None:
    make("lstm")
    newest = make("gru")
    make("rnn", trained=False)
    assert model_path(None) == newest / "model.safetensors"


def test_more_than_9999_runs_stay_in_order() -> None:
    for number in (9999, 10000):
        Path(f"runs/{number}-gru").mkdir(parents=True)
    assert [path.name for path in numbered_runs(Path("runs"))] == ["9999-gru", "10000-gru"]


def test_the_folder_of_runs_can_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARSEQ_RUNS", "other/place")
    assert make("gru") == Path("other/place/0001-gru")
    assert model_path(None) == Path("other/place/0001-gru/model.safetensors")


def test_a_model_is_named_by_its_run_or_by_its_file() -> None:
    folder = make("gru")
    assert model_path(str(folder)) == folder / "model.safetensors"
    Path("a.safetensors").touch()
    assert model_path("a.safetensors") == Path("a.safetensors")


def test_a_folder_without_a_model_is_named() -> None:
    with pytest.raises(ModelFileError, match=r"no model in the folder '\.'"):
        model_path(".")


def test_without_a_trained_model_the_message_says_how_to_train_one() -> None:
    with pytest.raises(ModelFileError) as caught:
        model_path(None)
    assert "charseq train" in caught.value.hint


def test_a_folder_that_holds_a_run_is_replaced_by_force_only() -> None:
    for force in (False, True):
        run = new_run("gru", Path("mine"), force=force)
        run.model.write_bytes(b"model")
        run.close()
        with pytest.raises(UsageError, match="'mine' already contains a run"):
            new_run("gru", Path("mine"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_log_that_cannot_be_written_is_named() -> None:
    run = new_run("gru", Path("mine"), force=True)
    run.log({"event": "start"})
    run.close()
    run._log = Path("/dev/full").open("w")  # noqa: SIM115 (the run closes it)
    with pytest.raises(CharseqError, match=r"'mine/log\.ndjson': No space left"):
        run.log({"event": "epoch"})
    run.close()


def test_a_log_is_never_written_through_a_link() -> None:
    Path("mine").mkdir()
    Path("precious").write_text("precious")
    Path("mine/log.ndjson").symlink_to("../precious")
    run = new_run("gru", Path("mine"), force=True)
    with pytest.raises(CharseqError, match="not a regular file"):
        run.log({"event": "start"})
    run.close()
    assert Path("precious").read_text() == "precious"


def test_a_folder_that_was_removed_is_made_again() -> None:
    run = new_run("gru")
    shutil.rmtree("runs")
    run.restore()
    assert run.folder.is_dir()
    run.close()


def test_a_folder_that_cannot_be_created_again_is_named() -> None:
    run = new_run("gru")
    shutil.rmtree("runs")
    Path("runs").write_bytes(b"")
    with pytest.raises(CharseqError, match="'runs/0001-gru' was removed") as caught:
        run.restore()
    assert caught.value.exit_code == 1
    assert "train again" in caught.value.hint
    run.close()


def test_a_file_where_the_folder_should_be_is_an_error() -> None:
    Path("mine").write_bytes(b"")
    with pytest.raises(UsageError, match="'mine' is not a folder"):
        new_run("gru", Path("mine"))
    with pytest.raises(UsageError, match="'mine/a/b' cannot be a folder: 'mine' is a file"):
        new_run("gru", Path("mine/a/b"))
    with pytest.raises(ModelFileError, match="no model 'mine/a': 'mine' is a file"):
        model_path("mine/a")


def test_a_file_in_place_of_the_folder_of_runs_is_named_with_a_remedy() -> None:
    Path("runs").write_bytes(b"")
    for use in (lambda: new_run("gru"), lambda: model_path(None), runs_folder):
        with pytest.raises(UsageError, match="'runs' is a file") as caught:
            use()
        assert "CHARSEQ_RUNS" in caught.value.hint
    assert models("") == []


def test_a_deleted_current_folder_is_named_with_a_remedy() -> None:
    here = Path("here").absolute()
    here.mkdir()
    os.chdir(here)
    here.rmdir()
    for use in (lambda: new_run("gru"), lambda: model_path(None)):
        with pytest.raises(CharseqError, match="the current folder has been deleted") as caught:
            use()
        assert "cd" in caught.value.hint
    assert models("") == []
    os.chdir(here.parent)


def test_the_number_of_a_removed_run_is_not_used_again() -> None:
    make("lstm")
    shutil.rmtree(make("gru"))
    assert make("rnn") == Path("runs/0003-rnn")
    shutil.rmtree("runs/0001-lstm")
    shutil.rmtree("runs/0003-rnn")
    assert make("rnn") == Path("runs/0004-rnn")
    assert [path.name for path in Path("runs").glob(".*")] == [".last-0004"]


@pytest.mark.parametrize("record", [None, ".last-", ".last-12x4", ".last-" + "9" * 100])
def test_without_a_readable_record_the_present_runs_are_counted(record: str | None) -> None:
    make("lstm")
    make("gru")
    Path("runs/.last-0002").unlink()
    if record:
        Path("runs", record).touch()
    assert make("rnn") == Path("runs/0003-rnn")


def test_a_record_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", refuse)
    assert [make("lstm"), make("gru")] == [Path("runs/0001-lstm"), Path("runs/0002-gru")]


def test_runs_that_are_created_and_removed_concurrently_get_different_numbers() -> None:
    def make_some(cell: str) -> list[str]:
        made = [make(cell, trained=False) for _ in range(10)]
        for folder in made[::2]:
            shutil.rmtree(folder)
        return [folder.name.split("-")[0] for folder in made]

    with ThreadPoolExecutor(4) as pool:
        numbers = [number for made in pool.map(make_some, ["a", "b", "c", "d"]) for number in made]
    assert len(set(numbers)) == 40


def test_a_run_that_has_not_saved_yet_is_still_training() -> None:
    run = new_run("gru")
    for name in (None, "runs/0001-gru", "runs/0001-gru/model.safetensors"):
        with pytest.raises(ModelFileError, match="'runs/0001-gru' is still training") as caught:
            model_path(name)
        assert f"process {os.getpid()}" in caught.value.message
        assert "--save-every" in caught.value.hint
    run.close()


def test_a_run_that_ended_before_it_saved_says_so() -> None:
    make("gru", trained=False)
    for name in (None, "runs/0001-gru", "runs/0001-gru/model.safetensors"):
        with pytest.raises(ModelFileError, match="'runs/0001-gru' has no model: its training ended"):
            model_path(name)
    run = new_run("gru", Path("mine"))
    run.log({"event": "start"})
    run.close()
    with pytest.raises(ModelFileError, match="'mine' has no model") as caught:
        model_path("mine")
    assert "charseq train" in caught.value.hint


def test_two_runs_created_at_the_same_moment_get_different_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = Path.mkdir

    def beaten(path: Path, *arguments: Any, **options: Any) -> None:
        plain(path, *arguments, **options)
        if path.name == "0001-lstm":
            plain(path.with_name("0001-gru"))

    monkeypatch.setattr(Path, "mkdir", beaten)
    assert make("lstm") == Path("runs/0002-lstm")
    assert [path.name for path in numbered_runs(Path("runs"))] == ["0001-gru", "0002-lstm"]

import shutil
from pathlib import Path

import pytest

from charseq.errors import CharseqError, ModelFileError, UsageError
from charseq.runs import model_path, new_run, numbered


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


def test_the_newest_run_with_a_model_is_taken() -> None:
    make("lstm")
    newest = make("gru")
    make("rnn", trained=False)
    assert model_path(None) == newest / "model.safetensors"


def test_past_9999_runs_stay_in_order() -> None:
    for number in (9999, 10000):
        Path(f"runs/{number}-gru").mkdir(parents=True)
    assert [path.name for path in numbered(Path("runs"))] == ["9999-gru", "10000-gru"]


def test_the_folder_of_runs_can_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARSEQ_RUNS", "other/place")
    assert make("gru") == Path("other/place/0001-gru")
    assert model_path(None) == Path("other/place/0001-gru/model.safetensors")


def test_a_model_is_named_by_its_run_or_by_its_file() -> None:
    folder = make("gru")
    assert model_path(str(folder)) == folder / "model.safetensors"
    assert model_path("a/file.safetensors") == Path("a/file.safetensors")


def test_a_folder_without_a_model_is_named() -> None:
    with pytest.raises(ModelFileError, match=r"no model in the folder '\.'"):
        model_path(".")


def test_without_a_trained_model_the_message_tells_how_to_get_one() -> None:
    with pytest.raises(ModelFileError) as caught:
        model_path(None)
    assert "charseq train" in caught.value.hint


def test_a_folder_that_holds_a_run_is_replaced_by_force_only() -> None:
    for force in (False, True):
        run = new_run("gru", Path("mine"), force=force)
        run.model.write_bytes(b"model")
        run.close()
        with pytest.raises(UsageError, match="'mine' already holds a run"):
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


def test_a_folder_that_cannot_be_made_again_is_named() -> None:
    run = new_run("gru")
    shutil.rmtree("runs")
    Path("runs").write_bytes(b"")
    with pytest.raises(CharseqError, match="'runs/0001-gru' is gone") as caught:
        run.restore()
    assert caught.value.status == 1
    assert "train again" in caught.value.hint
    run.close()


def test_a_file_where_the_folder_should_be_is_an_error() -> None:
    Path("mine").write_bytes(b"")
    with pytest.raises(UsageError, match="'mine' is not a folder"):
        new_run("gru", Path("mine"))
    Path("runs").write_bytes(b"")
    with pytest.raises(CharseqError):
        new_run("gru")

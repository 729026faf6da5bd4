"""charseq runs remove deletes what charseq has made, and nothing else."""

import os
import re
from pathlib import Path

import pytest

from charseq.runs.lock import Lock
from tests.support.command import Command
from tests.support.forks import exit_code, fork_on_a_terminal, run_charseq

FAST = ("--cell", "gru", "--hidden-size", "3", "--epochs", "1")
RUN = Path("runs/0001-gru")


@pytest.fixture
def trained(charseq: Command) -> Command:
    for text in ("hihello", "world", "yes"):
        charseq.train("--text", text, *FAST)
    return charseq


@pytest.mark.parametrize("name", ["0001-gru", "runs/0001-gru", "runs/0001-gru/", "./runs/../runs/0001-gru"])
def test_a_run_is_removed_by_its_name_or_its_path(trained: Command, name: str) -> None:
    size = sum(path.stat().st_size for path in RUN.iterdir())
    result = trained("runs", "remove", name, "--yes", "--json")
    assert result.status == 0
    (record,) = result.records
    assert (record["cell"], record["text"], record["bytes"]) == ("gru", "hihello", size)
    assert sorted(path.name for path in Path("runs").glob("0*")) == ["0002-gru", "0003-gru"]


def test_several_runs_are_removed_each_once(trained: Command) -> None:
    result = trained("runs", "remove", "0003-gru", "runs/0003-gru", "0001-gru", "--yes")
    assert [line.split("\t")[0] for line in result.output.splitlines()] == [
        "run", "runs/0003-gru", "runs/0001-gru"
    ]  # fmt: skip
    assert "removed 2 runs" in result.errors


def test_the_number_of_a_removed_run_is_not_used_again(trained: Command) -> None:
    for record in Path("runs").glob(".last-*"):
        record.unlink()  # as in a copy of the visible files
    trained("runs", "remove", "0003-gru", "--yes")
    assert trained.train("--text", "abc", *FAST)[0]["run"] == "runs/0004-gru"


def test_without_a_terminal_and_without_yes_nothing_is_removed(trained: Command) -> None:
    result = trained("runs", "remove", "0001-gru")
    assert (result.status, result.output) == (2, "")
    assert result.errors.splitlines()[1] == "  add --yes"
    assert (RUN / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("answer", "status"), [(b"y\n", 0), (b"YES\n", 0), (b"n\n", 1), (b"\n", 1), (b"\4", 1)]
)
def test_on_a_terminal_a_question_lists_what_is_deleted(trained: Command, answer: bytes, status: int) -> None:
    there = {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "80", "LINES": "24"}
    process, terminal = fork_on_a_terminal(run_charseq, ("runs", "remove", "0001-gru", "0003-gru"), there)
    sent = b""
    while b"? [y/N] " not in sent:
        sent += os.read(terminal, 65536)
    os.write(terminal, answer)
    assert exit_code(process) == status
    os.close(terminal)
    lines = re.sub(r"\x1b\[\d*m", "", sent.decode()).splitlines()
    assert lines[0].split() == ["run", "cell", "text", "size"]
    assert lines[1].split()[:3] == ["runs/0001-gru", "gru", "hihello"]
    assert lines[2].split()[:3] == ["runs/0003-gru", "gru", "yes"]
    assert "delete 2 runs, " in lines[3]
    assert RUN.exists() == (status == 1)


def test_a_run_that_is_training_is_refused_with_its_process(trained: Command) -> None:
    lock = Lock(RUN)
    result = trained("runs", "remove", "0002-gru", "0001-gru", "--yes")
    lock.release()
    assert result.status == 2
    assert f"'runs/0001-gru' is training (process {os.getpid()})" in result.errors
    assert Path("runs/0002-gru").is_dir()


def test_other_files_in_a_run_are_kept_with_their_folder(trained: Command) -> None:
    (RUN / "notes.txt").write_text("important")
    (RUN / "link").symlink_to("notes.txt")
    result = trained("runs", "remove", "0001-gru", "--yes")
    assert result.status == 0
    assert "runs/0001-gru is kept: it has files that charseq did not make" in result.errors
    assert sorted(path.name for path in RUN.iterdir()) == ["link", "notes.txt"]


def test_files_that_a_killed_run_left_are_removed(trained: Command) -> None:
    for name in (".lock", ".log.ndjson.new", ".model.safetensors.123.tmp", ".log.ndjson.7.tmp"):
        (RUN / name).touch()
    Path("runs/0004-lstm").mkdir()
    assert trained("runs", "remove", "0001-gru", "0004-lstm", "--yes").status == 0
    assert not RUN.exists()
    assert not Path("runs/0004-lstm").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "log.ndjson", "other.txt"])
def test_a_folder_that_charseq_did_not_make_is_refused(trained: Command, name: str) -> None:
    for folder in (Path("photos"), Path("2024-photos"), Path("2024-compare")):
        folder.mkdir()
        (folder / name).write_text("mine")
        result = trained("runs", "remove", str(folder), "--yes")
        assert result.status == 2
        assert f"'{folder}' is not the folder of a run" in result.errors
        assert (folder / name).read_text() == "mine"


def test_the_folder_of_runs_itself_is_refused(trained: Command) -> None:
    for name in ("runs", "."):
        assert trained("runs", "remove", name, "--yes").status == 2
    assert RUN.is_dir()


def test_a_symbolic_link_is_refused(trained: Command) -> None:
    Path("runs/0009-gru").symlink_to("0001-gru")
    Path("runs/0010-compare").mkdir()
    Path("runs/0010-compare/0001-gru").symlink_to("../0001-gru")
    for name, message in (("0009-gru", "is a symbolic link"), ("0010-compare", "is not the folder of a run")):
        result = trained("runs", "remove", name, "--yes")
        assert result.status == 2
        assert message in result.errors
    assert (RUN / "model.safetensors").is_file()


def test_a_model_that_is_a_link_to_another_file_leaves_that_file(trained: Command) -> None:
    Path("precious").write_bytes((RUN / "model.safetensors").read_bytes())
    (RUN / "model.safetensors").unlink()
    (RUN / "model.safetensors").symlink_to("../../precious")
    trained("runs", "remove", "0001-gru", "--yes")
    assert Path("precious").is_file()
    assert [path.name for path in RUN.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("0001-gr", "did you mean '0001-gru'"),
        ("nothing", "there is no run 'nothing'"),
        ("runs/0001-gru/model.safetensors", "is a file, not a run's folder"),
    ],
)
def test_a_name_that_is_no_run_is_an_error(trained: Command, name: str, message: str) -> None:
    result = trained("runs", "remove", "0002-gru", name, "--yes")
    assert result.status == 2
    assert message in result.errors
    assert Path("runs/0002-gru").is_dir()


def test_a_comparison_is_removed_with_its_runs(charseq: Command) -> None:
    for _ in range(2):
        charseq("compare", "--text", "hihello", "--cells", "gru,rnn", "--epochs", "1")
    result = charseq("runs", "remove", "0001-compare", "--yes")
    assert "removed 2 runs" in result.errors
    assert not Path("runs/0001-compare").exists()
    one_by_one = ("0002-compare/0001-gru", "runs/0002-compare/0002-rnn")
    for name in one_by_one:
        assert charseq("runs", "remove", name, "--yes").status == 0
    assert not Path("runs/0002-compare").exists()
    assert "no runs in 'runs'" in charseq("runs").errors


def test_a_run_in_another_folder_is_removed_by_its_path(charseq: Command) -> None:
    charseq.train("--text", "hihello", *FAST, "--out", "models/best")
    assert charseq("runs", "remove", "models/best", "--yes").status == 0
    assert not Path("models/best").exists()
    assert Path("models").is_dir()


def test_runs_without_a_model_and_comparisons_are_completed(charseq: Command) -> None:
    from charseq.cli.completions import runs

    charseq("compare", "--text", "hihello", "--cells", "gru", "--epochs", "1")
    Path("runs/0002-lstm").mkdir()
    assert runs("") == ["runs/0002-lstm", "runs/0001-compare", "runs/0001-compare/0001-gru"]
    assert runs("0002") == ["0002-lstm"]

"""Errors of the system are reported with its reason and a remedy, and leave no files."""

import errno
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from charseq import api
from charseq.errors import CharseqError, ModelFileError, TextError
from charseq.model.model_file import read
from charseq.runs import lock
from charseq.runs.folder import new_run, reopen_run
from charseq.runs.lock import Lock
from charseq.system.file_errors import REMEDIES, reason, remedy
from charseq.text.files import open_file
from charseq.text.sources import TextSource
from charseq.text.vocabulary import Vocabulary
from tests.support.command import Command
from tests.support.models import lstm_model

HINTS = {
    errno.ENOSPC: "free disk space",
    errno.EACCES: "check its permissions",
    errno.EROFS: "make the file system writable",
    errno.EDQUOT: "disk quota",
    errno.EIO: "check the disk",
    errno.EMFILE: "ulimit -n",
}
Refuse = Callable[..., None]
each_error = pytest.mark.parametrize("number", HINTS, ids=errno.errorcode.get)
TINY: dict[str, Any] = {"epochs": 1, "hidden_size": 2, "cell": "gru"}


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Let a function raise an OSError for some arguments."""

    def prepare(owner: Any, name: str, number: int, when: Callable[..., bool] = lambda *a, **k: True) -> None:
        plain = getattr(owner, name)

        def refusing(*arguments: Any, **options: Any) -> Any:
            if when(*arguments, **options):
                raise OSError(number, os.strerror(number))
            return plain(*arguments, **options)

        monkeypatch.setattr(owner, name, refusing)

    return prepare


def require_reason_and_remedy(error: CharseqError, number: int) -> None:
    assert os.strerror(number) in error.message
    assert HINTS[number] in error.hint
    for other, hint in HINTS.items():
        assert other == number or hint not in error.hint


def all_files() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*"))


CALLS = [(os, "write"), (os, "ftruncate")]


@each_error
@pytest.mark.parametrize(("owner", "name"), CALLS, ids=["write", "ftruncate"])
def test_a_lock_that_cannot_be_written_is_removed(refuse: Refuse, owner: Any, name: str, number: int) -> None:
    refuse(owner, name, number)
    with pytest.raises(OSError, match=os.strerror(number)):
        Lock(Path())
    assert all_files() == []


@each_error
@pytest.mark.parametrize(("owner", "name"), CALLS, ids=["write", "ftruncate"])
def test_a_run_that_cannot_be_locked_is_neither_created_nor_resumed(
    refuse: Refuse, owner: Any, name: str, number: int
) -> None:
    list(api.train("hihello", out="run", **TINY))
    before = all_files()
    refuse(owner, name, number)
    for begin in (
        lambda: reopen_run(Path("run"), 1),
        lambda: new_run("gru", Path("out")),
        lambda: new_run("gru", Path("run"), force=True),
        lambda: list(api.train(resume="run", epochs=9)),
        lambda: list(api.train("hihello", out="out", **TINY)),
    ):
        with pytest.raises(CharseqError) as caught:
            begin()
        require_reason_and_remedy(caught.value, number)
        assert all_files() == before


def test_a_numbered_run_that_cannot_be_locked_leaves_no_folder(refuse: Refuse) -> None:
    refuse(os, "write", errno.ENOSPC)
    with pytest.raises(CharseqError, match="cannot create a run in 'runs'"):
        new_run("gru")
    assert [path for path in all_files() if "0001-gru" in path] == []


@each_error
def test_a_log_that_cannot_be_read_leaves_no_lock(refuse: Refuse, number: int) -> None:
    list(api.train("hihello", out="run", **TINY))
    before = all_files()
    refuse(Path, "open", number, lambda path, *a, **k: path.name == "log.ndjson")
    with pytest.raises(CharseqError) as caught:
        reopen_run(Path("run"), 1)
    require_reason_and_remedy(caught.value, number)
    assert all_files() == before


@each_error
@pytest.mark.parametrize("name", ["fsync", "open"])
def test_a_file_that_cannot_be_replaced_is_untouched(refuse: Refuse, name: str, number: int) -> None:
    from charseq.model.atomic_write import replace

    path = Path("file")
    path.write_bytes(b"old")
    refuse(os, name, number)
    with pytest.raises(CharseqError) as caught:
        replace(path, b"new")
    require_reason_and_remedy(caught.value, number)
    assert caught.value.hint.endswith("the previous file is unchanged")
    assert (path.read_bytes(), all_files()) == (b"old", ["file"])


@each_error
def test_a_run_whose_log_cannot_be_created_leaves_no_folder(refuse: Refuse, number: int) -> None:
    refuse(os, "fsync", number)
    with pytest.raises(CharseqError) as caught:
        list(api.train("hihello", out="out", **TINY))
    require_reason_and_remedy(caught.value, number)
    assert all_files() == []


@each_error
def test_a_folder_that_cannot_be_created_is_reported(refuse: Refuse, number: int) -> None:
    refuse(Path, "mkdir", number)
    for out in (None, Path("out")):
        with pytest.raises(CharseqError) as caught:
            new_run("gru", out)
        require_reason_and_remedy(caught.value, number)
        assert "choose another folder with --out or CHARSEQ_RUNS" in caught.value.hint


@each_error
def test_a_model_that_cannot_be_read_is_reported(refuse: Refuse, number: int) -> None:
    from charseq.model.model_file import write

    path = Path("model.safetensors")
    write(path, lstm_model())
    refuse(Path, "open", number)
    with pytest.raises(ModelFileError) as caught:
        read(path)
    require_reason_and_remedy(caught.value, number)


@each_error
def test_a_text_that_cannot_be_opened_is_reported(refuse: Refuse, number: int) -> None:
    refuse(Path, "open", number)
    with pytest.raises(TextError) as caught:
        open_file("text.txt")
    require_reason_and_remedy(caught.value, number)


class Broken(io.BytesIO):
    """Standard input that cannot be read."""

    number = errno.EIO

    def read(self, size: int | None = -1) -> bytes:
        raise OSError(self.number, os.strerror(self.number))

    def read1(self, size: int | None = -1) -> bytes:
        return self.read()


@each_error
def test_standard_input_that_cannot_be_read_is_reported(number: int) -> None:
    source = Broken(b"hihello")
    source.number = number
    with (
        pytest.raises(TextError, match="cannot read standard input") as caught,
        TextSource(files=("-",)).opened(source),
    ):
        pass
    require_reason_and_remedy(caught.value, number)


@pytest.mark.parametrize(
    "command",
    [
        ("predict", "-"),
        ("score", "-"),
        ("score", "-", "--lines"),
        ("inspect-shapes", "-"),
        ("train", "--file", "-"),
    ],
)
def test_every_command_reports_standard_input_that_cannot_be_read(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    charseq.train("--text", "hihello", "--epochs", "1", "--hidden-size", "2")
    broken = SimpleNamespace(BytesIO=Broken, TextIOWrapper=io.TextIOWrapper)
    monkeypatch.setattr("tests.support.command.io", broken)
    result = charseq(*command)
    assert result.status == 2, result.errors
    assert "cannot read standard input: Input/output error" in result.errors


@each_error
def test_standard_input_that_cannot_be_stored_names_the_temporary_folder(refuse: Refuse, number: int) -> None:
    refuse(tempfile.SpooledTemporaryFile, "write", number)
    opened = TextSource(files=("-",)).opened(io.BytesIO(b"hihello"))
    with pytest.raises(CharseqError, match="cannot save standard input") as caught, opened:
        pass
    require_reason_and_remedy(caught.value, number)
    assert "TMPDIR" in caught.value.hint


@each_error
def test_text_that_cannot_be_encoded_names_the_temporary_folder(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    from charseq.text.encoding import EncodedCorpus

    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 1)
    Path("text.txt").write_text("hihello" * 9)
    refuse(tempfile, "TemporaryFile", number)
    with (
        TextSource(files=("text.txt",)).opened(io.BytesIO()) as corpus,
        pytest.raises(CharseqError) as caught,
    ):
        EncodedCorpus(corpus, Vocabulary.of(["hihello"]))
    require_reason_and_remedy(caught.value, number)
    assert "TMPDIR" in caught.value.hint


def test_a_full_disk_is_reported_when_a_run_is_resumed(charseq: Command, refuse: Refuse) -> None:
    charseq.train("--text", "hihello", "--epochs", "1", "--hidden-size", "2", "--out", "run")
    refuse(os, "write", errno.ENOSPC)
    result = charseq("train", "--resume", "run", "--epochs", "3")
    assert result.status == 1
    assert result.errors.splitlines()[-2:] == [
        "charseq: cannot resume in 'run': No space left on device",
        "  free disk space",
    ]
    assert not (Path("run") / lock.NAME).exists()


def test_a_config_file_that_cannot_be_read_is_reported(charseq: Command) -> None:
    Path("options.toml").mkdir()
    result = charseq("train", "--text", "ab", "--config", "options.toml")
    assert result.status == 2
    assert "give a file, not a folder" in result.errors


def test_a_reason_without_a_known_remedy_has_no_remedy() -> None:
    odd = OSError(errno.EUCLEAN, "Structure needs cleaning")
    assert (reason(odd), remedy(odd)) == ("Structure needs cleaning", "")
    assert remedy(odd, "use --out") == "use --out"
    assert remedy(OSError(errno.ENOSPC, "full"), "use --out") == "free disk space, or use --out"
    assert reason(ValueError("embedded null byte")) == "embedded null byte"


def test_every_remedy_is_for_an_error_number_of_this_system() -> None:
    assert set(REMEDIES) <= set(errno.errorcode)

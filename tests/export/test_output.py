"""Writing an export: whole or not at all, and nothing else is touched."""

import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from charseq.errors import CharseqError, UsageError
from charseq.export.output import require_free, write

ROOT = Path(__file__).parents[2]
FILES = {"model.safetensors": b"m" * 31, "config.json": b"{}", "README.md": b"# x"}
PATH = Path("shared")
traced = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="system calls are traced on Linux, x86-64",
)


def content(folder: Path = PATH) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def export(path: Path = PATH, *, force: bool = False, files: dict[str, bytes] = FILES) -> None:
    write(path, files, is_folder=True, force=force)


def rounds(kind: str, before: str, step: int = 1) -> list[dict[str, Any]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.support.tracing_exports", kind, before, str(step)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    if "Operation not permitted" in done.stderr:
        pytest.skip("this machine does not let a process trace its children")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@traced
@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("before", ["nothing", "old"])
def test_an_export_killed_at_any_system_call_leaves_a_whole_export_or_none(before: str, step: int) -> None:
    results = rounds("kill", before, step)
    assert len(results) > 60 / step
    states = {one["state"] for one in results}
    assert {before, "new"} <= states <= {before, "new", "nothing"}
    assert step > 1 or "nothing" in states
    for one in results:
        if one["state"] == "nothing" and before == "old":  # between two renames, both are there, hidden
            assert len(one["remaining"]) == 3
        assert "other" in one["remaining"]
        assert one["after"] == ["new", "other", "shared"]


@traced
@pytest.mark.parametrize("before", [pytest.param("nothing", marks=pytest.mark.long), "old"])
def test_any_system_call_of_an_export_that_fails_is_reported_and_leaves_the_former_one(before: str) -> None:
    results = rounds("fail", before)
    assert {"write", "fsync", "rename", "mkdir"} <= {one["result"][0] for one in results}
    for one in results:
        call, status = one["result"]
        assert one["after"] == ["new", "other", "shared"], one
        assert one["state"] in (before, "new"), one
        if one["state"] == before:
            assert status == 1, one
            assert one["remaining"] == (["other", "shared"] if before == "old" else ["other"]), one
        else:  # only the synchronization of the folder, or the removal of the former export, is left
            assert status == 0 or call in ("fsync", "open", "openat"), one


def test_a_folder_is_written_and_replaced_only_with_force() -> None:
    export()
    assert content() == FILES
    with pytest.raises(UsageError, match="already exists"):
        export()
    changed = {**FILES, "README.md": b"# y"}
    export(force=True, files=changed)
    assert content() == changed
    assert [path.name for path in Path().iterdir()] == ["shared"]


def test_an_empty_folder_is_filled() -> None:
    PATH.mkdir()
    export()
    assert content() == FILES


KEPT: dict[str, Callable[[], object]] = {
    "a file of somebody": lambda: (PATH / "precious").write_bytes(b"precious"),
    "a run": lambda: (PATH / "log.ndjson").write_bytes(b"{}"),
    "a folder in it": lambda: (PATH / "README.md").mkdir(),
    "half of an export": lambda: (PATH / "model.safetensors").write_bytes(b"m"),
}


@pytest.mark.parametrize("kind", KEPT)
def test_force_replaces_nothing_but_a_former_export(kind: str) -> None:
    PATH.mkdir()
    KEPT[kind]()
    before = sorted(PATH.iterdir())
    with pytest.raises(UsageError) as caught:
        export(force=True)
    assert "--force replaces only a former export" in caught.value.hint
    assert sorted(PATH.iterdir()) == before
    assert [path.name for path in Path().iterdir()] == ["shared"]


def test_a_link_is_never_followed() -> None:
    Path("elsewhere").mkdir()
    PATH.symlink_to("elsewhere")
    with pytest.raises(UsageError, match="is not a folder"):
        export(force=True)
    PATH.unlink()
    export()
    (PATH / "README.md").unlink()
    Path("precious").write_bytes(b"precious")
    (PATH / "README.md").symlink_to(Path("precious").resolve())
    export(force=True)
    assert Path("precious").read_bytes() == b"precious"
    assert content() == FILES
    assert not (PATH / "README.md").is_symlink()


@pytest.mark.parametrize("name", ["shared [1] *?", "-x", "한글", "a\nb", "...", "x" * 240])
def test_a_folder_may_have_any_name(name: str) -> None:
    export(Path(name))
    export(Path(name), force=True)
    assert content(Path(name)) == FILES
    assert [path.name for path in Path().iterdir()] == [name]


@pytest.mark.parametrize("name", ["", ".", "..", "/", "nothing/shared", "x" * 256, "\0", "a\0b"])
def test_an_impossible_name_is_refused(name: str) -> None:
    with pytest.raises(CharseqError) as caught:
        export(Path(name), force=True)
    assert caught.value.hint
    assert list(Path().iterdir()) == []


def test_a_former_export_gets_its_name_back_after_a_kill_between_two_renames() -> None:
    export()
    PATH.rename(".shared.123.old")
    with pytest.raises(UsageError, match="already exists"):
        require_free(PATH, is_folder=True, force=False)
    assert content() == FILES


def test_a_page_replaces_only_a_page() -> None:
    page = {"page": b"<!doctype html>\n<p>"}
    write(Path("page.html"), page, is_folder=False, force=False)
    write(Path("page.html"), {"page": b"<!DOCTYPE html>2"}, is_folder=False, force=True)
    Path("model.safetensors").write_bytes(b"precious")
    with pytest.raises(UsageError, match="is not an exported page"):
        write(Path("model.safetensors"), page, is_folder=False, force=True)
    Path("folder").mkdir()
    with pytest.raises(UsageError, match="is not a regular file"):
        write(Path("folder"), page, is_folder=False, force=True)
    assert Path("model.safetensors").read_bytes() == b"precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_an_error() -> None:
    Path("closed").mkdir(0o500)
    with pytest.raises(CharseqError, match="Permission denied"):
        export(Path("closed/shared"))


def test_an_export_beyond_the_limit_on_the_size_of_files_leaves_nothing() -> None:
    code = "from pathlib import Path; from charseq.export.output import write; "
    code += "write(Path('shared'), {'a': b'1', 'b': b'2' * 9999}, is_folder=True, force=False)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "File too large" in done.stderr
    assert list(Path().iterdir()) == []

"""charseq export and import at SIGTERM and SIGHUP: nothing unfinished is left."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.exports import exported, reported
from tests.support.models import lstm_model

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
SIGNALED = """
import os, signal, sys
from charseq.cli.app import run
def fsync(handle, known=os.fsync):
    known(handle)
    os.kill(os.getpid(), int(sys.argv[1]))
os.fsync = fsync
if sys.argv[2] == "ignored":
    signal.signal(int(sys.argv[1]), signal.SIG_IGN)
sys.exit(run(sys.argv[3:]))
"""
"""Run charseq; after the first write that reaches the disk, and each later one, there is a signal."""
COMMANDS = {
    "export": ["export", "model.safetensors", "-o", "kx"],
    "force": ["export", "model.safetensors", "-o", "kx", "--force"],
    "page": ["export", "model.safetensors", "--format", "html", "-o", "kx.html"],
    "import": ["import", "shared", "--out", "kx"],
    "new run": ["import", "shared"],
}


def signaled(python: str, number: int, kind: str, command: list[str]) -> int:
    arguments = [python, "-c", SIGNALED, str(int(number)), kind, *command]
    return subprocess.run(arguments, capture_output=True, timeout=60).returncode


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_terminated_removes_what_it_has_not_finished(
    light_python: str, name: str, number: int
) -> None:
    reported(lstm_model(), "model.safetensors")
    exported(lstm_model(), Path("shared"))
    if name == "force":
        exported(lstm_model(), Path("kx"))
        Path("kx/README.md").write_text("old")
    before = sorted(Path().rglob("*"))
    assert signaled(light_python, number, "default", COMMANDS[name]) == 143
    assert [path for path in sorted(Path().rglob("*")) if path.parts[0] != "runs"] == before
    assert not any(Path().glob("runs/0*"))
    if name == "force":
        assert Path("kx/README.md").read_text() == "old"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_that_was_ignored_stays_ignored(light_python: str, name: str) -> None:
    reported(lstm_model(), "model.safetensors")
    exported(lstm_model(), Path("shared"))
    assert signaled(light_python, signal.SIGHUP, "ignored", COMMANDS[name]) == 0

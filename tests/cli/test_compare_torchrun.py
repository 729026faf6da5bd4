"""`charseq compare` in several processes that torchrun, or another launcher, has started."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.processes import CHARSEQ

TRIALS = ("compare", "--text", "hihello", "--cells", "rnn,lstm,none")
ARGUMENTS = (*TRIALS, "--epochs", "7", "--hidden-size", "5")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "charseq")
MODEL = "runs/0001-compare/*/model.safetensors"


def free_port() -> int:
    """Return a port that nothing uses."""
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        port: int = there.getsockname()[1]
        return port


def start(rank: int, port: int, folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start one of two processes."""
    folder.mkdir(exist_ok=True)
    place = {"RANK": str(rank), "LOCAL_RANK": "0", "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*CHARSEQ, *ARGUMENTS, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **place, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)},
    )


def losses(output: str) -> dict[str, float]:
    """Return the losses of the trials in JSON lines."""
    records = [json.loads(line) for line in output.splitlines()]
    return {record["cell"]: record["loss"] for record in records if record["event"] == "trial"}


@pytest.mark.long
def test_torchrun_gives_the_results_of_one_process(charseq: Command) -> None:
    one = charseq(*ARGUMENTS, "--json")
    Path("runs").rename("one")
    ended = subprocess.run([*TORCHRUN, *ARGUMENTS, "--json"], capture_output=True, timeout=100)
    assert ended.returncode == 0, ended.stderr
    assert losses(ended.stdout.decode()) == losses(one.output)
    for name in ("0001-rnn", "0002-lstm", "0003-none"):
        model = Path("0001-compare") / name / "model.safetensors"
        assert ("runs" / model).read_bytes() == ("one" / model).read_bytes()


@pytest.mark.long
def test_without_a_shared_folder_each_machine_keeps_its_models() -> None:
    port = free_port()
    both = [start(rank, port, Path(f"machine-{rank}")) for rank in (0, 1)]
    (output, errors), (other_output, other_errors) = (process.communicate(timeout=100) for process in both)
    assert [process.returncode for process in both] == [0, 0], (errors, other_errors)
    assert len(output.splitlines()) == 4
    assert (other_output, other_errors) == (b"", b"")
    here, there = ([*Path(f"machine-{rank}").glob(MODEL)] for rank in (0, 1))
    assert len(here) + len(there) == 3
    if there:
        assert f"{len(there)} model{'s' * (len(there) > 1)} of 3 saved on other machines".encode() in errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--jobs", "2"), "--jobs cannot be combined with torchrun"),
        (("--file", "-"), "several processes cannot read the same standard input"),
    ],
)
def test_what_several_processes_cannot_do_is_refused(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    place = {
        "RANK": "1",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "1",
    }
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    result = charseq(*ARGUMENTS, *arguments)
    assert result.status == 2
    assert said in result.errors

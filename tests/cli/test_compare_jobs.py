"""`charseq compare --jobs N`: the trials of a comparison in several processes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from charseq.model.model_file import read
from tests.support.command import Command
from tests.support.processes import CHARSEQ
from tests.support.training import LONG

RUNS = Path("runs/0001-compare")
ENDLESS = ("compare", "--text", "hihello", "--epochs", "9000000", "--hidden-size", "5", "--jobs", "2")


def without_times(output: str) -> str:
    """Return JSON lines without what differs between equal runs."""
    times = r'"(seconds|characters_per_second)": (\{[^}]*\}|[^,}]*)'
    return re.sub(times, r'"\1": 0', output)


def files(folder: Path) -> dict[str, bytes]:
    """Return the models and logs below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.name[0] in "ml"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--cells", "ngram,lstm,rnn", "--seeds", "2", "--epochs", "1", "--hidden-size", "5"),
        pytest.param(
            ("--cells", "all", "--layers", "2", "--dropout", "0.3", "--layer-norm", "--epochs", "2"),
            marks=pytest.mark.long,
        ),
    ],
)
def test_results_and_runs_are_those_of_one_process(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    outputs, saved = [], []
    for jobs in ("1", "2"):
        result = charseq("compare", "--file", "-", *arguments, "--json", "--jobs", jobs, stdin=LONG.encode())
        assert result.status == 0, result.errors
        outputs.append(without_times(result.output))
        saved.append(files(Path("runs")))
        Path("runs").rename(f"runs-{jobs}")
    assert outputs[0] == outputs[1]
    assert len(saved[0]) >= 8
    assert saved[0] == saved[1]


class Compared:
    """A comparison in a session of its own, with two workers that have started to train."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*CHARSEQ, *ENDLESS, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while len(self.runs("timing.ndjson")) < 2 or not all(
            p.stat().st_size for p in self.runs("timing.ndjson")
        ):
            assert time.monotonic() < deadline
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.02)
        self.workers = [worker for worker in children(self.process.pid) if b"spawn_main" in worker[1]]
        assert len(self.workers) == 2

    @staticmethod
    def runs(name: str) -> list[Path]:
        """Return the files of a name in the folders of the runs, in the order of the trials."""
        return sorted(RUNS.glob(f"*/{name}"))

    def ended(self, seconds: float = 10) -> tuple[int, str, str]:
        """Wait for the end of the process and its workers; return the exit code and the output."""
        output, errors = self.process.communicate(timeout=seconds)
        self.wait_for_workers()
        return self.process.returncode, output.decode(), errors.decode()

    def wait_for_workers(self, seconds: float = 10) -> None:
        """Wait for the end of the workers."""
        deadline = time.monotonic() + seconds
        while any(Path(f"/proc/{worker}").exists() for worker, _ in self.workers):
            assert time.monotonic() < deadline, "a worker does not end"
            time.sleep(0.01)

    def kill(self) -> None:
        """End all processes that are left."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


def children(process: int) -> list[tuple[int, bytes]]:
    """Return the children of a process, with their command lines."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [(int(child), Path(f"/proc/{child}/cmdline").read_bytes()) for child in found]


@pytest.fixture
def compared() -> Iterator[Compared]:
    if not sys.platform.startswith("linux"):
        pytest.skip("finds worker processes in /proc")
    there = Compared()
    yield there
    there.kill()


def test_an_interrupt_while_workers_load_ends_them_all() -> None:
    process = subprocess.Popen([*CHARSEQ, *ENDLESS], stderr=subprocess.PIPE, start_new_session=True)
    assert process.stderr is not None
    while b"jobs: 2" not in (line := process.stderr.readline()):
        assert line
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    errors = process.communicate(timeout=20)[1]  # the workers have the same pipe
    assert process.returncode == 130
    assert errors.strip() == b"stopped before training started; nothing was saved"
    assert not Path("runs").exists()


@pytest.mark.long
def test_workers_do_not_import_the_main_script() -> None:
    arguments = ("compare", "--text", "ab", "--epochs", "1", "--cells", "rnn,none", "--jobs", "2")
    script = f"from charseq.cli.app import run\nraise SystemExit(run({arguments}))\n"
    ended = subprocess.run([sys.executable, "-"], input=script.encode(), capture_output=True, timeout=60)
    assert (ended.returncode, b"Traceback" in ended.stderr) == (0, False)
    assert [row["cell"] for row in trials(ended.stdout.decode())] == ["rnn", "none"]


@pytest.mark.long
def test_an_error_of_a_trial_is_that_of_one_process(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    arguments = ("compare", "--text", "hihello", "--device", "cuda:7", "--json", "--jobs")
    one, two = (charseq(*arguments, jobs) for jobs in ("1", "2"))
    assert (two.status, two.errors) == (one.status, one.errors)
    assert two.status == 2
    assert not Path("runs").exists()


def trials(output: str) -> list[dict[str, str]]:
    """Return the rows of a plain comparison."""
    header, *rows = (line.split("\t") for line in output.splitlines())
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("number", "to_all", "status"),
    [
        (signal.SIGINT, True, 130),
        pytest.param(signal.SIGINT, False, 130, marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, False, 143, marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, True, 143, marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, True, 143, marks=pytest.mark.long),
    ],
)
@pytest.mark.long
def test_a_signal_saves_every_run_and_shows_what_there_is(
    compared: Compared, number: int, to_all: bool, status: int
) -> None:
    (os.killpg if to_all else os.kill)(compared.process.pid, number)
    code, output, errors = compared.ended()
    assert code == status
    assert [(row["cell"], row["status"]) for row in trials(output)] == [
        ("rnn", "interrupted"), ("lstm", "interrupted"),
    ]  # fmt: skip
    assert [read(path).network.cell_name for path in compared.runs("model.safetensors")] == ["rnn", "lstm"]
    assert "stopping and saving the model" in errors
    assert "Traceback" not in errors


@pytest.mark.long
def test_a_killed_worker_ends_the_comparison_and_its_trial_is_named(compared: Compared) -> None:
    killed = compared.workers[1][0]
    cell = "lstm" if lock_holder("0002-lstm") == killed else "rnn"
    os.kill(killed, signal.SIGKILL)
    code, output, errors = compared.ended()
    assert code == 1
    assert f"the process of {cell}, seed 0, was killed by signal 9" in errors
    (row,) = trials(output)
    assert {row["cell"], cell} == {"rnn", "lstm"}
    assert row["status"] == "interrupted"
    assert read(Path(row["model"])).memorized


def lock_holder(run: str) -> int:
    """Return the process that trains in a run of the comparison."""
    return int((RUNS / run / ".lock").read_text())


@pytest.mark.long
def test_workers_save_their_runs_when_the_main_process_is_killed(compared: Compared) -> None:
    compared.process.kill()
    compared.wait_for_workers()
    assert len(compared.runs("model.safetensors")) == 2
    for log in compared.runs("log.ndjson"):
        assert json.loads(log.read_bytes().splitlines()[-1])["status"] == "interrupted"
    assert compared.ended()[0] == -signal.SIGKILL


@pytest.mark.long
def test_a_second_interrupt_ends_all_processes_at_once(compared: Compared) -> None:
    for worker, _ in compared.workers:
        os.kill(worker, signal.SIGSTOP)  # so that it cannot end
    os.kill(compared.process.pid, signal.SIGINT)
    time.sleep(0.3)
    asked = time.monotonic()
    os.kill(compared.process.pid, signal.SIGINT)
    assert compared.process.wait(5) == 130
    assert time.monotonic() - asked < 1
    for worker, _ in compared.workers:
        os.kill(worker, signal.SIGCONT)
    compared.wait_for_workers(2)

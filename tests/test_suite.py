"""The suite itself: no writable source tree, a time limit for each test, and reports of any text."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import settings

from tests.mutation.areas import CORE, ROOT, TESTS
from tests.support.forks import Forked, end_all, fork_on_a_terminal
from tests.support.job_control import run_job

SURROGATE = "\udcff"
SOURCE = """
import time
import pytest

TEXT = "a\\udcff"

def test_output():
    print(TEXT)
    raise ValueError(TEXT)

@pytest.mark.parametrize("text", [TEXT], ids=str)
def test_parameter(text):
    assert text == "b", text

def test_skipped():
    pytest.skip(TEXT)

def test_property(record_property):
    record_property(TEXT, TEXT)

@pytest.mark.timeout(0.2)
def test_hanging():
    time.sleep(60)

def test_last():
    pass
"""


def test_property_tests_use_no_database_and_have_no_deadline() -> None:
    assert settings().database is None
    assert settings().deadline is None


@pytest.mark.parametrize("seconds", [120, pytest.param(1800, marks=pytest.mark.long)])
def test_a_test_has_two_minutes_and_a_long_one_half_an_hour(
    request: pytest.FixtureRequest, seconds: float
) -> None:
    marker = request.node.get_closest_marker("timeout")
    assert (marker.args[0] if marker else float(request.config.getini("timeout"))) == seconds


def test_mutation_tests_name_files_that_exist() -> None:
    assert [path for path in (*CORE, *TESTS) if not (ROOT / path).is_file()] == []


@pytest.mark.skipif(not Path("/proc").exists(), reason="there is no /proc to find a job in")
def test_processes_that_a_failed_test_leaves_are_ended_and_their_jobs() -> None:
    train = ("train", "--text", "hihello", "--epochs", "1000000")
    forked = Forked(*train, "--json")
    assert forked.stdout is not None
    forked.stdout.readline()
    shell, terminal = fork_on_a_terminal(run_job, train, {"TERM": "xterm", "COLUMNS": None})
    sent = b""
    while b"left" not in sent:
        assert select.select([terminal], [], [], 20)[0]
        sent += os.read(terminal, 65536)
    job = int(Path(f"/proc/{shell}/task/{shell}/children").read_text())
    end_all()
    assert forked.returncode == -signal.SIGKILL
    with pytest.raises(ChildProcessError):
        os.waitpid(shell, 0)
    status, deadline = Path(f"/proc/{job}/stat"), time.monotonic() + 10
    while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_forked_process_heeds_an_interrupt_that_this_process_ignores() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = Forked("train", "--text", "hihello", "--epochs", "1000000", "--json")
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_a_report_is_sent_without_unpaired_surrogates(pytestconfig: pytest.Config) -> None:
    location = ("test_it.py", 1, "test_it")
    report = pytest.TestReport(
        f"test_it.py::test_it[{SURROGATE}]",
        location,
        {SURROGATE: 1},
        "failed",
        f"b{SURROGATE}",
        "call",
        sections=[("Captured stdout call", f"c{SURROGATE}한")],
        user_properties=[(SURROGATE, [SURROGATE])],
    )
    data = pytestconfig.hook.pytest_report_to_serializable(config=pytestconfig, report=report)
    assert data["longrepr"] == r"b\udcff"
    assert data["sections"] == [("Captured stdout call", r"c\udcff한")]
    assert data["location"] == location
    assert SURROGATE not in "".join(_strings(data))


def _strings(value: object) -> "list[str]":
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _strings(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in _strings(part)]
    return [value] if isinstance(value, str) else []


@pytest.mark.long
def test_a_parallel_run_goes_to_its_end_whatever_texts_its_tests_have_and_if_one_hangs() -> None:
    Path("test_texts.py").write_text(SOURCE)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider"]
    result = subprocess.run(
        [*command, "-p", "tests.support.reports", "test_texts.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        timeout=60,
    )
    assert b"3 failed, 2 passed, 1 skipped" in result.stdout, result.stdout + result.stderr
    assert rb"ValueError: a\udcff" in result.stdout
    assert b"Timeout (>0.2s)" in result.stdout

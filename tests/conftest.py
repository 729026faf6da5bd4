"""Fixtures: every test runs in an empty folder with a fixed terminal."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from charseq.native.threads import share_cores
from tests.support.browser import Page, browser
from tests.support.command import Command
from tests.support.forks import DEFAULTS, end_all
from tests.support.reports import pytest_report_to_serializable as pytest_report_to_serializable
from tests.support.served import TRAINING, served

LONG_TEST_SECONDS = 1800
"""The time limit of a test marked long; pyproject.toml sets the limit of the others."""

# No database, because the source tree may be read-only; no deadline, because the machine may be busy.
settings.register_profile("charseq", database=None, deadline=None, print_blob=True)
settings.load_profile("charseq")

# A script's background job ignores SIGINT, and so would the commands that are tested from there.
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTSTP):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, DEFAULTS[number])


def pytest_configure() -> None:
    """Share the cores between the processes of tests, before NumPy and torch are loaded."""
    share_cores()
    import torch

    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give long tests half an hour, and begin with the test that takes longest."""
    items.sort(key=lambda item: item.path.name != "test_readme.py")
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(LONG_TEST_SECONDS))


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run each test in an empty folder, with a terminal of 80x24, without color and CHARSEQ_ variables."""
    for name in [name for name in os.environ if name.startswith("CHARSEQ_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    return tmp_path


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """End the processes that a test has forked and, where it fails, has not waited for."""
    yield
    end_all()


@pytest.fixture
def charseq(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return the command line, in this process."""
    return Command(monkeypatch, capsys)


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with a program named charseq that starts fast: torch is loaded once for all."""
    folder = tmp_path_factory.mktemp("programs")
    with served(folder / "charseq", *TRAINING):
        yield folder


@pytest.fixture(scope="session")
def light_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return a program that runs Python with charseq.cli.app loaded, and nothing that commands add to it."""
    program = tmp_path_factory.mktemp("light") / "python"
    with served(program, "charseq.cli.app"):
        yield str(program)


@pytest.fixture(scope="session")
def web_page() -> Iterator[Page]:
    """Return a headless browser, which is started once for all tests of a process."""
    with browser() as page:
        yield page

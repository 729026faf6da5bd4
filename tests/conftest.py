"""Fixtures: every test runs in an empty folder with a fixed terminal."""

from pathlib import Path

import pytest
import torch

from tests.support import Command

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, as wide as a terminal of 80, without colour, without settings."""
    import os

    for name in [name for name in os.environ if name.startswith("CHARSEQ_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    return tmp_path


@pytest.fixture
def charseq(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line, in this process."""
    return Command(monkeypatch, capsys)

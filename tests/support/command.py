"""The command line in this process, in a new process, and in a shell."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SIZES = {"B": 2, "T": 3, "I": 5, "H": 7, "V": 11}
"""Sizes of axes.  They are distinct primes, so that swapped axes fail a test."""


@dataclass(frozen=True)
class Result:
    """The exit code and the output of a command."""

    status: int
    output: str
    errors: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line, parse_constant=_refuse) for line in self.output.splitlines()]


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


class Command:
    """Run charseq in this process, in the current folder, without a terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run one command line."""
        from charseq.cli.app import run

        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self._capsys.readouterr()
        status = run(arguments)
        written = self._capsys.readouterr()
        return Result(int(status), written.out, written.err)

    def train(self, *arguments: str) -> list[dict[str, Any]]:
        """Train with --json and return the events.  The run must succeed."""
        result = self("train", "--json", *arguments)
        assert result.status == 0, result.errors
        return result.records


def in_process(
    *arguments: str, cwd: Path, environment: Mapping[str, str] = {}
) -> subprocess.CompletedProcess[bytes]:
    """Run charseq in a new process, in pipes."""
    return subprocess.run(
        [sys.executable, "-m", "charseq", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, **environment},
        timeout=120,
    )


def shell(script: str, *first: Path) -> subprocess.CompletedProcess[str]:
    """Run a script with the `charseq` and `python` of these tests, or of the folders in `first`."""
    path = os.pathsep.join([*map(str, first), str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


def every_command() -> dict[str, Any]:
    """Return every command and group by its path: "", "train", "runs", "runs show" and so on."""
    from typer.main import get_command

    from charseq.cli.app import app

    def below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield path, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from below(f"{path} {name}".lstrip(), inner)

    return dict(below("", get_command(app)))

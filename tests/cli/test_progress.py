"""The progress of commands that read a long text."""

import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from charseq.cli import streams
from charseq.cli.progress import with_progress
from charseq.render import progress_bar
from tests.support.command import Command


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_bar, "SECONDS_BEFORE_A_BAR", 0)
    monkeypatch.setattr(progress_bar, "SECONDS_BETWEEN_REFRESHES", 0)


def test_a_long_reading_shows_on_a_terminal_how_long_it_will_take(monkeypatch: pytest.MonkeyPatch) -> None:
    for quiet, terminal in ((False, Terminal()), (True, Terminal()), (False, io.StringIO())):
        monkeypatch.setattr(sys, "stderr", terminal)
        streams.set_quiet(quiet)
        assert [*with_progress("abab", lambda: 8, lambda item: 2)] == [*"abab"]
        streams.set_quiet(False)
        shown = terminal.getvalue()
        assert bool(shown) == (not quiet and terminal.isatty())
        if shown:
            assert re.search(r"50%, [\d,]+ symbols/s, [\d.]+ s left.*100%", shown, re.S)


def test_a_terminal_that_shows_the_output_needs_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    for output, is_shown in ((Terminal(), False), (io.StringIO(), True)):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setattr(sys, "stdout", output)
        assert [*with_progress("ab", lambda: 2, len, beside_output=True)] == ["a", "b"]
        assert bool(terminal.getvalue()) == is_shown


@pytest.mark.parametrize(("lines", "unit"), [((), "characters"), (("--lines",), "bytes")])
def test_scoring_a_file_shows_the_progress(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, lines: tuple[str, ...], unit: str
) -> None:
    texts = ("--text", "hihello", "--text", "yes", "--vocabulary", "\n")
    charseq.train(*texts, "--epochs", "2", "--hidden-size", "3")
    Path("text.txt").write_text("hihello\nyes\n" * 9)
    read: list[int] = []

    def recorded(
        items: Iterable[Any], total: Callable[[], int], size: Callable[[Any], int], name: str, **_: Any
    ) -> Iterator[Any]:
        assert (name, total()) == (unit, 108)
        for item in items:
            read.append(size(item))
            yield item

    monkeypatch.setattr("charseq.cli.score_input.with_progress", recorded)
    assert charseq("score", "--file", "text.txt", *lines).status == 0
    assert sum(read) == (108 if lines else 107)  # the first character is not scored

"""Replay a run on a terminal: a live table that time and keys move."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator

import typer

from charseq.cli import streams
from charseq.cli.keys import CTRL_C, CTRL_Z, Keys, normal_end_when_terminated, pressed_keys
from charseq.cli.replay_messages import end_messages, report_end, report_start, require_events
from charseq.cli.replay_player import Player
from charseq.errors import ExitCode
from charseq.render.recording import Recording
from charseq.render.replay import ReplayTable, legend
from charseq.runs.log import Log

SECONDS_BETWEEN_RESIZE_CHECKS = 0.25
SECONDS_BETWEEN_FRAMES = 0.1
"""The longest time for which epochs are skipped where they would pass faster than they are drawn."""


def play(log: Log, delay: float) -> None:
    """Show a run epoch by epoch, `delay` seconds each, and leave its table on the screen."""
    from rich.console import Console

    recording = Recording(log)
    has_epochs = recording.has(1)
    require_events(log, recording.start is not None)
    assert recording.start is not None  # noqa: S101 (for mypy)
    report_start(log, recording.start)
    if not has_epochs:
        report_end(log, recording.end, 0)
        return
    table = ReplayTable(Console(), recording, recording.start)
    player = Player(delay)
    with _keys() as keys:
        table.screen.start()
        try:
            _follow(player, table, recording, keys)
        finally:
            is_at_end = not recording.has(player.position + 1)
            messages = end_messages(log, recording.end, player.position) if is_at_end else []
            shown = [] if streams.is_quiet() else [text for text, _ in messages]
            table.finish(player.position, "\n".join(shown))
    for text, style in messages:
        streams.report(text, style)


def _follow(player: Player, table: ReplayTable, recording: Recording, keys: Keys | None) -> None:
    """Draw the epochs until the run ends or a key quits.  Raises typer.Exit for Ctrl-C."""
    drawn: object = None
    due = time.monotonic() + player.delay
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    while not player.has_quit:
        state = (player.position, player.paused, player.delay, table.size)
        if state != drawn:
            line = legend(
                paused=player.paused, delay=player.delay, has_keys=keys is not None, ascii_only=ascii_only
            )
            table.draw(player.position, line)
            drawn = state
        left = SECONDS_BETWEEN_RESIZE_CHECKS if player.paused else due - time.monotonic()
        for key in _read(keys, min(max(left, 0.0), SECONDS_BETWEEN_RESIZE_CHECKS)):
            if key == CTRL_C:
                raise typer.Exit(ExitCode.INTERRUPTED)
            if key == CTRL_Z and keys is not None:
                table.screen.release()
                keys.suspend()
                table.screen.redraw()
                due = time.monotonic() + player.delay
            if player.press(key, has_next=recording.has(player.position + 1)):
                due = time.monotonic() + player.delay
        began = time.monotonic()
        while not player.paused and due <= time.monotonic() < began + SECONDS_BETWEEN_FRAMES:
            if not recording.has(player.position + 1):
                return
            player.position += 1
            due += player.delay
        if not player.paused and due < time.monotonic() - SECONDS_BETWEEN_FRAMES:
            due = time.monotonic()  # drawing is slower than the delay


def _read(keys: Keys | None, seconds: float) -> list[str]:
    if keys is not None:
        return keys.read(seconds)
    time.sleep(seconds)
    return []


@contextlib.contextmanager
def _keys() -> Iterator[Keys | None]:
    """Read keys, if standard input is a terminal that can be read key by key."""
    if sys.stdin.isatty() and os.name == "posix":
        with pressed_keys() as keys:
            yield keys
    else:
        with normal_end_when_terminated():
            yield None

"""A progress bar on standard error, beside events that a file or a pipe receives."""

import time
from collections.abc import Callable, Sequence
from typing import TextIO, TypeVar

from charseq.comparison import Result
from charseq.events import End, Epoch, Event, Progress
from charseq.render.base import Renderer
from charseq.render.quantities import duration, passes_text, percent
from charseq.system.suspension import running_time

SECONDS_BEFORE_A_BAR = 1.0
"""Time from the first event to the first drawing, so that short runs show no bar."""
SECONDS_BETWEEN_REFRESHES = 0.1

T = TypeVar("T")

Position = tuple[float, str]
"""The finished share of the work, 0 to 1, and a text about it."""


class WithProgressBar(Renderer[T]):
    """Show events with another renderer, and a bar on a terminal, which is erased at the end."""

    def __init__(
        self, renderer: Renderer[T], terminal: TextIO, position: Callable[[T], Position | None]
    ) -> None:
        """Combine them; `position` returns None for an event that does not move the bar."""
        from rich.console import Console

        from charseq.render.live_screen import LiveScreen

        self._renderer, self._position = renderer, position
        self._console = Console(file=terminal)
        self.screen: LiveScreen = LiveScreen(self._console)
        self._started: float | None = None
        self._drawn_at = -SECONDS_BETWEEN_REFRESHES

    def begin(self) -> None:
        """Begin the other output."""
        self._renderer.begin()

    def show(self, event: T) -> None:
        """Show an event, and move the bar if a refresh is due."""
        self._renderer.show(event)
        now = time.monotonic()
        self._started = now if self._started is None else self._started
        if now - self._started < SECONDS_BEFORE_A_BAR or now - self._drawn_at < SECONDS_BETWEEN_REFRESHES:
            return
        if position := self._position(event):
            from charseq.render.progress_line import progress_line

            if not self.screen.is_live and not self.screen.is_released:
                self.screen.start()
            self.screen.draw(progress_line(*position, self._console.width))
            self._drawn_at = now

    def finish(self, *, failed: bool) -> None:
        """Erase the bar, and complete the other output."""
        self.screen.erase()
        self._renderer.finish(failed=failed)


def training_position(event: Event) -> Position | None:
    """Return the position of a training run: the elapsed time, passes, loss, speed and remaining time."""
    if not isinstance(event, Epoch | Progress):
        return None
    left = event.seconds * (1 - event.done) / event.done if event.done > 0 else 0.0
    text = (
        f"{percent(event.done, 0)}, {duration(event.seconds)}, {passes_text(event.passes)}, "
        f"loss {event.loss:.3f}, {event.characters_per_second:,.0f} characters/s, {duration(left)} left"
    )
    return event.done, text


def comparison_position(runs: int) -> Callable[[tuple[Result, Event]], Position | None]:
    """Return the position of a comparison of networks: a share of all runs, and the current ones."""
    seen, ended = set[int](), set[int]()
    running: dict[int, tuple[Result, Epoch | Progress]] = {}
    began = running_time()

    def position(event: tuple[Result, Event]) -> Position | None:
        result, of_training = event
        if result.trial.is_ngram:
            return None
        seen.add(id(result.trial))
        if isinstance(of_training, End):
            running.pop(id(result.trial), None)
            ended.add(id(result.trial))
        if not isinstance(of_training, Epoch | Progress):
            return None
        running[id(result.trial)] = event = result, of_training
        done = (len(ended) + sum(last.done for _, last in running.values())) / runs
        current = _one_run(*event, f"run {len(seen)} of {runs}")
        if len(running) > 1:
            current = f"{len(ended)} of {runs} runs done, " + _several_runs([*running.values()])
        return done, f"{percent(done, 0)}, {duration(running_time() - began)}, {current}"

    return position


def _one_run(result: Result, event: Epoch | Progress, number: str) -> str:
    settings = result.trial.settings
    passes = passes_text(event.passes)
    return f"{number}: {settings.cell}, seed {settings.seed}, {passes}, loss {event.loss:.3f}"


def _several_runs(running: Sequence[tuple[Result, Epoch | Progress]]) -> str:
    losses = (f"{result.trial.settings.cell} {event.loss:.3f}" for result, event in running)
    return f"{len(running)} running, loss: {', '.join(losses)}"

"""Watch a training run: in a notebook as a live table, elsewhere as the command line shows it."""

import sys
import time
from collections.abc import Iterable
from typing import Any

from charseq.events import End, Event
from charseq.render.base import renderer_for
from charseq.render.notebook import TrainingHTML
from charseq.render.training import training_view
from charseq.render.training_outcome import outcome

SECONDS_BETWEEN_UPDATES = 0.2
"""The shortest time between two drawings in a notebook."""


def watch(events: Iterable[Event]) -> End | None:
    """Show the events of `train` as they come, and return the last one; None if the run has no end.

    In Jupyter, shows a table that is updated in place.  Elsewhere, prints what `charseq train` prints.
    """
    return _in_notebook(events) if _is_notebook() else _on_stream(events)


def _is_notebook() -> bool:
    """Return whether IPython runs in a kernel, which displays HTML."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def _in_notebook(events: Iterable[Event]) -> End | None:
    from IPython.display import HTML, display  # type: ignore[import-not-found, unused-ignore]

    drawing, drawn_at, event = TrainingHTML(), 0.0, None
    handle: Any = display(HTML(""), display_id=True)  # type: ignore[no-untyped-call, unused-ignore]
    try:
        for event in events:
            drawing.add(event)
            if time.monotonic() - drawn_at >= SECONDS_BETWEEN_UPDATES:
                handle.update(HTML(drawing.html()))  # type: ignore[no-untyped-call, unused-ignore]
                drawn_at = time.monotonic()
    finally:
        handle.update(HTML(drawing.html()))  # type: ignore[no-untyped-call, unused-ignore]
    return event if isinstance(event, End) else None


def _on_stream(events: Iterable[Event]) -> End | None:
    event = None
    with renderer_for("table" if sys.stdout.isatty() else "plain", training_view(), sys.stdout) as renderer:
        for event in events:
            renderer.show(event)
    if not isinstance(event, End):
        return None
    sys.stderr.write(outcome(event) + "\n")
    return event

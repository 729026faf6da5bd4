"""What a replay says about its run: settings, results, and damage of the log."""

from charseq.cli import streams
from charseq.errors import UsageError, quoted
from charseq.events import End, Start
from charseq.render.quantities import damage_text
from charseq.render.training_outcome import OUTCOME_STYLES, results
from charseq.render.training_summary import summary
from charseq.render.visible import visible
from charseq.runs.folder import LOG
from charseq.runs.lock import lock_holder
from charseq.runs.log import Log

Message = tuple[str, str]
"""A text and its style."""


def require_events(log: Log, events: int) -> None:
    """Raise UsageError for a log without a readable event."""
    if not events:
        raise UsageError(
            f"{quoted(log.folder / LOG)} has no event that charseq can read", hint="name another run"
        )


def report_start(log: Log, start: Start) -> None:
    """Report the run and its settings."""
    streams.report(f"replay of {visible(str(log.folder))}", "dim")
    if log.is_start_known:
        streams.report(summary(start))
    else:
        streams.report("the log has no first line, so the settings of the run are unknown", "yellow")


def report_end(log: Log, end: End | None, epochs: int) -> None:
    """Report the results of the run, and damage of its log."""
    for text, style in end_messages(log, end, epochs):
        streams.report(text, style)


def report_damage(log: Log) -> None:
    """Report damaged lines of a log."""
    for text, style in _damage(log):
        streams.report(text, style)


def end_messages(log: Log, end: End | None, epochs: int) -> list[Message]:
    """Return the results of a run, by its numbers of epochs and reports, and the damage of its log."""
    return [*_damage(log), _result(log, end, epochs)]


def _damage(log: Log) -> list[Message]:
    if not log.damaged:
        return []
    return [(damage_text(log.damaged), "yellow")]


def _result(log: Log, end: End | None, epochs: int) -> Message:
    if end is not None:
        return results(end), OUTCOME_STYLES[end.status]
    if process := lock_holder(log.folder):
        return f"the run is still training ({process})" + ("" if epochs else "; no epoch has ended"), "yellow"
    if not epochs:
        return "the run stopped before its first epoch ended", "yellow"
    return "the log has no end: the run was killed, or its last line is lost", "yellow"

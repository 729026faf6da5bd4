"""What completed a run, from its settings and its end: logs do not say it."""

from dataclasses import replace

from charseq.events import End, EndReason, Start


def with_reason(end: End, start: Start) -> End:
    """Return the end of a run with what completed it, where that is certain."""
    return replace(end, reason=_reason(end, start)) if end.status == "completed" else end


def _reason(end: End, start: Start) -> EndReason | None:
    """Return what completed a run, in the order in which training looks for it; None if it is uncertain."""
    settings = start.settings
    if end.epochs >= settings.epochs:
        return "epochs" if end.epochs == settings.epochs else None  # it was resumed with other settings
    is_measured = end.loss is not None or end.validation_loss is not None
    if settings.patience and is_measured and end.epochs - end.epoch >= settings.patience:
        return "patience"
    highest = 1.0 if start.highest_accuracy is None else start.highest_accuracy
    if settings.until_learned and end.accuracy is not None and end.accuracy >= highest:
        return None if settings.time_limit else "memorized"
    return "time_limit" if settings.time_limit else None

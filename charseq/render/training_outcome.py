"""What people read after a run has trained: its results, and what to do next."""

import re
import shlex
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from charseq.events import LIMITS, End
from charseq.render.quantities import count, duration, passes_text, percent
from charseq.render.visible import visible

SMALL_GAP = 0.03
"""The gap of validation to training loss, relative to the latter, up to which a larger network may help."""
LARGE_GAP = 0.15
"""The gap from which it is reported."""
OUTCOME_STYLES = {"completed": "green", "interrupted": "yellow", "diverged": "bold red", "imported": "green"}
"""The style of the outcome, by the status of the end."""


def outcome(end: End, *, has_curves: bool = False) -> str:
    """Return the results of a run and the next step, in a few lines; `has_curves` if they can be plotted."""
    return f"{results(end)}\n{_next_step(end, has_curves)}"


def results(end: End) -> str:
    """Return the results of a run, in a few lines; without its time, if that is NaN."""
    if end.status == "imported":
        return "the model was imported, without the log of its training: there are no epochs to show"
    status = {"completed": "done"}.get(end.status, str(end.status))
    status = "memorized" if end.reason == "memorized" else status
    text = f"{status} after {passes_text(end.total_passes)}"
    text += f" in {duration(end.seconds)}" if isfinite(end.seconds) else ""
    if end.status == "diverged":
        text += ": the loss became NaN, infinite or far too large"
    if end.reason in ("patience", "time_limit"):
        text += f": {LIMITS[end.reason].reached}"
    text += _measures(end)
    if end.recoveries:
        times = "once" if end.recoveries == 1 else f"{end.recoveries} times"
        text += f"; training diverged {times}, and the learning rate was halved"
    return "\n".join([text, *map(_outlier, end.outliers), *_fit(end)])


def _fit(end: End) -> Iterator[str]:
    """Say in one line how the network fits its text, and what to try."""
    if end.validation_loss is None or end.status == "diverged" or end.loss is None:
        return
    alone = end.validation_loss if end.network_validation_loss is None else end.network_validation_loss
    gap = alone - end.loss
    if end.fit == "overfits":
        yield (
            "the network overfits: its validation loss rose while its training loss fell; "
            f"epoch {end.epoch}, the best, is saved. Try more text, or a higher --dropout"
        )
    elif end.fit == "underfits":
        larger = end.reason == "epochs" and end.parent_validation_loss is None and gap < SMALL_GAP * end.loss
        advice = _longer(end) + (", or a larger --hidden-size" if larger else "")
        text = "the network underfits: its validation loss was still falling"
        yield f"{text}. Try {advice}" if advice else text
    elif end.fit == "fits" and gap > LARGE_GAP * end.loss:
        yield (
            "the network neither underfits nor overfits, but its training loss is "
            f"{gap:.2f} nats below its validation loss: more text, or a higher --dropout, may help"
        )
    elif end.fit == "fits":
        yield "the network neither underfits nor overfits"
    else:
        yield "too few evaluations, or too little held-out text, to tell whether the network overfits"


def _longer(end: End) -> str:
    """Return what lets a run train longer; empty if it is unknown what completed the run."""
    if end.status == "interrupted":
        return "to resume the run"
    if end.reason is None:
        return ""
    return "a longer --time-limit" if end.reason == "time_limit" else "more --epochs"


def _measures(end: End) -> str:
    if end.loss is None or end.accuracy is None:
        if end.validation_loss is None:
            return ""
        if end.parent_validation_loss is not None:
            loss = f"({end.parent_validation_loss:.4f} nats per character)"
            return f"; no epoch improved on the model that training started from {loss}"
        loss = f"({end.validation_loss:.4f} nats per character)"
        if end.ngram_validation_loss is not None:
            return f"; no epoch beat predicting by symbol frequencies and n-grams without a network {loss}"
        return f"; no epoch beat predicting by symbol frequency alone {loss}"
    if end.validation_loss is not None:
        text = f"; validation loss {end.validation_loss:.4f} nats per character{_alone(end)}"
        if end.parent_validation_loss is not None:
            text += f", {end.parent_validation_loss:.4f} before training"
    else:
        text = f"; loss {end.loss:.4f}, {_correct(end.accuracy, end.highest_accuracy)}"
    if end.passes < end.last_passes:
        best = f"of epoch {end.epoch}" if end.passes == end.epoch else f"after {passes_text(end.passes)}"
        text += f"; saved the best model, {best}"
    return text


def _alone(end: End) -> str:
    """Return the cross-validated loss of a mixture, and the losses of its parts."""
    crossed, network, ngram = (
        end.cross_validation_loss,
        end.network_validation_loss,
        end.ngram_validation_loss,
    )
    if crossed is None or network is None or ngram is None:
        return ""
    return f" ({crossed:.4f} cross-validated; network alone {network:.4f}, n-grams alone {ngram:.4f})"


def _correct(accuracy: float, highest: float | None) -> str:
    if accuracy == 1:
        return "all characters correct"
    best = ", the highest possible accuracy" if accuracy == highest else ""
    return f"{percent(accuracy)} of characters correct{best}"


def _outlier(outlier: Mapping[str, Any]) -> str:
    text, characters = visible(outlier["text"]), outlier["characters"]
    text += "..." if characters > len(text) else ""
    return (
        f"outlier: '{text}' ({count(characters, 'character')}, {outlier['loss']:.2f} nats per character) is "
        f"{outlier['share']:.0%} of the validation loss; it has little weight in choosing the best epoch"
    )


def _next_step(end: End, has_curves: bool) -> str:
    """Return the model file and what to do next; recommend only a model that has learned something."""
    if end.model is None:
        next_step = "try a smaller --learning-rate" if end.status == "diverged" else "train longer"
        return f"the earlier model is kept: no epoch improved on the initial weights   next: {next_step}"
    model = f"model: {visible(end.model)}"
    if end.status == "diverged":
        weights = "the last good weights" if end.epoch else "initial weights"
        return f"{model} ({weights})   next: try a smaller --learning-rate"
    if end.epoch == 0 and end.validation_loss is not None:
        weights = "initial weights" if end.parent_validation_loss is None else "those of the model of --from"
        return f"{model} ({weights})   next: try more text, or more time"
    if end.epoch == 0:
        return f"{model}   no epoch was evaluated, so it may have learned little"
    run = end.model.rpartition("/")[0] or "."
    is_newest = re.fullmatch(r"runs/\d{4,}-[^/]+", run)  # predict uses the newest numbered run by default
    name = "" if is_newest else visible(shlex.quote(run))
    curves = f"\ncurves: charseq plot {name}".rstrip() if has_curves else ""
    return f"{model}   next: charseq predict{f' --model {name}' if name else ''}{curves}"

"""A run as one self-contained HTML page."""

from collections.abc import Iterator, Sequence
from typing import Any

from charseq._version import __version__
from charseq.inspection.reported_run import ReportedRun, texts_of
from charseq.inspection.text_predictions import TextPredictions
from charseq.model.model_file import Model
from charseq.render.html import about, learning, reading, units
from charseq.render.html.assembly import assembled
from charseq.render.html.symbols import symbol_data
from charseq.render.visible import visible

STYLES = ("uPlot-1.6.32.min.css", "style.css", "report.css")
SCRIPTS = (
    "uPlot-1.6.32.iife.min.js", "page.js", "weights.js", "cells.js", "network.js", "about.js", "bars.js",
    "live.js", "live_units.js", "learning.js", "evolution.js", "surprisal.js", "units.js", "gradients.js",
    "settings.js", "main.js",
)  # fmt: skip
"""The scripts, in the order of execution."""
READING = 0.3
"""The usual share of the work up to the gradients."""
MAX_WEIGHTS = 2.0
"""Megabytes of weights up to which a page contains the network, unless it is asked for a larger one."""
NO_MODEL = "The run has no model: its training ended before one was saved."

Progress = tuple[float, str]
"""The finished share, 0 to 1, and what is done now."""


def page(
    run: ReportedRun, given: Sequence[str] = (), *, max_weights: float = MAX_WEIGHTS
) -> Iterator[Progress | str]:
    """Yield the progress, and at last the HTML page about a run, with `given` texts to look into, if any.

    It contains the network if its weights have at most `max_weights` megabytes.

    Raises UnknownCharacter, and CharseqError for a network whose output is NaN or infinite.
    """
    data: dict[str, Any] = {}
    for step in page_data(run, given, max_weights=max_weights):
        if isinstance(step, dict):
            data = step
        else:
            yield step
    yield assembled(data, STYLES, SCRIPTS)


def page_data(
    run: ReportedRun, given: Sequence[str] = (), *, max_weights: float = MAX_WEIGHTS
) -> Iterator[Progress | dict[str, Any]]:
    """Yield the progress, and at last the data of all sections, as JSON values."""
    sections: dict[str, Any] = {}
    if run.model is None:
        sections = {name: {"left_out": NO_MODEL} for name in ("network", "surprisal", "units", "gradients")}
    else:
        for step in _sections_of(run, run.model, given, max_weights):
            if isinstance(step, dict):
                sections = step
            else:
                yield step
    yield {
        "title": about.title(run),
        "kind": "charseq report",
        "run": visible(run.name),
        "charseq": __version__,
        "facts": about.facts(run),
        "equations": about.equations(run),
        "settings": about.settings(run),
        **symbol_data(run),
        "learning": learning.learning(run),
        "evolution": learning.evolution(run),
        **sections,
    }


def _sections_of(
    run: ReportedRun, model: Model, given: Sequence[str], max_weights: float
) -> Iterator[Progress | dict[str, Any]]:
    """Yield the progress, and at last the data of the sections about the model, by name."""
    texts, shortened = texts_of(run, given)
    read: list[TextPredictions] = []
    for part in reading.predictions(model, texts):
        if isinstance(part, list):
            read = part
        else:
            yield READING * part, "reading texts"
    sections = {
        "network": reading.network(model, texts, max_weights, known_cell=about.is_own_cell(model.network)),
        "surprisal": reading.surprisal(model, texts, read, shortened=shortened),
        "units": units.units(model, texts),
    }
    for step in reading.gradients(model, texts):
        if isinstance(step, dict):
            sections["gradients"] = step
        else:
            yield READING + (1 - READING) * step, "computing gradients"
    yield sections

"""A run as one self-contained HTML page.

Nothing in the page comes from the network, and no text can become markup or script: the data is JSON in a block
that is not executed, in ASCII without `<`, `>` and `&`; the scripts set text by textContent only; and the content
security policy allows exactly the styles and scripts of this file, by their SHA-256, and nothing else.
"""

import base64
import hashlib
import html
import json
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any

from charseq._version import __version__
from charseq.inspection.reported_run import ReportedRun, texts_of
from charseq.inspection.text_predictions import TextPredictions
from charseq.render.html import about, learning, reading, units
from charseq.render.html.symbols import symbol_sign

STYLES = ("uPlot-1.6.32.min.css", "style.css")
SCRIPTS = (
    "uPlot-1.6.32.iife.min.js", "page.js", "cells.js", "network.js", "about.js", "live.js", "live_units.js",
    "learning.js", "evolution.js", "surprisal.js", "units.js", "gradients.js", "main.js",
)  # fmt: skip
"""The scripts, in the order of execution."""
SHARES = {"texts": 0.3, "units": 0.1, "gradients": 0.6}
"""The parts of the work that take time, each with its usual share."""

Progress = tuple[float, str]
"""The finished share, 0 to 1, and what is done now."""


def page(run: ReportedRun, given: Sequence[str] = ()) -> Iterator[Progress | str]:
    """Yield the progress, and at last the HTML page about a run, with `given` texts to look into, if any.

    Raises UnknownCharacter, and CharseqError for a network whose output is NaN or infinite.
    """
    data: dict[str, Any] = {}
    for step in page_data(run, given):
        if isinstance(step, dict):
            data = step
        else:
            yield step
    yield assembled(data)


def page_data(run: ReportedRun, given: Sequence[str] = ()) -> Iterator[Progress | dict[str, Any]]:
    """Yield the progress, and at last the data of all sections, as JSON values."""
    texts, shortened = texts_of(run, given)
    read: list[TextPredictions] = []
    for part in reading.predictions(run, texts) if texts else ():
        if isinstance(part, list):
            read = part
        else:
            yield SHARES["texts"] * part, "reading texts"
    surprisal = reading.surprisal(run, texts, read, shortened=shortened)
    unit_values = units.units(run, texts)
    gradients: dict[str, Any] = {}
    for step in reading.gradients(run, texts):
        if isinstance(step, dict):
            gradients = step
        else:
            yield 1 - SHARES["gradients"] * (1 - step), "computing gradients"
    model = run.model
    yield {
        "title": about.title(run),
        "run": about.visible(run.name),
        "charseq": __version__,
        "facts": about.facts(run),
        "equations": about.equations(run),
        "settings": about.settings(run),
        "symbols": [symbol_sign(symbol, run.unit) for symbol in run.symbols],
        "vocabulary": {
            "raw": list(run.symbols),
            "unit": run.unit,
            "normalization": model.vocabulary.normalization if model else "none",
            "labels": list(model.vocabulary.labels) if model else [],
            "boundary": bool(model and model.vocabulary.boundary),
        },
        "network": reading.network(run, known_cell=about.model_cell_known(run)),
        "learning": learning.learning(run),
        "evolution": learning.evolution(run),
        "surprisal": surprisal,
        "units": unit_values,
        "gradients": gradients,
    }


def assembled(data: dict[str, Any]) -> str:
    """Return the page with its data, styles, scripts and content security policy."""
    style = "\n".join(map(_asset, STYLES))
    scripts = [_asset(name) for name in SCRIPTS]
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"style-src {_source(style)}; script-src {' '.join(map(_source, scripts))}"
    )
    parts = {
        "policy": policy,
        "version": html.escape(__version__),
        "title": html.escape(data["title"]),
        "style": style,
        "data": script_data(data),
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    pieces = _asset("page.html", folder="").split("@")  # text, name, text, name, ..., text
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def script_data(data: Any) -> str:
    """Return JSON that neither ends a script element nor begins a comment in it, in ASCII."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _asset(name: str, folder: str = "assets") -> str:
    """Return a file of this package."""
    return (resources.files("charseq.render.html") / folder / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """Return the source of the policy that allows one inline block."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"

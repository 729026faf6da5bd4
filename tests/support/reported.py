"""Runs to report on, and their pages."""

import json
import re
from pathlib import Path
from typing import Any

import charseq
from charseq.inspection.reported_run import load
from charseq.render.html.report import page

MARKUP = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>'\"&amp;`${alert(3)}"
HOSTILE = MARKUP + "\x00\x1b[31m\u2028\u202eשלום\u0301e\u0301👩\u200d🚀"
"""Markup, quotes, control characters, directions, combining marks and joined emoji."""
STREAM = "".join(f"{i} and {i * i}; " for i in range(101))


def trained(folder: Path, text: str | list[str] = "hihello", **settings: Any) -> Path:
    """Train a run in a folder, and return the folder."""
    list(charseq.train(text, out=str(folder), **{"epochs": 20, "hidden_size": 7, "cell": "gru", **settings}))
    return folder


def page_of(run: Path | str, *texts: str) -> str:
    """Return the page about a run."""
    *_, html = page(load(str(run)), texts)
    assert isinstance(html, str)
    return html


def written(run: Path, *texts: str) -> Path:
    """Write the page about a run beside its folder, and return its path."""
    path = run.parent / f"{run.name}.html"
    path.write_text(page_of(run, *texts), encoding="utf-8")
    return path


def data_in(html: str) -> dict[str, Any]:
    """Return the data that a page contains."""
    (block,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    data: dict[str, Any] = json.loads(block)
    return data

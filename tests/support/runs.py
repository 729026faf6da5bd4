"""Runs in this process that stop after a number of updates, and that resume."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from charseq.events import Event
from charseq.runs.folder import reopen_run
from charseq.runs.prepare import plan_run
from charseq.runs.resume import load_run
from charseq.settings.defaults import choose_settings
from charseq.text.corpus import Corpus
from charseq.text.sources import TextSource
from charseq.training.loop import train

STREAM = "".join(f"{i} and {i * i}; " for i in range(13))
LINES = ("ada", "grace", "alan", "barbara", "edsger", "donald", "john", "kay")
OUT = Path("out")
MODEL = OUT / "model.safetensors"


def stop_after(updates: int) -> Callable[[], bool]:
    """Return a function that is called after each update and each epoch, and stops the run at a count."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked >= updates

    return stop


def train_run(
    texts: tuple[str, ...], *, stop: Callable[[], bool], lines: bool = False, **plan: Any
) -> list[Event]:
    """Train anew in OUT; return the events."""
    given = TextSource(texts, lines=lines)
    corpus = Corpus(texts, lines)
    vocabulary = given.vocabulary(corpus)
    settings = choose_settings(corpus, len(vocabulary), plan)
    shutil.rmtree(OUT, ignore_errors=True)
    return list(train(plan_run(corpus, vocabulary, settings, out=OUT, source=given), stop=stop))


def resume_run(
    texts: tuple[str, ...], *, stop: Callable[[], bool] = lambda: False, **changes: Any
) -> list[Event]:
    """Resume the run in OUT; return the events of this part."""
    left = load_run(MODEL).with_changes(changes)
    corpus = Corpus(texts, left.source.lines)
    vocabulary = left.source.vocabulary(corpus)
    plan = plan_run(
        corpus,
        vocabulary,
        left.settings,
        open_folder=partial(reopen_run, left.folder, left.logged_lines),
        source=left.source,
        resumed=left,
    )
    return list(train(plan, stop=stop))


def run_files() -> tuple[bytes, bytes]:
    """Return the model file and the log of the run in OUT."""
    return MODEL.read_bytes(), (OUT / "log.ndjson").read_bytes()


def never_stop() -> bool:
    """Never stop a run."""
    return False


CASES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "strings": (("hihello", "abcab"), {"epochs": 4, "until_learned": False}),
    "strings in batches": (("hihello", "abcab", "cabbage"), {"epochs": 3, "batch_size": 2}),
    "a stream": (
        (STREAM,),
        {"epochs": 2, "sequence_length": 7, "batch_size": 3, "validation": 0.1, "average": 0.9},
    ),
    "lines": (LINES, {"epochs": 2, "batch_size": 3, "lines": True, "sequence_length": 4}),
}

"""Training in Python.  Only iterating `train` imports torch."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charseq import arguments as check
from charseq.errors import CharseqError
from charseq.system.interrupt import Interrupt
from charseq.text.sources import TextSource
from charseq.text.transcoding import encoding_named
from charseq.text.units import Normalization, Unit

if TYPE_CHECKING:
    from charseq.events import Event


def train(
    text: str | Iterable[str] = (),
    *,
    files: str | Path | Iterable[str | Path] = (),
    lines: bool = False,
    labels: bool = False,
    unique: bool = False,
    unit: Unit = "character",
    normalize: Normalization = "none",
    encoding: str = "utf-8",
    vocabulary: str = "",
    validation_files: str | Path | Iterable[str | Path] = (),
    out: str | Path | None = None,
    force: bool = False,
    init_from: str | Path | None = None,
    resume: str | Path | None = None,
    save_every: float = 60.0,
    stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> "Iterator[Event]":
    """Train on texts or files, and yield every event; the last is an End with the path of the model.

    With `labels`, every line of the texts and files is a label, a tab and a text.

    Training advances as you iterate.  If you stop early, the run ends as interrupted and its model is saved.
    The same happens when `stop` returns true; it is called after every update.  An interrupt (Ctrl-C, or that
    of a notebook) is raised once the model is saved.
    `files` are in an `encoding` that Python knows; `unique` drops repeated `lines`.  With `validation_files`,
    their text is the validation set, and none is held out of the text.
    `settings` are fields of TrainSettings; the others are chosen from the text.  `init_from` names a run, or
    a model file, whose weights and n-gram model the new run starts from.  `resume` names a run to
    resume, or "newest"; its text and settings need not be given again, and only epochs, time_limit, patience,
    device and precision may change.  `save_every` is in seconds.
    Raises UsageError for invalid arguments, CharseqError where the run cannot be written.
    """
    from charseq.native import threads
    from charseq.runs.prepare import prepare
    from charseq.training.torch_requirement import flops_of_device, require_torch

    check.seconds(save_every, "save_every")
    interrupt = Interrupt(check.function(stop, "stop"))
    source = TextSource(
        check.strings(text, "text"),
        check.names(files, "files"),
        check.flag(lines, "lines") or labels,
        check.choice(unit, Unit, "unit"),
        check.choice(normalize, Normalization, "normalize"),
        check.string(vocabulary, "vocabulary"),
        check.flag(labels, "labels"),
        encoding_named(check.string(encoding, "encoding")),
        check.flag(unique, "unique"),
        check.names(validation_files, "validation_files"),
    )
    folder = check.name_or_none(out, "out")
    run = prepare(
        source,
        settings,
        out=None if folder is None else Path(folder),
        force=check.flag(force, "force"),
        resume=check.name_or_none(resume, "resume"),
        parent=check.name_or_none(init_from, "init_from"),
        flops=partial(flops_of_device, settings),
    )
    with run as plan:
        require_torch()
        from charseq.training.loop import train as run_training

        try:
            with contextlib.closing(run_training(plan, stop=interrupt, save_every=save_every)) as events:
                yield from interrupt.deferred(events)
        except RuntimeError as error:  # of CUDA, or of autograd where there is a GPU
            if threads.forked and "fork" in str(error):
                raise CharseqError(
                    f"PyTorch cannot train in this forked process: {error}",
                    hint="start worker processes by 'spawn' or 'forkserver', or before the first training",
                ) from error
            raise

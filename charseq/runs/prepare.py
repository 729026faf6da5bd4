"""Everything that is known before training starts, prepared once for every interface."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from charseq import native
from charseq.errors import UsageError, cannot_combine, quoted
from charseq.model.description import Ancestor
from charseq.model.line_digests import Digests
from charseq.model.network import Network
from charseq.runs.folder import Run, new_run, reopen_run, require_new, runs_folder
from charseq.runs.parent import Parent, load_parent
from charseq.runs.resume import SavedRun, load_run, model_to_resume
from charseq.settings.defaults import choose_settings
from charseq.settings.fine_tuning import choose_fine_tuning
from charseq.settings.network_size import TWO_CORES_FLOPS
from charseq.settings.train_settings import TrainSettings
from charseq.system.suspension import running_time
from charseq.text.corpus import AnyCorpus
from charseq.text.sources import Report, TextSource
from charseq.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class RunPlan:
    """A run that can start: its text, its settings, its network, and its folder once it is opened."""

    corpus: AnyCorpus
    vocabulary: Vocabulary
    settings: TrainSettings
    network: Network
    open_folder: Callable[[], Run]
    """Makes and locks the run's folder.  Raises UsageError or CharseqError where that is not possible."""
    source: TextSource | None = None
    """Where the text comes from, saved so that the run can be resumed; None for a text in memory."""
    resumed: SavedRun | None = None
    parent: Parent | None = None
    """The model whose weights a new run starts from."""
    began: float = field(default_factory=running_time)
    """When reading the text began, on the clock of `running_time`: the time limit counts from here."""

    @property
    def lineage(self) -> tuple[Ancestor, ...]:
        """The models that the run, or the resumed one, started from."""
        if self.resumed is not None:
            return self.resumed.model.lineage
        return self.parent.lineage if self.parent else ()

    @property
    def known_lines(self) -> Digests | None:
        """The digests of the training lines of those models."""
        if self.resumed is not None:
            return self.resumed.model.lines if self.lineage else None
        return self.parent.model.lines if self.parent else None


def plan_run(
    corpus: AnyCorpus,
    vocabulary: Vocabulary,
    settings: TrainSettings,
    *,
    out: Path | None = None,
    force: bool = False,
    **more: Any,
) -> RunPlan:
    """Plan a new run of a text that is open; `more` are further fields of the plan.

    Raises UsageError where the sizes of the network do not fit together.
    """
    more.setdefault("open_folder", partial(new_run, settings.cell, out, force=force))
    return RunPlan(corpus, vocabulary, settings, Network.of(settings, len(vocabulary)), **more)


@contextmanager
def prepare(
    source: TextSource,
    asked: Mapping[str, Any],
    *,
    out: Path | None = None,
    force: bool = False,
    resume: str | None = None,
    parent: str | None = None,
    flops: Callable[[], float] = lambda: TWO_CORES_FLOPS,
    standard_input: BinaryIO | None = None,
    report: Report = lambda message: None,
) -> Iterator[RunPlan]:
    """Prepare a run, cheapest checks first; the text stays open in this context.

    `asked` holds the settings that were given explicitly; the others are chosen from the text.  `out` is the
    run's folder, which `force` may replace; `resume` names a run to resume, or the newest, in its own folder;
    `parent` names a run or a model file whose weights a new run starts from.
    `flops` returns the speed of the device in operations per second, and is called only where sizes depend
    on it.
    Raises UsageError, TextError, ModelFileError, CharseqError; each before PyTorch is needed.
    """
    native.share_cores()
    resumed = None
    if resume is not None:
        if parent is not None:
            raise cannot_combine("--resume", ["--from"], "a resumed run continues from its own weights")
        if out is not None or force:
            raise cannot_combine("--resume", ["--force" if out is None else "--out"])
        resumed = load_run(model_to_resume(resume)).with_changes(asked).with_text(source)
        source = resumed.source
    elif out is not None:
        require_new(out, force=force)
    elif force:
        raise UsageError("--force replaces the run in --out, and --out is missing", hint="add --out FOLDER")
    else:
        runs_folder()
    ancestor = None
    if parent is not None:
        ancestor = load_parent(parent)
        if out is not None and ancestor.path.parent.resolve() == out.resolve():
            raise UsageError(
                f"--out {quoted(out)} would replace the model that training starts from",
                hint="choose another --out",
            )
        source = ancestor.with_its_units(source)
    began = running_time()
    with source.opened(standard_input or io.BytesIO(), report=report) as corpus:
        vocabulary = source.vocabulary(corpus)
        if resumed is not None:
            if resumed.model.lineage:
                vocabulary = resumed.model.vocabulary.extended(vocabulary)
            yield plan_run(
                corpus,
                vocabulary,
                resumed.settings,
                open_folder=partial(
                    reopen_run,
                    resumed.folder,
                    resumed.logged_lines,
                    clock_restarts=resumed.clock_restarts,
                ),
                source=source,
                resumed=resumed,
                began=began,
            )
        else:
            choose: Callable[..., TrainSettings] = choose_settings
            if ancestor is not None:
                vocabulary = ancestor.vocabulary(vocabulary)
                choose = partial(choose_fine_tuning, parent=ancestor.settings)
            settings = choose(corpus, len(vocabulary), asked, flops=flops)
            yield plan_run(
                corpus,
                vocabulary,
                settings,
                out=out,
                force=force,
                source=source,
                parent=ancestor,
                began=began,
            )

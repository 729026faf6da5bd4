"""Load a saved run to resume it, with changed settings or a new source of its text where that is allowed."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from charseq.errors import ModelFileError, TextError, UsageError, quoted
from charseq.model.json_types import parse_dataclass, parse_object
from charseq.model.model_file import Model, ResumeState, read_state
from charseq.model.network import Network
from charseq.runs.folder import NEWEST
from charseq.runs.lock import require_free
from charseq.runs.model_paths import model_path, resolve_name
from charseq.settings.setting import option_name, settings_of
from charseq.settings.train_settings import TrainSettings
from charseq.suggestions import did_you_mean
from charseq.text.sources import STANDARD_INPUT, TextSource

MAX_SAVED_CHARACTERS = 100_000
"""Characters of --text up to which the text itself is saved with a run; of files only the names are saved."""
DIGESTS = ("sha256", "validation_sha256")
"""The names of the digests in the record of a text."""
CHANGEABLE_SETTINGS = ("device", "epochs", "patience", "precision", "sync_every", "time_limit")
"""Settings that may change when a run is resumed."""


def _cannot_change(option: str, saved: str, folder: Path, hint: str = "") -> UsageError:
    return UsageError(
        f"{option} cannot change when a run is resumed: {quoted(folder)} "
        + (f"has {saved}" if saved else "was trained without"),
        hint="omit it, or start a new run" + hint,
    )


@dataclass(frozen=True)
class SavedRun:
    """A run as it was saved, to be resumed."""

    folder: Path
    model: Model
    state: ResumeState
    settings: TrainSettings
    source: TextSource
    changed: bool = False
    """Whether settings have been changed."""

    @property
    def finished(self) -> bool:
        """Whether the run has completed."""
        return bool(self.state.progress.get("finished"))

    @property
    def clock_restarts(self) -> bool:
        """Whether its elapsed seconds were not saved, so that those of the resumed run begin at 0."""
        return "seconds" not in self.state.progress

    @property
    def logged_lines(self) -> int:
        """The number of lines in its log when it was saved."""
        lines = self.state.progress.get("logged")
        return min(lines, sys.maxsize) if type(lines) is int and lines > 0 else 0

    def with_changes(self, asked: Mapping[str, Any]) -> "SavedRun":
        """Return the run with changed settings.  Raises UsageError for a setting that may not change."""
        known = [*settings_of(TrainSettings)]
        for name, value in asked.items():
            if name not in known:
                raise UsageError(f"no such setting: {name}", hint=did_you_mean(name, known))
            saved = getattr(self.settings, name)
            if name not in CHANGEABLE_SETTINGS and value != saved:
                changeable = ", ".join(map(option_name, CHANGEABLE_SETTINGS))
                raise _cannot_change(
                    f"{option_name(name)} {value}", f"{saved}", self.folder, f"; only {changeable} can change"
                )
        changes = {name: asked[name] for name in CHANGEABLE_SETTINGS if name in asked}
        if "epochs" in changes:
            changes["until_learned"] = False
        settings = replace(self.settings, **changes)
        return replace(self, settings=settings, changed=settings != self.settings)

    def with_text(self, source: TextSource) -> "SavedRun":
        """Return the run with its text from another source; if `source` has no text, from the saved one.

        Raises UsageError if the text would be read differently, TextError if the saved source is gone.
        """
        for name in ("labels", "lines", "unit", "normalization", "extra", "encoding", "unique"):
            value, saved = getattr(source, name), getattr(self.source, name)
            if value not in (getattr(TextSource(), name), saved):
                option = {"normalization": "normalize", "extra": "vocabulary"}.get(name, name)
                asked = f"--{option}" if value is True else f"--{option} {value}"
                raise _cannot_change(asked, f"{saved}" if saved else "", self.folder)
        if source.validation_files and not self.source.validation_files:
            raise _cannot_change(f"--validation-file {quoted(source.validation_files[0])}", "", self.folder)
        saved = self.source
        if source.texts or source.files:
            saved = replace(saved, texts=source.texts, files=source.files)
        elif saved.texts or saved.files:
            self._require_found(saved.files, "text", "--file")
        else:
            raise TextError(
                f"the text of {quoted(self.folder)} was not saved",
                hint="give it again with --text or --file",
            )
        if source.validation_files:
            saved = replace(saved, validation_files=source.validation_files)
        else:
            self._require_found(saved.validation_files, "validation text", "--validation-file")
        return replace(self, source=saved)

    def _require_found(self, files: Sequence[str], kind: str, option: str) -> None:
        """Raise TextError for saved files that are gone, or that were standard input."""
        name = quoted(self.folder)
        if STANDARD_INPUT in files:
            raise TextError(f"the {kind} of {name} was standard input", hint=f"give it again with {option} -")
        for file in files:
            if not Path(file).is_file() and not Path(file).is_dir():
                raise TextError(
                    f"the {kind} of {name} is not found at {quoted(file)}",
                    hint=f"change to the folder in which it was trained (cd), or use {option}",
                )


def load_run(path: Path) -> SavedRun:
    """Return the run of a model file.  Raises ModelFileError if it cannot be resumed."""
    model, state = read_state(path)
    try:
        settings = parse_dataclass(TrainSettings, model.training["settings"])
        text = parse_object(state.progress["text"], "text")
        source = parse_source(text)
        if Network.of(settings, len(model.vocabulary)) != model.network:
            raise ValueError("its settings are those of another network")
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise ModelFileError(
            f"{quoted(path)} cannot be resumed: {error}", hint="train again, without --resume"
        ) from error
    return SavedRun(path.parent, model, state, settings, source)


def model_to_resume(run: str) -> Path:
    """Return the model file of a run to resume: of a folder, a file, or the newest run.

    Raises ModelFileError if there is none, CharseqError if another process trains in its folder.
    """
    if run != NEWEST:
        folder = resolve_name(run)
        require_free(folder if folder.is_dir() else folder.parent)
    try:
        path = model_path(None if run == NEWEST else run)
    except ModelFileError as error:
        if run == NEWEST and "--model" in error.hint:  # train does not have --model
            raise ModelFileError(error.message, hint="train one, or name its folder with --resume") from None
        raise
    require_free(path.parent)
    return path


def text_record(source: TextSource | None, digests: Mapping[str, str]) -> dict[str, Any]:
    """Return what a run saves about its text: `digests` of its ids, and its source unless it is long."""
    source = source or TextSource()
    if sum(map(len, source.texts)) > MAX_SAVED_CHARACTERS:
        source = replace(source, texts=(), files=())
    record = {**asdict(source), **digests}
    for name in ("labels", "validation_files"):
        if not record[name]:
            del record[name]  # as files of earlier versions are
    return record


def parse_source(text: Mapping[str, Any]) -> TextSource:
    """Return the source of a text from its record.  Raises ValueError."""
    return parse_dataclass(TextSource, {name: text[name] for name in text if name not in DIGESTS})

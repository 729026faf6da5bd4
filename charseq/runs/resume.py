"""A run that is to go on: what it was told, what of that may be changed, and where its text is."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from charseq.errors import ModelFileError, TextError, UsageError
from charseq.model.json_types import parse_dataclass, parse_object
from charseq.model.model_file import Model, ResumeState, read_state
from charseq.model.network import Network
from charseq.runs.folder import NEWEST
from charseq.runs.lock import require_free
from charseq.runs.model_paths import located, model_path
from charseq.settings.setting import option_name
from charseq.settings.train_settings import TrainSettings
from charseq.suggestions import did_you_mean
from charseq.text.sources import STANDARD_INPUT, TextSource

MAX_SAVED_CHARACTERS = 100_000
"""Characters of strings that are kept, so that they need not be given again; files are only named."""
CHANGEABLE = {"epochs", "time_limit", "patience", "device"}
"""Settings by which a run goes on for longer, or elsewhere, and is still the same."""


@dataclass(frozen=True)
class SavedRun:
    """A run as it was left."""

    folder: Path
    model: Model
    state: ResumeState
    settings: TrainSettings
    source: TextSource
    """Its text, as it was given."""
    changed: bool = False
    """Whether it goes on with other settings."""

    @property
    def finished(self) -> bool:
        """Whether it had come to its end."""
        return bool(self.state.progress.get("finished"))

    @property
    def logged(self) -> int:
        """Lines of its log."""
        lines = self.state.progress.get("logged")
        return min(lines, sys.maxsize) if type(lines) is int and lines > 0 else 0

    def with_changes(self, asked: Mapping[str, Any]) -> "SavedRun":
        """Go on with other settings, where they are such that may change.

        Raises UsageError for any other, and says which.
        """
        known = [field.name for field in fields(TrainSettings)]
        for name, value in asked.items():
            if name not in known:
                raise UsageError(f"no such setting: {name}", hint=did_you_mean(name, known))
            before = getattr(self.settings, name)
            if name not in CHANGEABLE and value != before:
                raise UsageError(
                    f"{option_name(name)} {value} would make it another run; {self._name} has {before}",
                    hint=f"leave it out, or train anew; what may change is "
                    f"{', '.join(sorted(map(option_name, CHANGEABLE)))}",
                )
        changed = {name: asked[name] for name in CHANGEABLE & asked.keys()}
        if "epochs" in changed:
            changed["until_learned"] = False
        settings = replace(self.settings, **changed)
        return replace(self, settings=settings, changed=settings != self.settings)

    def with_text(self, given: TextSource) -> "SavedRun":
        """Go on with the text as it is now given; where none is, as it was before.

        Raises UsageError where it is to be read in another way, TextError where it is not there any more.
        """
        for name in ("lines", "unit", "normalization", "extra"):
            now, before = getattr(given, name), getattr(self.source, name)
            if now not in (getattr(TextSource(), name), before):
                shown = {"normalization": "normalize", "extra": "vocabulary"}.get(name, name)
                raise UsageError(
                    f"--{shown} {now} would make it another run; {self._name} has {before}",
                    hint="leave it out, or train anew",
                )
        if given.texts or given.files:
            return replace(self, source=replace(self.source, texts=given.texts, files=given.files))
        if not self.source.texts and not self.source.files:
            raise TextError(f"where the text of {self._name} is was not kept", hint="give it again")
        if STANDARD_INPUT in self.source.files:
            raise TextError(
                f"the text of {self._name} came from standard input", hint="give it again, by --file -"
            )
        for name in self.source.files:
            if not Path(name).is_file():
                raise TextError(
                    f"the text of {self._name} is not at {name!r}, as seen from here",
                    hint="go to the folder it was trained from, or say by --file where the text is",
                )
        return self

    @property
    def _name(self) -> str:
        return repr(str(self.folder))


def load_run(path: Path) -> SavedRun:
    """The run of a model file.  Raises ModelFileError where there is none that could go on."""
    model, state = read_state(path)
    try:
        settings = parse_dataclass(TrainSettings, model.training["settings"])
        text = parse_object(state.progress["text"], "text")
        given = parse_dataclass(TextSource, {name: value for name, value in text.items() if name != "sha256"})
        if Network.of(settings, len(model.vocabulary)) != model.network:
            raise ValueError("its settings are those of another network")
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise ModelFileError(
            f"{str(path)!r} holds no run that could go on: {error}", hint="train again, without --resume"
        ) from error
    return SavedRun(path.parent, model, state, settings, given)


def model_to_resume(run: str) -> Path:
    """The model file of a run that is to go on: a folder, a file, or the newest.

    Raises ModelFileError where there is none, CharseqError where another process trains in it.
    """
    if run != NEWEST:
        folder = located(run)
        require_free(folder if folder.is_dir() else folder.parent)
    try:
        path = model_path(None if run == NEWEST else run)
    except ModelFileError as error:
        if run == NEWEST and "--model" in error.hint:  # which train does not have
            raise ModelFileError(error.message, hint="train one, or name its folder by --resume") from None
        raise
    require_free(path.parent)
    return path


def text_record(given: TextSource | None, digest: str) -> dict[str, Any]:
    """What a run remembers of its text: its hash, and where it is, unless it is itself long."""
    given = given or TextSource()
    if sum(map(len, given.texts)) > MAX_SAVED_CHARACTERS:
        given = replace(given, texts=(), files=())
    return {**asdict(given), "sha256": digest}

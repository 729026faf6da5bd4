"""Which model a command uses: one that is named, or the newest, or of a comparison the best."""

import os
from collections.abc import Sequence
from math import inf
from pathlib import Path

from charseq.errors import ModelFileError
from charseq.runs.folder import LOG, MODEL, all_runs, compared, file_in, runs_folder
from charseq.runs.history import Summary, summary
from charseq.runs.lock import holder
from charseq.runs.numbers import NUMBERED, numbered
from charseq.suggestions import did_you_mean


def model_path(model: str | None) -> Path:
    """Return the model file of --model (a run, a comparison or a file, see `located`), or of the newest run.

    Of a comparison it is that of the best run.  Raises ModelFileError.
    """
    if model is not None:
        return _named(model)
    folders = numbered(runs_folder())
    runs = [(folder, compared(folder)) for folder in folders]
    trained = [found for folder, among in runs if (found := _best(among) if among else _trained(folder))]
    if trained:
        sound = (run for run in reversed(trained) if not _is_untrained(summary(run)))
        return next(sound, trained[-1]) / MODEL
    if folders:
        raise _no_model(next(filter(holder, reversed(folders)), folders[-1]))
    raise ModelFileError(
        f"there is no trained model in {str(runs_folder())!r}",
        hint="train one (charseq train --text hihello), or name one with --model",
    )


def of_comparison(path: Path, named: str | None) -> int:
    """Return among how many runs of a comparison a model was chosen; 0 where it was named, or is alone."""
    runs = compared(path.parent.parent)
    chosen = path.parent in runs and (named is None or located(named) == path.parent.parent)
    return len(runs) if chosen else 0


def located(model: str) -> Path:
    """Return the path that a name stands for: itself, or if there is none, that in the folder of runs.

    Raises ModelFileError, which suggests runs, if neither exists but a run has a similar name.
    """
    path = Path(model)
    in_a_run = path.name == MODEL and path.parent.is_dir()  # which may not have saved its model yet
    if os.path.lexists(path) or in_a_run or path.is_absolute() or ".." in path.parts:
        return path
    inside = runs_folder() / path
    if os.path.lexists(inside):
        return inside
    names = [name for run in all_runs() for name in (str(run), str(run.relative_to(runs_folder())))]
    if question := did_you_mean(model, names):
        raise ModelFileError(f"there is no model {model!r}", hint=f"{question} charseq runs lists them all")
    return path


def _named(model: str) -> Path:
    path = located(model)
    if not path.is_dir() and (file := file_in(path)) not in (None, path):
        raise ModelFileError(
            f"there is no model {model!r}: {str(file)!r} is a file", hint="name a run or a model file"
        )
    if best := _best(compared(path)):
        return best / MODEL
    folder = path if path.is_dir() else path.parent
    if path in (folder, folder / MODEL) and not os.path.lexists(folder / MODEL):
        raise _no_model(folder)
    return path / MODEL if path.is_dir() else path


def _trained(folder: Path) -> Path | None:
    return folder if (folder / MODEL).is_file() else None


def _best(runs: Sequence[Path]) -> Path | None:
    """Return the best run of a comparison; None where none has a model."""
    trained = [run for run in runs if (run / MODEL).is_file()]
    return min(trained, key=lambda run: _rank(summary(run)), default=None)


def _rank(run: Summary) -> tuple[bool, float, float, float]:
    """Lower is better: a complete run, then the validation loss, or the accuracy and the loss."""
    loss = inf if run.loss is None else run.loss
    validation_loss = inf if run.validation_loss is None else run.validation_loss
    return run.status != "completed", validation_loss, -(run.accuracy or 0.0), loss


def _is_untrained(run: Summary) -> bool:
    """Whether a run diverged before it had better weights than the initial ones."""
    return run.status == "diverged" and run.best_epoch == 0


def _no_model(folder: Path) -> ModelFileError:
    """Return the error for a folder without a model: say whether a training is under way there, or was."""
    name = repr(str(folder))
    if process := holder(folder):
        return ModelFileError(
            f"{name} is still training ({process}) and has not saved a model yet",
            hint="wait for its first save (--save-every, 60 s by default), or press Ctrl-C there to save",
        )
    if NUMBERED.fullmatch(folder.name) or os.path.lexists(folder / LOG):
        return ModelFileError(
            f"{name} has no model: its training ended before one was saved",
            hint="train again (charseq train), or name another run; charseq runs lists them",
        )
    return ModelFileError(
        f"there is no model in the folder {name}", hint="name the folder of a run, or a model file"
    )

"""Find the model that a command uses: by name, the newest, or the best of a comparison."""

import os
from collections.abc import Sequence
from math import inf
from pathlib import Path

from charseq.errors import ModelFileError, quoted
from charseq.runs.folder import (
    LOG,
    MODEL,
    all_runs,
    comparison_runs,
    file_in_path,
    runs_folder,
    runs_path,
)
from charseq.runs.history import Summary, summary
from charseq.runs.lock import lock_holder
from charseq.runs.numbers import RUN_NAME, numbered_runs
from charseq.suggestions import did_you_mean


def model_path(model: str | None) -> Path:
    """Return the model file of a named run, comparison (its best run) or file; if None, of the newest run.

    Raises ModelFileError.
    """
    if model is not None:
        return _named_model(model)
    folders = numbered_runs(runs_folder())
    with_model = [run for folder in folders if (run := best_run(comparison_runs(folder) or [folder]))]
    if with_model:
        trained = (run for run in reversed(with_model) if not _is_untrained(summary(run)))
        return next(trained, with_model[-1]) / MODEL
    if folders:
        raise _no_model(next(filter(lock_holder, reversed(folders)), folders[-1]))
    raise ModelFileError(
        f"there is no trained model in {quoted(runs_folder())}",
        hint="train one (charseq train --text hihello), or name one with --model",
    )


def comparison_size(path: Path, named: str | None) -> int:
    """Return the number of compared runs that a model was chosen from; 0 if it was not chosen."""
    runs = comparison_runs(path.parent.parent)
    chosen = path.parent in runs and (named is None or resolve_name(named) == path.parent.parent)
    return len(runs) if chosen else 0


def resolve_name(model: str, kind: str = "model") -> Path:
    """Return the path of a named run or model: the name as a path, or else that path in the folder of runs.

    A number that is neither is that of a run, such as 12, or of a run in a comparison, such as 12/3.  `kind`
    is what a message calls it.  Raises ModelFileError if there is no run with the number, and, with
    suggestions, if neither path exists but a run has a similar name.
    """
    path = Path(model)
    in_a_run = path.name == MODEL and path.parent.is_dir()  # the run may not have saved its model yet
    if os.path.lexists(path) or in_a_run or path.is_absolute() or ".." in path.parts:
        return path
    inside = runs_folder() / path
    if os.path.lexists(inside):
        return inside
    if numbered := _numbered_run(model):
        return numbered
    names = [name for run in all_runs() for name in (str(run), str(run.relative_to(runs_folder())))]
    if question := did_you_mean(model, names):
        raise ModelFileError(f"there is no {kind} {quoted(model)}", hint=f"{question} {listing()}")
    return path


def _numbered_run(name: str) -> Path | None:
    """Return the run of a number, such as 12, or of a number in a comparison, such as 12/3.

    None if the name is not a number.  Raises ModelFileError if there is no such run.
    """
    numbers = name.rstrip("/").split("/")
    if not all(n.isascii() and n.isdecimal() and len(n) < 19 for n in numbers):
        return None
    path = runs_folder()
    for number in numbers:
        matches = ((RUN_NAME.fullmatch(run.name), run) for run in numbered_runs(path))
        same = [run for match, run in matches if match and int(match[1]) == int(number)]
        if not same:
            raise ModelFileError(f"there is no run {int(number)} in {quoted(path)}", hint=listing())
        path = same[-1]
    return path


def _named_model(model: str) -> Path:
    path = resolve_name(model)
    if not path.is_dir() and (file := file_in_path(path)) not in (None, path):
        raise ModelFileError(
            f"there is no model {quoted(model)}: {quoted(file)} is a file",
            hint=f"name a run or a model file; {listing()}",
        )
    if best := best_run(comparison_runs(path)):
        return best / MODEL
    folder = path if path.is_dir() else path.parent
    if path in (folder, folder / MODEL) and not os.path.lexists(folder / MODEL):
        raise _no_model(folder)
    if not os.path.lexists(path):
        raise ModelFileError(f"there is no model {quoted(model)}", hint=listing())
    return path / MODEL if path.is_dir() else path


def listing() -> str:
    return f"'charseq runs' lists the runs in {quoted(f'{runs_path()}/')}"


def best_run(runs: Sequence[Path]) -> Path | None:
    """Return the best run that has a model; None if none has."""
    with_model = [run for run in runs if (run / MODEL).is_file()]
    if len(with_model) < 2:
        return with_model[0] if with_model else None
    return min(with_model, key=lambda run: _rank(summary(run)))


def _rank(run: Summary) -> tuple[bool, float, float, float]:
    """Return a sort key, lower for better runs: completed, then validation loss, then accuracy and loss."""
    loss = inf if run.loss is None else run.loss
    validation_loss = inf if run.validation_loss is None else run.validation_loss
    return run.status != "completed", validation_loss, -(run.accuracy or 0.0), loss


def _is_untrained(run: Summary) -> bool:
    """Return whether a run diverged before it had better weights than the initial ones."""
    return run.status == "diverged" and run.best_epoch == 0


def _no_model(folder: Path) -> ModelFileError:
    """Return the error for a folder without a model; it tells a running or ended run from other folders."""
    name = quoted(folder)
    if process := lock_holder(folder):
        return ModelFileError(
            f"{name} is still training ({process}) and has not saved a model yet",
            hint="wait for its first save (--save-every, 60 s by default), or press Ctrl-C there to save",
        )
    if RUN_NAME.fullmatch(folder.name) or os.path.lexists(folder / LOG):
        return ModelFileError(
            f"{name} has no model: its training ended before one was saved",
            hint=f"train again (charseq train), or name another run; {listing()}",
        )
    return ModelFileError(
        f"there is no model in the folder {name}",
        hint=f"name the folder of a run, or a model file; {listing()}",
    )

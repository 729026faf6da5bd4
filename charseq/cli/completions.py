"""Shell completions for the names of cells, runs and labels.  Only labels import NumPy, and none torch."""

from pathlib import Path

import typer


def cells(incomplete: str) -> list[str]:
    """Return the cells whose names begin with a text."""
    from charseq.cells import CELLS, registered

    return [name for name in (*CELLS, *registered()) if name.startswith(incomplete)]


def several_cells(incomplete: str) -> list[str]:
    """Return the lists of cells that continue a list, such as "rnn,ls"."""
    before, comma, last = incomplete.rpartition(",")
    return [before + comma + name for name in (*cells(last), *(["all"] if "all".startswith(last) else []))]


def compared_cells(incomplete: str) -> list[str]:
    """Return the lists of cells that continue a list, which can have the n-gram model, too."""
    from charseq.cells import NGRAM

    before, comma, last = incomplete.rpartition(",")
    return [*several_cells(incomplete), *([before + comma + NGRAM] if NGRAM.startswith(last) else [])]


def measures(incomplete: str) -> list[str]:
    """Return the lists of measures that continue a list, such as "loss,acc"."""
    from charseq.runs.curves import MEASURES

    before, comma, last = incomplete.rpartition(",")
    return [before + comma + name for name in MEASURES if name.startswith(last)]


def runs(incomplete: str) -> list[str]:
    """Return the runs and comparisons, newest first: matching folders, otherwise names in runs/."""
    from charseq.errors import CharseqError
    from charseq.runs.folder import comparison_runs, runs_folder
    from charseq.runs.numbers import numbered_runs

    try:
        root = runs_folder()
    except CharseqError:  # a shell expects names, not messages
        return []
    folders = [path for run in reversed(numbered_runs(root)) for path in (run, *comparison_runs(run))]
    paths = [str(run) for run in folders if str(run).startswith(incomplete)]
    names = (str(run.relative_to(root)) for run in folders)
    return paths or [name for name in names if name.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Return the runs that have a model, newest first: matching folders, otherwise names in runs/."""
    from charseq.runs.folder import MODEL

    return _runs_with(MODEL, incomplete)


def logged_runs(incomplete: str) -> list[str]:
    """Return the runs that have a log, as `models` does."""
    from charseq.runs.folder import LOG

    return _runs_with(LOG, incomplete)


def imports(incomplete: str) -> list[str]:
    """Return the exported folders and the .safetensors files whose paths begin with a text."""
    from charseq.model.tensor_file import is_exported

    parent, slash, _ = incomplete.rpartition("/")
    try:
        found = sorted(Path(parent + slash or ".").iterdir())
    except (OSError, ValueError):
        return []
    kept = [path.name for path in found if path.suffix == ".safetensors" or is_exported(path)]
    return [path for name in kept if (path := f"{parent}{slash}{name}").startswith(incomplete)]


def _runs_with(file: str, incomplete: str) -> list[str]:
    from charseq.errors import CharseqError
    from charseq.runs.folder import all_runs, runs_folder

    try:
        runs, root = all_runs(), runs_folder()
    except CharseqError:  # a shell expects names, not messages
        return []
    complete = [run for run in reversed(runs) if (run / file).is_file()]
    paths = [str(run) for run in complete if str(run).startswith(incomplete)]
    names = (str(run.relative_to(root)) for run in complete)
    return paths or [name for name in names if name.startswith(incomplete)]


def labels(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the labels of the model of a command line, by default of the newest run."""
    from charseq.errors import CharseqError
    from charseq.model.model_file import describe
    from charseq.runs.model_paths import model_path

    try:
        names = describe(model_path(ctx.params.get("model"))).vocabulary.label_names
    except CharseqError:
        return []
    return [name for name in names if name.startswith(incomplete)]

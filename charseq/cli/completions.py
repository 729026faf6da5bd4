"""Names that a shell can complete: of cells, and of runs.  Imports neither torch nor NumPy."""


def cells(incomplete: str) -> list[str]:
    """Cells whose names begin so."""
    from charseq.cells import CELLS, registered

    return [name for name in (*CELLS, *registered()) if name.startswith(incomplete)]


def several_cells(incomplete: str) -> list[str]:
    """The same behind the last of several commas."""
    before, comma, last = incomplete.rpartition(",")
    return [before + comma + name for name in (*cells(last), *(["all"] if "all".startswith(last) else []))]


def models(incomplete: str) -> list[str]:
    """The runs that have a model, the newest first: folders that begin so, or else names in runs/."""
    from charseq.errors import CharseqError
    from charseq.runs.folder import MODEL, all_runs, runs_folder

    try:
        runs, root = all_runs(), runs_folder()
    except CharseqError:  # a shell waits for names, not for messages
        return []
    trained = [run for run in reversed(runs) if (run / MODEL).is_file()]
    paths = [str(run) for run in trained if str(run).startswith(incomplete)]
    names = (str(run.relative_to(root)) for run in trained)
    return paths or [name for name in names if name.startswith(incomplete)]

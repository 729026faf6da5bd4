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
    """The folders of runs that have a model, the newest first, whose paths begin so."""
    from charseq.errors import CharseqError
    from charseq.run_numbers import numbered
    from charseq.runs import MODEL, runs_folder

    try:
        runs = numbered(runs_folder())
    except CharseqError:  # a shell waits for names, not for messages
        return []
    found = [str(run) for run in reversed(runs) if (run / MODEL).is_file()]
    return [path for path in found if path.startswith(incomplete)]

"""The numbers in the names of runs; no number is used twice."""

import contextlib
import re
from pathlib import Path

RUN_NAME = re.compile(r"(\d{4,})-.+")
"""The name of a run's folder, such as 0001-gru."""
RECORD = re.compile(r"\.last-(\d{4,18})")
"""The name of the file that records the highest number used so far."""


def numbered_runs(root: Path) -> list[Path]:
    """Return the runs in a folder, oldest first."""
    if not root.is_dir():
        return []
    runs = [
        (int(match[1]), path.name, path)
        for path in root.iterdir()
        if (match := RUN_NAME.fullmatch(path.name))
    ]
    return [path for _, _, path in sorted(runs)]


def unnumbered_runs(root: Path, log: str) -> list[Path]:
    """Return the other folders in a folder that have a file with the name of a log, by their names."""
    if not root.is_dir():
        return []
    others = (path for path in root.iterdir() if not RUN_NAME.fullmatch(path.name))
    return sorted(path for path in others if (path / log).is_file())


def next_folder(root: Path, cell: str) -> Path:
    """Create the folder of the next run.  Raises OSError if that fails."""
    root.mkdir(parents=True, exist_ok=True)
    while True:
        present = (int(path.name.split("-")[0]) for path in numbered_runs(root))
        number = max(_recorded(root), *present, 0) + 1
        folder = root / f"{number:04d}-{cell}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        same_number = sum(path.name.startswith(f"{number:04d}-") for path in numbered_runs(root))
        if same_number == 1 and _recorded(root) < number:
            _record(root, number)
            return folder
        folder.rmdir()


def numbered_folder(root: Path, number: int, cell: str) -> Path:
    """Create the folder of the run with a number that was reserved for it.  Raises OSError if that fails."""
    folder = root / f"{number:04d}-{cell}"
    folder.mkdir(parents=True)
    keep_number(folder)
    return folder


def keep_number(folder: Path) -> None:
    """Record the number of a run, unless that of a later run is recorded."""
    match = RUN_NAME.fullmatch(folder.name)
    if match and _recorded(folder.parent) < int(match[1]):
        _record(folder.parent, int(match[1]))


def _recorded(root: Path) -> int:
    """Return the highest number used so far in a folder; 0 if none is recorded.

    The record is the name of an empty file: creating it is atomic and needs no lock, and it has no content
    that could be damaged.
    """
    matches = (RECORD.fullmatch(path.name) for path in root.glob(".last-*"))
    return max((int(match[1]) for match in matches if match), default=0)


def _record(root: Path, number: int) -> None:
    """Record a run's number, so that it stays used if the run is removed; ignore failure."""
    with contextlib.suppress(OSError):
        (root / f".last-{number:04d}").touch()
        for path in root.glob(".last-*"):
            match = RECORD.fullmatch(path.name)
            if match and int(match[1]) < number:
                path.unlink(missing_ok=True)

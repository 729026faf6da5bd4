"""The numbers of runs: each folder has one, and none is used again."""

import contextlib
import re
from pathlib import Path

NUMBERED = re.compile(r"(\d{4,})-.+")
_RECORD = re.compile(r"\.last-(\d{4,18})")
"""The name of a file that records the highest number a run was ever given."""


def numbered(root: Path) -> list[Path]:
    """The runs in a folder, oldest first."""
    if not root.is_dir():
        return []
    found = [
        (int(match[1]), path.name, path)
        for path in root.iterdir()
        if (match := NUMBERED.fullmatch(path.name))
    ]
    return [path for _, _, path in sorted(found)]


def next_folder(root: Path, cell: str) -> Path:
    """Make the folder of the next run.  Raises OSError where it cannot be made."""
    root.mkdir(parents=True, exist_ok=True)
    while True:
        present = (int(path.name.split("-")[0]) for path in numbered(root))
        number = max(_recorded(root), *present, 0) + 1
        folder = root / f"{number:04d}-{cell}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        same_number = sum(path.name.startswith(f"{number:04d}-") for path in numbered(root))
        if same_number == 1 and _recorded(root) < number:
            _record(root, number)
            return folder
        folder.rmdir()


def _recorded(root: Path) -> int:
    """Return the highest number that a run in a folder was ever given; 0 if none is recorded.

    The record is the name of an empty file.  To create one is atomic and needs no lock, and it has no content
    that could be damaged.
    """
    matches = (_RECORD.fullmatch(path.name) for path in root.glob(".last-*"))
    return max((int(match[1]) for match in matches if match), default=0)


def _record(root: Path, number: int) -> None:
    """Remember the number of a run, for when it is removed; where that fails, only present runs count."""
    with contextlib.suppress(OSError):
        (root / f".last-{number:04d}").touch()
        for path in root.glob(".last-*"):
            match = _RECORD.fullmatch(path.name)
            if match and int(match[1]) < number:
                path.unlink(missing_ok=True)

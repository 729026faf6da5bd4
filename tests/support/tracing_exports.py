"""Exports that are killed, or fail, at every system call: `python -m tests.support.tracing_exports kill old`.

The second word is what has the name before: `old` is a former export, `nothing` nothing.  A third is the
number of system calls from one kill to the next.  Prints a JSON line for each round.  It is a program of its
own, because it forks.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from charseq.errors import CharseqError
from charseq.export.output import write
from tests.support.tracing import CHANGING, IO_ERROR, NO_SPACE, failed, killed

CALLS = {**CHANGING, 83: "mkdir", 258: "mkdirat"}
PATH = Path("exports/shared")
VERSIONS = {
    version: {name: f"{version} {name}".encode() for name in ("model", "README")}
    for version in ("old", "new")
}


def _state() -> str:
    """Return which export has the name: "old", "new", "nothing", or "neither" for a mixed or cut one."""
    if not PATH.exists():
        return "nothing"
    files = {path.name: path.read_bytes() for path in PATH.iterdir()}
    return next((version for version, expected in VERSIONS.items() if files == expected), "neither")


def _rounds(kind: str, before: str, step: int = 1) -> None:
    def export() -> None:
        try:
            write(PATH, VERSIONS["new"], is_folder=True, force=True)
        except CharseqError as error:
            os._exit(1 if error.message and error.hint else 70)

    for number in range(1, 1000, step):
        shutil.rmtree(PATH.parent, ignore_errors=True)
        PATH.parent.mkdir()
        (PATH.parent / "other").write_bytes(b"precious")
        if before == "old":
            PATH.mkdir()
            for name, data in VERSIONS["old"].items():
                (PATH / name).write_bytes(data)
        if kind == "kill":
            result: Any = killed(export, number) or None
        else:
            result = failed(export, number, NO_SPACE if number % 2 else IO_ERROR, CALLS)
        if result is None:
            return
        state, remaining = _state(), sorted(path.name for path in PATH.parent.iterdir())
        write(PATH, VERSIONS["new"], is_folder=True, force=True)
        after = sorted(path.name for path in PATH.parent.iterdir())
        record = {"result": result, "state": state, "remaining": remaining, "after": [_state(), *after]}
        print(json.dumps(record), flush=True)  # noqa: T201
    raise AssertionError("an export does not end")


if __name__ == "__main__":
    _rounds(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))

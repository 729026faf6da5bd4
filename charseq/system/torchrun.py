"""The place of this process among the processes that torchrun, or another launcher, has started."""

import os
from dataclasses import dataclass

from charseq.errors import UsageError

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""The variables of the environment that describe a place, as PyTorch documents them."""
REMEDY = "start charseq with torchrun --nproc-per-node N -m charseq train ..., or unset these variables"


@dataclass(frozen=True)
class Place:
    """A process by its number."""

    rank: int = 0
    processes: int = 1
    local_rank: int = 0
    """Its number among the processes of this machine."""
    address: str = "localhost"
    """The machine on which the processes find each other."""
    port: int = 0
    launcher_has_store: bool = False
    """Whether the launcher listens there; otherwise process 0 does."""
    job: str = ""
    """What the starts of one job on a machine have in common; empty without torchrun."""

    def __str__(self) -> str:
        """Return "process 1 of 2"."""
        return f"process {self.rank} of {self.processes}"


def place() -> Place:
    """Return the place of this process, the only one without these variables.

    Raises UsageError where some of them are missing or invalid.
    """
    if not any(os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")):
        return Place()
    missing = [name for name in ("RANK", "WORLD_SIZE") if not os.environ.get(name)]
    if not missing and os.environ.get("WORLD_SIZE") != "1":
        missing = [name for name in VARIABLES if not os.environ.get(name)]
    if missing:
        present = next(name for name in VARIABLES if os.environ.get(name))
        raise UsageError(
            f"the environment has {present} but not {' and '.join(missing)}, which several processes require",
            hint=REMEDY,
        )
    processes = _number("WORLD_SIZE", 1, 1 << 20)
    rank = _number("RANK", 0, processes - 1)
    if processes == 1:
        return Place(job=_job())
    return Place(
        rank,
        processes,
        _number("LOCAL_RANK", 0, rank),
        os.environ["MASTER_ADDR"],
        _number("MASTER_PORT", 1, (1 << 16) - 1),
        os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
        _job(),
    )


def prefix() -> str:
    """Return "process 1 of 2: ", which begins the errors of one of several processes; empty for a single one.

    Also where the environment is invalid.
    """
    try:
        here = place()
    except UsageError:
        return ""
    return f"{here}: " if here.processes > 1 else ""


def follows() -> bool:
    """Return whether another process leads this one, and reports for it."""
    try:
        return place().rank > 0
    except UsageError:
        return False


def _job() -> str:
    """Return the job's identifier, which need not be unique, and the process of torchrun."""
    job = os.environ.get("TORCHELASTIC_RUN_ID", "")
    return f"{job} {os.getppid()}" if job else ""


def _number(name: str, low: int, high: int) -> int:
    text = os.environ.get(name) or "0"
    if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
        raise UsageError(f"{name} is {text!r}, not a whole number from {low} to {high}", hint=REMEDY)
    return int(text)

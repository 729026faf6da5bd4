"""Training with other processes: join them, follow process 0, and end together."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

from charseq.cli.errors import print_error
from charseq.cli.signals import Stop
from charseq.errors import CharseqError, ExitCode, RequirementNotMet
from charseq.system.torchrun import Place, place

if TYPE_CHECKING:
    from charseq.training.distributed import ProcessGroup
    from charseq.training.processes import Processes


@contextmanager
def joined(stop: Stop) -> Iterator["Processes"]:
    """Join the processes that torchrun has started, if any.  Process 0 continues here; the others follow it.

    Raises CharseqError if a process is missing or lost, UsageError for an invalid environment, and typer.Exit
    in a process that has followed to the end.
    """
    here = place()
    if here.processes == 1:
        from charseq.training.processes import ALONE

        yield ALONE
        return
    group = _join(here, stop)
    with _left_at_the_end(group):
        if here.rank:
            from charseq.training.following import follow

            raise typer.Exit(follow(group, lambda: _start(stop)))
        yield group


def _join(here: Place, stop: Stop) -> "ProcessGroup":
    from charseq.training.torch_requirement import require_torch

    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # else a lost process is also reported in C++
    require_torch()
    from charseq.training.distributed import ProcessGroup

    return ProcessGroup(here, _abort, lambda: stop.signal or 0, stop.pass_on)


@contextmanager
def _left_at_the_end(group: "ProcessGroup") -> Iterator[None]:
    """Leave the group when the work of this process has ended, or failed."""
    try:
        yield
    except (typer.Exit, RequirementNotMet) as end:
        group.leave(end.exit_code)
        raise
    except BaseException as error:
        code = error.exit_code if isinstance(error, CharseqError) else ExitCode.BUG
        led = group.fail(ExitCode.INTERRUPTED if isinstance(error, KeyboardInterrupt) else code)
        if led is not None:  # process 0 has failed before, and reports it
            raise typer.Exit(led) from error
        raise
    else:
        group.leave(ExitCode.DONE)


def _start(stop: Stop) -> None:
    """From now on, a signal asks process 0 to save the model."""
    stop.training_started = True


def _abort(error: CharseqError, exit_code: int | None) -> NoReturn:
    """End this process at once, while it waits for one that is lost."""
    if exit_code is None:
        print_error(error.message, error.hint, error)
        sys.stderr.flush()
    os._exit(ExitCode.FAILED if exit_code is None else exit_code)

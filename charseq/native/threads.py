"""How many threads the kernels may use.  In a forked process it is one.

An OpenMP thread pool does not survive a fork: the child has the pool's records but not its threads, and a
parallel region with two or more threads never ends.  A region with one thread does not use the pool.
"""

import os

forked = False
"""Whether this process is the child of a fork, however far back, since charseq was imported."""


def allowed(threads: int) -> int:
    """Reduce a number of threads to 1 in a forked process."""
    return 1 if forked else threads


def _mark_forked() -> None:
    global forked
    forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_forked)

"""How many threads the kernels use, and how those that wait behave.

An OpenMP thread pool does not survive a fork: the child has the pool's records but not its threads, and a
parallel region with two or more threads never ends.  A region with one thread does not use the pool.
"""

import ctypes
import os

from charseq.native.loader import library

forked = False
"""Whether this process was forked, directly or not, from one that had imported charseq."""

MULTIPLICATIONS_PER_THREAD = 250_000
"""The least work for which an additional thread is worth its start."""

MULTIPLICATIONS_PER_STEP = 25_000
"""The least work for a thread in each step of a sequence, after which it may wait for the others."""

FEW_THREADS = 4
"""The most threads with so little work: with two it was measured to pay, with more it was not measured."""


def allowed(threads: int) -> int:
    """Reduce a number of threads to 1 in a forked process."""
    return 1 if forked else threads


def threads_for(lib: ctypes.CDLL, multiplications: int) -> int:
    """Return the number of threads for an amount of work: at least 1, at most one per core."""
    most = allowed(int(lib.charseq_max_threads()))
    return max(1, min(most, multiplications // MULTIPLICATIONS_PER_THREAD))


def threads_for_sequence(lib: ctypes.CDLL, steps: int, multiplications: int) -> int:
    """Return the number of threads for a sequence with an amount of work in each step."""
    few = min(FEW_THREADS, multiplications // MULTIPLICATIONS_PER_STEP)
    many = multiplications // MULTIPLICATIONS_PER_THREAD
    return max(1, min(threads_for(lib, steps * multiplications), max(few, many)))


class FasterTeam:
    """The faster of one thread and several for reading sequences, by the time that both took.

    Threads that wait for each other at every step are slower than one if other processes keep the cores busy.
    """

    READS = 32
    """Reads after which the slower one is tried again, because the load of the machine changes."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[int, int], float] = {}
        self._reads = 0

    def choose(self, work: int, several: int) -> int:
        """Return a number of threads, 1 or `several`, for sequences with an amount of work in each step."""
        if several == 1:
            return 1
        for team in (several, 1):
            if (work, team) not in self._seconds:
                return team
        self._reads += 1
        faster, slower = sorted((1, several), key=lambda team: self._seconds[work, team])
        return faster if self._reads % self.READS else slower

    def add(self, work: int, team: int, seconds: float) -> None:
        """Take note of the seconds that each step took."""
        self._seconds[work, team] = (self._seconds.get((work, team), seconds) + seconds) / 2


def share_cores() -> None:
    """Let waiting threads sleep soon.  Call it before NumPy and torch are loaded.

    OpenMP threads, of torch and of the kernels, spin for milliseconds while they wait.  Beside another busy
    process they take the core that the thread they wait for needs: training became 50 times slower.  With
    3,000 turns they sleep after about 50 microseconds.  The threads of NumPy's OpenBLAS spin likewise; if the
    kernels do the products, NumPy needs only one.

    The products of torch, which Intel's MKL computes in its builds for x86-64, get an order of summation that
    does not depend on the number of threads.  Source: oneMKL Developer Guide, "Conditional Numerical
    Reproducibility".
    """
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    if library() is not None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _mark_forked() -> None:
    global forked
    forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_forked)

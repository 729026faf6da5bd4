"""Whole sequences through a cell in C, where a compiler was at hand when charseq was installed.

`pip install` builds the library three times: for processors with AVX-512, with AVX2, and for any.  What
cannot be built is left out, and training then goes through torch's own kernels.
"""

import ctypes
import functools
import importlib.util
import os
from typing import NamedTuple

BUILDS = {4: "charseq.native.v4", 3: "charseq.native.v3", 0: "charseq.native.base"}
"""By the level of x86-64 that a processor must have; any other has 0."""
STATES = 4
INTERFACE = 2
"""To be raised here and in library.c where a function or the struct changes."""


class Kernel(NamedTuple):
    """A cell of cells.h: its number there, and how many blocks of H its parts have."""

    number: int
    gates: int
    slots: int
    recurrent: int


KERNELS = {
    "rnn": Kernel(0, 1, 1, 1),
    "rnn-relu": Kernel(1, 1, 1, 1),
    "lstm": Kernel(2, 4, 4, 4),
    "gru": Kernel(3, 3, 4, 3),
    "slstm": Kernel(4, 4, 4, 4),
    "mingru": Kernel(5, 2, 2, 0),
    "minlstm": Kernel(6, 3, 3, 0),
    "rnn-norm": Kernel(7, 1, 1, 1),
}
"""By the cell's name."""


class Recurrence(ctypes.Structure):
    """What recurrence.h is told: its struct of that name, where the meaning of each field stands."""

    _fields_ = [
        ("cell", ctypes.c_long),
        ("threads", ctypes.c_long),
        ("steps", ctypes.c_long),
        ("rows", ctypes.c_long),
        ("size", ctypes.c_long),
        ("ids", ctypes.c_void_p),
        ("x_gates", ctypes.c_void_p),
        ("w_h", ctypes.c_void_p),
        ("packed", ctypes.c_void_p),
        ("b_n", ctypes.c_void_p),
        ("states", ctypes.c_void_p * STATES),
        ("slots", ctypes.c_void_p),
        ("d_hs", ctypes.c_void_p),
        ("d_states", ctypes.c_void_p * STATES),
        ("d_table", ctypes.c_void_p),
        ("symbols", ctypes.c_long),
    ]


def share_cores() -> None:
    """Let threads that wait give way to those that work; of use before NumPy and torch are loaded.

    OpenMP's, which are torch's and ours, spin for milliseconds while they wait.  Beside another busy process,
    or a second training, that takes away the core that the thread they wait for would have: a network of 128
    then learned at a fiftieth of its pace.  After 3,000 turns, about 50 microseconds, they are to sleep.
    NumPy has threads of its own that spin likewise; where the library does its products, it needs but one.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    if library() is not None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@functools.cache
def library() -> ctypes.CDLL | None:
    """The fastest build that this processor can run; None where there is none."""
    return next((opened(level) for level in BUILDS if can_run(level)), None)


def can_run(level: int) -> bool:
    """Whether there is such a build, and this processor can run it."""
    base = opened(0)
    return base is not None and level <= base.charseq_level() and opened(level) is not None


@functools.cache
def opened(level: int) -> ctypes.CDLL | None:
    """A build, whether or not the processor can run it; None where there is none that fits the system."""
    spec = importlib.util.find_spec(BUILDS[level])
    if spec is None or spec.origin is None:
        return None
    try:
        found = ctypes.CDLL(spec.origin)
        if found.charseq_interface() != INTERFACE:
            return None
    except (OSError, AttributeError):  # built for another system, or from sources before there were numbers
        return None
    counts, at = ctypes.c_long, ctypes.c_void_p
    found.charseq_pack.argtypes = [counts, counts, at, at]
    found.charseq_packed_size.argtypes = [counts, counts]
    found.charseq_packed_size.restype = counts
    bits = ctypes.c_uint32
    found.charseq_dropout.argtypes = [counts, at, at, bits, bits, bits, ctypes.c_float, counts]
    found.charseq_mlstm.argtypes = [counts, counts, at, at, at, at, at, at, ctypes.c_float, counts]
    found.charseq_linear.argtypes = [counts, counts, counts, at, at, at, at, at, counts]
    return found

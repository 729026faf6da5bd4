"""Whole sequences through a cell in C, where a compiler was at hand when charseq was installed.

The library is built by `pip install`, three times, for processors with AVX-512, with AVX2 and for any; what
cannot be built is left out, and training then goes through torch's own kernels.
"""

import ctypes
import functools
import importlib.util

BUILDS = {4: "charseq.native.v4", 3: "charseq.native.v3", 0: "charseq.native.base"}
"""By the level of x86-64 that they need; other processors have the last one alone."""
STATES = 4


class Recurrence(ctypes.Structure):
    """What recurrence.c is told: its struct of that name, where the meaning of each field stands."""

    _fields_ = [
        ("cell", ctypes.c_long),
        ("threads", ctypes.c_long),
        ("steps", ctypes.c_long),
        ("rows", ctypes.c_long),
        ("size", ctypes.c_long),
        ("ids", ctypes.c_void_p),
        ("from_x", ctypes.c_void_p),
        ("w_h", ctypes.c_void_p),
        ("b_n", ctypes.c_void_p),
        ("states", ctypes.c_void_p * STATES),
        ("slots", ctypes.c_void_p),
        ("d_hs", ctypes.c_void_p),
        ("d_states", ctypes.c_void_p * STATES),
        ("d_table", ctypes.c_void_p),
        ("symbols", ctypes.c_long),
    ]


@functools.cache
def library() -> ctypes.CDLL | None:
    """The fastest build that this processor can run; None where there is none."""
    base = _opened(BUILDS[0])
    if base is None:
        return None
    level = base.charseq_level()
    for needed, name in BUILDS.items():
        if needed <= level and (found := _opened(name)):
            return found
    return base


def _opened(name: str) -> ctypes.CDLL | None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return None
    try:
        return ctypes.CDLL(spec.origin)
    except OSError:  # built elsewhere, for other libraries
        return None

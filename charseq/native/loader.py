"""Load the C library, which `pip install` builds if there is a compiler.

It is built for each level of x86-64 in BUILDS.  A build that fails is left out.  Without any, training uses
torch's kernels and inference uses NumPy.
"""

import ctypes
import functools
import importlib.util
from collections.abc import Iterator
from typing import NamedTuple

BUILDS = {4: "charseq.native.v4", 3: "charseq.native.v3", 0: "charseq.native.base"}
"""Modules by the x86-64 level that they require, the fastest first; 0 runs on any processor."""

INTERFACE_VERSION = 7
"""The version of the functions and structs of library.h.  Raise it here and in library.c when they change."""

MAX_STATES = 4
"""The largest number of fields in a state, as in cells.h."""


class Kernel(NamedTuple):
    """A cell of cells.c: its number there, and its sizes in blocks of H units, which cells.h describes."""

    number: int
    x_blocks: int
    h_blocks: int
    separate_blocks: int
    saved_blocks: int
    states: int


class _Cell(ctypes.Structure):
    """The struct Cell of cells.h, without its functions."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("x_blocks", ctypes.c_long),
        ("h_blocks", ctypes.c_long),
        ("separate_blocks", ctypes.c_long),
        ("saved_blocks", ctypes.c_long),
        ("states", ctypes.c_long),
    ]


class Recurrence(ctypes.Structure):
    """The struct Recurrence of library.h, which describes its fields."""

    _fields_ = [
        ("cell", ctypes.c_long),
        ("threads", ctypes.c_long),
        ("T", ctypes.c_long),
        ("B", ctypes.c_long),
        ("H", ctypes.c_long),
        ("bf16", ctypes.c_long),
        ("ids", ctypes.c_void_p),
        ("x_gates", ctypes.c_void_p),
        ("W_h", ctypes.c_void_p),
        ("packed_W_h", ctypes.c_void_p),
        ("h_bias", ctypes.c_void_p),
        ("states", ctypes.c_void_p * MAX_STATES),
        ("saved", ctypes.c_void_p),
        ("d_outputs", ctypes.c_void_p),
        ("d_states", ctypes.c_void_p * MAX_STATES),
        ("d_table", ctypes.c_void_p),
        ("V", ctypes.c_long),
    ]


class MLSTMChunk(ctypes.Structure):
    """The struct MLSTMChunk of library.h, which describes its fields."""

    _fields_ = [
        ("threads", ctypes.c_long),
        ("T", ctypes.c_long),
        ("B", ctypes.c_long),
        ("H", ctypes.c_long),
        ("k_scale", ctypes.c_float),
        *((name, ctypes.c_void_p) for name in ("ids", "x", "C", "n", "m", "h", "C_next", "n_next", "m_next")),
        *((name, ctypes.c_void_p) for name in ("r", "norm", "d_h", "d_C_next", "d_n_next", "d_m_next")),
        *((name, ctypes.c_void_p) for name in ("d_x", "d_C", "d_n", "d_m", "d_table")),
        ("V", ctypes.c_long),
    ]


class Product(ctypes.Structure):
    """The struct Product of library.h, which describes its fields."""

    _fields_ = [
        ("threads", ctypes.c_long),
        ("bf16", ctypes.c_long),
        ("M", ctypes.c_long),
        ("K", ctypes.c_long),
        ("N", ctypes.c_long),
        ("a", ctypes.c_void_p),
        ("a_stride", ctypes.c_long),
        ("a_transposed", ctypes.c_long),
        ("b", ctypes.c_void_p),
        ("b_stride", ctypes.c_long),
        ("b_transposed", ctypes.c_long),
        ("bias", ctypes.c_void_p),
        ("c", ctypes.c_void_p),
    ]


class Ngram(ctypes.Structure):
    """The struct Ngram of library.h, which describes its fields."""

    _fields_ = [
        ("order", ctypes.c_long),
        ("V", ctypes.c_long),
        ("symbols", ctypes.c_void_p),
        ("first_child", ctypes.c_void_p),
        ("alpha", ctypes.c_void_p),
        ("gamma", ctypes.c_void_p),
        ("is_label", ctypes.c_void_p),
    ]


class Gate(ctypes.Structure):
    """The struct Gate of library.h, which describes its fields."""

    _fields_ = [
        ("V", ctypes.c_long),
        ("H", ctypes.c_long),
        ("depths", ctypes.c_void_p),
        ("features", ctypes.c_void_p),
        ("hidden", ctypes.c_void_p),
    ]


class SuffixIndex(ctypes.Structure):
    """The struct SuffixIndex of library.h, which describes its fields."""

    _fields_ = [
        ("length", ctypes.c_long),
        ("width", ctypes.c_long),
        ("min_length", ctypes.c_long),
        ("filter_words", ctypes.c_long),
        ("text", ctypes.c_void_p),
        ("suffixes", ctypes.c_void_p),
        ("ranks", ctypes.c_void_p),
        ("prefixes", ctypes.c_void_p),
        ("filter", ctypes.c_void_p),
        ("suffix_minima", ctypes.c_void_p),
        ("prefix_minima", ctypes.c_void_p),
    ]


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the fastest build that this processor can run, or None if there is none."""
    return next((open_build(level) for level in BUILDS if can_run(level)), None)


@functools.cache
def kernels() -> dict[str, Kernel]:
    """Return the kernels by the cell's name, from the table in cells.c; empty without a library."""
    return dict(_cell_table(loaded)) if (loaded := library()) else {}


def _cell_table(loaded: ctypes.CDLL) -> Iterator[tuple[str, Kernel]]:
    number = 0
    while name := (cell := loaded.charseq_cell(number).contents).name:
        sizes = (cell.x_blocks, cell.h_blocks, cell.separate_blocks, cell.saved_blocks, cell.states)
        yield name.decode(), Kernel(number, *sizes)
        number += 1


def has_bfloat16() -> bool:
    """Return whether the library, on this processor, has products in bfloat16, which AVX512-BF16 computes."""
    return (loaded := library()) is not None and bool(loaded.charseq_has_bf16())


def products_are_fast() -> bool:
    """Return whether large products were measured to be faster than PyTorch's on this kind of processor."""
    return (loaded := library()) is not None and bool(loaded.charseq_products_are_fast())


def bfloat16_is_fast() -> bool:
    """Return whether products in bfloat16 were measured to be faster still."""
    return has_bfloat16() and products_are_fast()


def can_run(level: int) -> bool:
    """Tell whether a build of this level exists and this processor can run it."""
    base = open_build(0)
    return base is not None and level <= base.charseq_cpu_level() and open_build(level) is not None


@functools.cache
def open_build(level: int) -> ctypes.CDLL | None:
    """Open a build, even one that the processor cannot run.

    Return None if it does not exist, is for another system, or has another interface version.
    """
    spec = importlib.util.find_spec(BUILDS[level])
    if spec is None or spec.origin is None:
        return None
    try:
        build = ctypes.CDLL(spec.origin)
        if build.charseq_interface_version() != INTERFACE_VERSION:
            return None
    except (OSError, AttributeError):  # another system, or sources from before there were versions
        return None
    long, pointer, real, uint32 = ctypes.c_long, ctypes.c_void_p, ctypes.c_float, ctypes.c_uint32
    build.charseq_cell.argtypes = [long]
    build.charseq_cell.restype = ctypes.POINTER(_Cell)
    build.charseq_pack.argtypes = [long, long, pointer, pointer]
    build.charseq_packed_size.argtypes = [long, long]
    build.charseq_packed_size.restype = long
    build.charseq_linear.argtypes = [long, long, long, pointer, pointer, pointer, pointer, pointer, long]
    build.charseq_mlstm_step.argtypes = [long, long, *[pointer] * 6, real, long]
    build.charseq_dropout.argtypes = [long, pointer, pointer, uint32, uint32, uint32, real, long]
    build.charseq_layer_norm.argtypes = [long, long, *[pointer] * 3, real, pointer, pointer, long]
    build.charseq_layer_norm_backward.argtypes = [long, long, *[pointer] * 7, long]
    build.charseq_refine.argtypes = [long, *[pointer] * 5, long, long, pointer, pointer]
    build.charseq_refine.restype = long
    build.charseq_ngram_read.argtypes = [pointer, long, long, *[pointer] * 4, long]
    build.charseq_gate_features.argtypes = [long, long, *[pointer] * 4, long]
    build.charseq_mix.argtypes = [pointer, long, *[pointer] * 5, long]
    build.charseq_suffix_array.argtypes = [long, long, pointer, long, pointer]
    build.charseq_index_suffixes.argtypes = [pointer]
    build.charseq_minima_size.argtypes = [long]
    build.charseq_minima_size.restype = long
    build.charseq_copies.argtypes = [pointer, long, *[pointer] * 4]
    build.charseq_copies.restype = long
    return build

"""A regular expression as an automaton over a vocabulary's symbols, compiled within bounds."""

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from charseq.errors import CharseqError, UsageError

SECONDS = 3
"""How long a pattern may be compiled."""
BYTES = 400_000_000
"""The address space in which it is compiled."""
ENTRIES = 5_000_000
"""The most pairs of a state and a symbol."""
WORKER = Path(__file__).with_name("regex_worker.py")
ANCHORS = ("^", "$", r"\A", r"\z")
SYNTAX = "it may have classes, groups, alternatives and repetitions, but no look-around, \\b or \\1"
SHARED_ERRORS = (
    "unbalanced parenthesis",
    "missing )",
    "unterminated character set",
    "bad character range",
    "bad escape (end of pattern)",
    "nothing to repeat",
    "min repeat greater than max repeat",
)
"""What Python says of patterns that are ill-formed in either syntax."""
_EXTENDED = re.compile(r"\(\?[a-zA-Z]*x")
"""The flag that lets a pattern have comments."""

States = npt.NDArray[np.int32]


def compiled(pattern: str, symbols: Sequence[bytes | None]) -> tuple[States, npt.NDArray[np.bool_]]:
    """Compile a pattern that texts match as a whole.

    `symbols` [V] are the bytes of each, None where it may not be used.  Returns the state that follows each
    state [S V] by each symbol, -1 where none does, and which states [S] are accepting; the first state is 0.
    Raises UsageError where the pattern is ill-formed, or cannot be followed symbol by symbol, or needs more
    time, memory or states than the limits above.
    """
    if importlib.util.find_spec("outlines_core") is None:
        raise UsageError("--pattern needs the package outlines_core", hint="pip install outlines_core")
    request = {
        "path": sys.path,
        "pattern": _without_anchors(pattern),
        "symbols": [None if symbol is None else symbol.decode("latin-1") for symbol in symbols],
        "seconds": SECONDS,
        "bytes": BYTES,
        "entries": ENTRIES,
    }
    answer, _, rows = _answered(pattern, json.dumps(request).encode()).partition(b"\n")
    outcome = json.loads(answer)
    if error := outcome.get("error"):
        raise _refused(pattern, error)
    accepting = np.array(outcome["accepting"], np.bool_)
    return np.frombuffer(rows, np.int32).reshape(len(accepting), len(symbols)), accepting


def _answered(pattern: str, request: bytes) -> bytes:
    """What the worker answers.  Raises UsageError where it came to its limits."""
    command = [sys.executable, "-I", "-S", str(WORKER)]  # without site: the request has the paths
    try:
        ended = subprocess.run(  # noqa: S603 - a program and a file of ours
            command, input=request, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise _refused(pattern, "TooLarge") from None
    if ended.returncode < 0:  # ended by a signal: the library aborts where memory is refused
        raise _refused(pattern, "TooLarge")
    if ended.returncode:
        last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise CharseqError(f"--pattern {pattern!r} cannot be compiled: {''.join(last)}")
    return ended.stdout


def _refused(pattern: str, reason: str) -> UsageError:
    """The error for what the worker reports."""
    if reason in ("TooLarge", "MemoryError"):
        return UsageError(
            f"--pattern {pattern!r} has too many states: it takes over {SECONDS} seconds, or too much memory",
            hint="repeat less, or write it without .* before a repetition",
        )
    if reason != "IllFormed":
        boundary = r"has \b, or another word boundary" if "word boundar" in reason else ""
        return UsageError(
            f"--pattern {pattern!r} {boundary or f'cannot be followed symbol by symbol: {reason}'}",
            hint=SYNTAX,
        )
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as wrong:
        if str(wrong).startswith(SHARED_ERRORS):
            return UsageError(f"--pattern {pattern!r} is no regular expression: {wrong}", hint=SYNTAX)
    return UsageError(f"--pattern {pattern!r} is not in the syntax of --pattern", hint=SYNTAX)


def _without_anchors(pattern: str) -> str:
    r"""Take off a ^ in front and a $ behind, which change nothing.

    Raises UsageError for one elsewhere, and for \A and \z.
    """
    comments = "|#[^\n]*" if _EXTENDED.search(pattern) else ""
    depth, first, last = 0, 0, len(pattern)
    for token in re.finditer(rf"\\.|\[\^?\]?{comments}|[\]^$]", pattern, re.DOTALL):
        if token[0].startswith("["):
            depth += 1
        elif token[0] == "]":
            depth = max(depth - 1, 0)
        elif depth or token[0] not in ANCHORS:
            continue
        elif token[0] == "^" and not token.start():
            first = 1
        elif token[0] == "$" and token.end() == len(pattern):
            last = token.start()
        else:
            raise UsageError(
                f"--pattern {pattern!r} has an anchor inside",
                hint="leave it out: a pattern matches the whole text, so that ^a$|^b$ is (?:a|b)",
            )
    return pattern[first:last]

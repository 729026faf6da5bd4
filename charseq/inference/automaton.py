"""Compile a regular expression to an automaton over symbols, with limits on time and memory."""

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

MAX_SECONDS = 3
"""Time limit of a compilation."""
MAX_BYTES = 400_000_000
"""Address space of the process that compiles."""
MAX_TRANSITIONS = 5_000_000
"""Maximum number of states times symbols."""
WORKER = Path(__file__).with_name("regex_worker.py")
"""The script that compiles."""
ANCHORS = ("^", "$", r"\A", r"\z")
SYNTAX = "it may have classes, groups, alternatives and repetitions, but no look-around, \\b or \\1"
"""The hint for a pattern that cannot be compiled."""
SHARED_ERRORS = (
    "unbalanced parenthesis",
    "missing )",
    "unterminated character set",
    "bad character range",
    "bad escape (end of pattern)",
    "nothing to repeat",
    "min repeat greater than max repeat",
)
"""Beginnings of Python's messages about patterns that are ill-formed in both syntaxes."""
_EXTENDED = re.compile(r"\(\?[a-zA-Z]*x")
"""The flag for comments in a pattern."""

States = npt.NDArray[np.int32]


def compile_pattern(pattern: str, symbols: Sequence[bytes | None]) -> tuple[States, npt.NDArray[np.bool_]]:
    """Compile a pattern that matches whole texts.

    `symbols` [V] are the bytes of each symbol, None for one that may not be used.  Returns the next state
    [S V] of each state and symbol, -1 for none, and whether a state is accepting [S]; state 0 is the first.
    Raises UsageError if the pattern is ill-formed, has no automaton, or exceeds the limits above.
    """
    if importlib.util.find_spec("outlines_core") is None:
        raise UsageError("--pattern requires the package outlines_core", hint="pip install outlines_core")
    request = {
        "path": sys.path,
        "pattern": _without_anchors(pattern),
        "symbols": [None if symbol is None else symbol.decode("latin-1") for symbol in symbols],
        "seconds": MAX_SECONDS,
        "bytes": MAX_BYTES,
        "transitions": MAX_TRANSITIONS,
    }
    answer, _, rows = _run_worker(pattern, json.dumps(request).encode()).partition(b"\n")
    outcome = json.loads(answer)
    if reason := outcome.get("error"):
        raise _refusal(pattern, reason)
    accepting = np.array(outcome["accepting"], np.bool_)
    return np.frombuffer(rows, np.int32).reshape(len(accepting), len(symbols)), accepting


def _run_worker(pattern: str, request: bytes) -> bytes:
    """Return the output of the worker.  Raises UsageError if it reaches its limits."""
    command = [sys.executable, "-I", "-S", str(WORKER)]  # without site: the request has the import paths
    try:
        process = subprocess.run(  # noqa: S603 - this interpreter and a script of this package
            command, input=request, capture_output=True, timeout=MAX_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise _refusal(pattern, "TooLarge") from None
    if process.returncode < 0:  # ended by a signal: the library aborts where memory is refused
        raise _refusal(pattern, "TooLarge")
    if process.returncode:
        last = process.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise CharseqError(f"--pattern {pattern!r} cannot be compiled: {''.join(last)}")
    return process.stdout


def _refusal(pattern: str, reason: str) -> UsageError:
    """Return the error for a reason that the worker reports."""
    if reason in ("TooLarge", "MemoryError"):
        return UsageError(
            f"--pattern {pattern!r} has too many states: it takes more than {MAX_SECONDS} seconds or too "
            "much memory",
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
    except (re.error, OverflowError, RecursionError) as error:
        if str(error).startswith(SHARED_ERRORS):
            return UsageError(f"--pattern {pattern!r} is not a regular expression: {error}", hint=SYNTAX)
    return UsageError(f"--pattern {pattern!r} is not in the syntax of --pattern", hint=SYNTAX)


def _without_anchors(pattern: str) -> str:
    r"""Return a pattern without a ^ at its beginning and a $ at its end, which change nothing.

    Raises UsageError for an anchor elsewhere, and for \A and \z.
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

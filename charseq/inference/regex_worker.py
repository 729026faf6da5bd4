"""Compile a regular expression into an automaton over symbols, in a process of its own.

A short pattern may need any amount of memory and time, and the library cannot be interrupted; so this file is
run as a script by `automaton.py`, under limits, and imports nothing of charseq.  It reads a JSON object from
standard input: `path` (where to import from), `pattern`, `symbols` (the bytes of each, as Latin-1; null where
it may not be used), and the limits `seconds`, `bytes` and `entries`.  It writes one line of JSON, which is
`{"error": ...}` or `{"accepting": [0 or 1 for each of S states]}`, and in the latter case the states [S V]
that follow each state: int32, -1 where there is none.
"""

import json
import sys
from array import array
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

END = "\U0010ffff"
"""A code point that is no character, and never will be."""
NOTHING_ELSE = "\n\\b"
"""What cannot be compiled, for a reason of its own, behind any well-formed pattern; \\n ends a comment."""
AFTER_COMMENT = "\uac00\n"
"""What ends a comment, and is ill-formed behind a backslash."""


class IllFormed(ValueError):
    """The pattern is not in the library's syntax."""


class TooLarge(ValueError):
    """The pattern has more states than are allowed."""


def automaton(pattern: str, symbols: Sequence[bytes | None], entries: int) -> "tuple[array[int], list[int]]":
    """Compile a pattern: what follows each state [S * V] by each symbol, and which states [S] are accepting.

    Raises IllFormed, TooLarge where S * V exceeds `entries`, and ValueError where the library cannot follow
    the pattern.
    """
    import outlines_core as library

    end = len(symbols)
    unused = end + 1  # without a way on from every state, the library refuses a pattern
    tokens: dict[bytes, list[int]] = defaultdict(list, {bytes([byte]): [unused] for byte in range(256)})
    for i, symbol in enumerate(symbols):
        if symbol and symbol != END.encode():
            tokens[symbol] = [*filter(unused.__ne__, tokens[symbol]), i]
    tokens[END.encode()] = [end]
    index = _index(library, pattern, library.Vocabulary(unused + 1, dict(tokens)))
    final = set(index.get_final_states())
    numbers = {index.get_initial_state(): 0}
    states, following, accepting = list(numbers), array("i"), []
    for state in states:  # which grows
        row, whole = array("i", [-1]) * len(symbols), 0
        for i in index.get_allowed_tokens(state) if state not in final else ():
            reached = index.get_next_state(state, i)
            if i < end:
                if reached not in numbers:
                    numbers[reached] = len(states)
                    states.append(reached)
                row[i] = numbers[reached]
            elif i == end:
                whole = int(reached in final)
        following.extend(row)
        accepting.append(whole)
        if len(states) * len(symbols) > entries:
            raise TooLarge
    return following, accepting


def _index(library: Any, pattern: str, vocabulary: Any) -> Any:
    """The library's automaton, which takes a pattern and END.

    END must follow what matches: without it the library leaves out what leads on from one match and is not
    yet the next, as the comma in `a(,a)*`.
    """
    if _reason(library, pattern + NOTHING_ELSE) not in ("", _reason(library, NOTHING_ELSE)):
        raise IllFormed
    try:
        return library.Index(f"(?:{pattern}){END}", vocabulary)
    except ValueError:
        if "#" not in pattern and not pattern.endswith("\\"):
            raise
    try:
        return library.Index(f"(?:{pattern}{AFTER_COMMENT}){END}", vocabulary)  # a comment took the bracket
    except ValueError:
        raise IllFormed from None


def _reason(library: Any, pattern: str) -> str:
    """Why the library cannot compile a pattern; empty where it can."""
    try:
        library.Index(pattern, library.Vocabulary(1, {b"a": [0]}))
    except ValueError as error:
        return str(error)
    return ""


def answer(asked: dict[str, Any]) -> bytes:
    """Compile what was asked for, and describe the outcome."""
    symbols = [None if symbol is None else symbol.encode("latin-1") for symbol in asked["symbols"]]
    following: array[int] = array("i")
    try:
        following, accepting = automaton(asked["pattern"], symbols, asked["entries"])
        outcome: dict[str, Any] = {"accepting": accepting}
    except (IllFormed, TooLarge, MemoryError) as error:
        outcome = {"error": type(error).__name__}
    except ValueError as error:
        outcome = {"error": str(error)}
    return json.dumps(outcome).encode() + b"\n" + following.tobytes()


def _limit(seconds: int, size: int) -> None:
    """Let the system end this process beyond so much processor time or address space, where it can."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows, where only the caller's clock limits it
        return
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, size),
    ):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (most, most))
        except (OSError, ValueError):  # macOS has no RLIMIT_AS
            continue


if __name__ == "__main__":
    request = json.loads(sys.stdin.buffer.read())
    _limit(request["seconds"], request["bytes"])
    sys.path[:] = request["path"]
    sys.stdout.buffer.write(answer(request))

"""Compile a regular expression to an automaton over symbols, in a separate process.

A short pattern may need any amount of memory and time, and the library cannot be interrupted.
`automaton.py` therefore runs this file as a script, with limits; it imports nothing from charseq.

Standard input is a JSON object: `path` (the import path), `pattern`, `symbols` (the bytes of each as
Latin-1; null for one that may not be used), and the limits `seconds`, `bytes` and `transitions`.
Standard output is one line of JSON, either `{"error": ...}` or `{"accepting": [0 or 1 for each of S
states]}`, then the next states [S V] as int32, -1 for none.
"""

import json
import sys
from array import array
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

END = "\U0010ffff"
"""A code point that Unicode never assigns to a character."""
NOTHING_ELSE = "\n\\b"
"""A suffix that the library refuses, with a message of its own, after any well-formed pattern.

The line end closes a comment.
"""
AFTER_COMMENT = "\uac00\n"
"""A suffix that closes a comment, and is ill-formed after a backslash."""


class IllFormed(ValueError):
    """The pattern is not in the library's syntax."""


class TooLarge(ValueError):
    """The pattern has more states than are allowed."""


def automaton(pattern: str, symbols: Sequence[bytes | None], most: int) -> "tuple[array[int], list[int]]":
    """Return the next state of each state and symbol [S * V], and whether a state is accepting [S].

    Raises IllFormed, TooLarge if S * V exceeds `most`, and ValueError if the library cannot compile the
    pattern.
    """
    import outlines_core as library

    end = len(symbols)
    unused = end + 1  # the library refuses a pattern with a state that no token can leave
    tokens: dict[bytes, list[int]] = defaultdict(list, {bytes([byte]): [unused] for byte in range(256)})
    for i, symbol in enumerate(symbols):
        if symbol and symbol != END.encode():
            tokens[symbol] = [*filter(unused.__ne__, tokens[symbol]), i]
    tokens[END.encode()] = [end]
    index = _index(library, pattern, library.Vocabulary(unused + 1, dict(tokens)))
    final = set(index.get_final_states())
    numbers = {index.get_initial_state(): 0}
    states, transitions, accepting = list(numbers), array("i"), []
    for state in states:  # grows during the loop
        row, is_accepting = array("i", [-1]) * len(symbols), 0
        for i in index.get_allowed_tokens(state) if state not in final else ():
            reached = index.get_next_state(state, i)
            if i < end:
                if reached not in numbers:
                    numbers[reached] = len(states)
                    states.append(reached)
                row[i] = numbers[reached]
            elif i == end:
                is_accepting = int(reached in final)
        transitions.extend(row)
        accepting.append(is_accepting)
        if len(states) * len(symbols) > most:
            raise TooLarge
    return transitions, accepting


def _index(library: Any, pattern: str, vocabulary: Any) -> Any:
    """Return the library's automaton for a pattern followed by END.

    Without END, the library omits the states between a match and a longer one, such as that after the comma
    in `a(,a)*`.
    """
    if _reason(library, pattern + NOTHING_ELSE) not in ("", _reason(library, NOTHING_ELSE)):
        raise IllFormed
    try:
        return library.Index(f"(?:{pattern}){END}", vocabulary)
    except ValueError:
        if "#" not in pattern and not pattern.endswith("\\"):
            raise
    try:
        return library.Index(f"(?:{pattern}{AFTER_COMMENT}){END}", vocabulary)  # a comment hid the bracket
    except ValueError:
        raise IllFormed from None


def _reason(library: Any, pattern: str) -> str:
    """Return the library's message about a pattern; empty if it compiles."""
    try:
        library.Index(pattern, library.Vocabulary(1, {b"a": [0]}))
    except ValueError as error:
        return str(error)
    return ""


def answer(request: dict[str, Any]) -> bytes:
    """Return the output for a request."""
    symbols = [None if symbol is None else symbol.encode("latin-1") for symbol in request["symbols"]]
    transitions: array[int] = array("i")
    try:
        transitions, accepting = automaton(request["pattern"], symbols, request["transitions"])
        outcome: dict[str, Any] = {"accepting": accepting}
    except (IllFormed, TooLarge, MemoryError) as error:
        outcome = {"error": type(error).__name__}
    except ValueError as error:
        outcome = {"error": str(error)}
    return json.dumps(outcome).encode() + b"\n" + transitions.tobytes()


def _limit(seconds: int, size: int) -> None:
    """Limit processor time and address space, where the system can."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows: only the caller's timeout applies
        return
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, size),
    ):
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (value, value))
        except (OSError, ValueError):  # macOS has no RLIMIT_AS
            continue


if __name__ == "__main__":
    received = json.loads(sys.stdin.buffer.read())
    _limit(received["seconds"], received["bytes"])
    sys.path[:] = received["path"]
    sys.stdout.buffer.write(answer(received))

"""Where a command's text comes from, by option, argument or environment."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charseq.corpus import Corpus
    from charseq.units import Unit


def from_environment(given: Sequence[str] | None, name: str) -> list[str]:
    """A repeatable option, or its one value from the environment, which is not cut at spaces."""
    return list(given or [value for value in [os.environ.get(f"CHARSEQ_{name}")] if value])


def corpus(
    texts: Sequence[str] | None,
    files: Sequence[str] | None,
    *,
    lines: bool = False,
    unit: "Unit" = "character",
) -> "Corpus":
    """All texts that --text and --file, or CHARSEQ_TEXT and CHARSEQ_FILE, name.  Raises TextError."""
    from charseq.corpus import gather

    files = from_environment(files, "FILE")
    texts = from_environment(texts, "TEXT") if texts or not files else []
    return gather(texts, files, lines=lines, unit=unit, standard_input=sys.stdin.buffer)


def arguments(given: Sequence[str] | None, *, unit: "Unit" = "character") -> list[str]:
    """Positional texts; - stands for the lines of standard input.  Raises TextError."""
    from charseq.corpus import STANDARD_INPUT, gather

    found: list[str] = []
    for text in given or []:
        if text == STANDARD_INPUT:
            read = gather([], ["-"], lines=False, unit=unit, standard_input=sys.stdin.buffer)
            found += read.sequences[0].splitlines()
        else:
            found += gather([text], [], lines=False, unit=unit, standard_input=sys.stdin.buffer).sequences
    return found

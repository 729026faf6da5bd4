"""Where text comes from, and which of it is held out."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from charseq.errors import TextError
from charseq.units import Unit

STANDARD_INPUT = "-"
ANY_BYTES = "use --unit byte, which takes any bytes"


@dataclass(frozen=True)
class Corpus:
    """Strings to learn, each a sequence of its own; of `lines`, beginning and end are learned, too."""

    sequences: tuple[str, ...]
    lines: bool = False

    @property
    def characters(self) -> int:
        """The code points of all sequences together."""
        return sum(map(len, self.sequences))

    def split(self, fraction: float) -> tuple["Corpus", "Corpus | None"]:
        """Hold out the last `fraction`: whole lines, or whole strings of ten or more; else a part of each.

        Raises TextError where either part would hold nothing to predict.
        """
        if not fraction:
            return self, None
        if self.lines or len(self.sequences) >= 10:
            cut = min(round(len(self.sequences) * (1 - fraction)), len(self.sequences) - 1)
            learned, held_out = self.sequences[:cut], self.sequences[cut:]
        else:
            cuts = [(text, len(text) - round(len(text) * fraction)) for text in self.sequences]
            learned = tuple(text[:cut] for text, cut in cuts if cut >= 2)
            held_out = tuple(text[cut:] for text, cut in cuts if len(text) - cut >= 2)
        if not learned or not held_out:
            raise TextError(
                f"--validation {fraction:g} of this text leaves less than 2 characters "
                f"{'to hold out' if learned else 'to learn'}",
                hint="use another fraction, a longer text, or --validation 0",
            )
        return Corpus(learned, self.lines), Corpus(held_out, self.lines)


def gather(
    texts: Sequence[str], files: Sequence[str], *, lines: bool, unit: Unit, standard_input: BinaryIO
) -> Corpus:
    """Read every text and file, in the order given.  Raises TextError."""
    found = [checked(text, f"--text {text!r}", unit) for text in texts]
    if files.count(STANDARD_INPUT) > 1:
        raise TextError("standard input can be read only once", hint="give - a single time")
    for name in files:
        found.append(checked(decoded(_bytes_of(name, standard_input), _shown(name), unit), name, unit))
    if lines:
        found = [line for text in found for line in lines_of(text)]
    return Corpus(tuple(found), lines)


def lines_of(text: str) -> list[str]:
    r"""Cut at \n and \r\n, the ends left out; empty lines are not sequences."""
    return [line for line in (line.removesuffix("\r") for line in text.split("\n")) if line]


def decoded(data: bytes, source: str, unit: Unit, remedy: str = ANY_BYTES) -> str:
    """Bytes as text: strictly UTF-8, or, where the unit is the byte, with the rest escaped as surrogates."""
    if unit == "byte":
        return data.decode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise TextError(
            f"{source} is not UTF-8: byte 0x{data[wrong.start]:02X} at byte offset {wrong.start}",
            hint=f"convert it (iconv -f ... -t UTF-8), or {remedy}",
        ) from wrong


def checked(text: str, source: str, unit: Unit, remedy: str = ANY_BYTES) -> str:
    """Refuse an argument that the shell passed as ill-formed bytes (Python escapes them as surrogates)."""
    if unit != "byte" and any("\udc80" <= c <= "\udcff" for c in text):
        return decoded(os.fsencode(text), source, unit, remedy)
    return text


def _bytes_of(name: str, standard_input: BinaryIO) -> bytes:
    if name == STANDARD_INPUT:
        return standard_input.read()
    try:
        return Path(name).read_bytes()
    except FileNotFoundError:
        raise TextError(f"there is no file {name!r}", hint="check the path, or give a --text") from None
    except IsADirectoryError:
        raise TextError(f"{name!r} is a folder", hint="give a file of text") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TextError(
            f"cannot read {name!r}: {reason}", hint="check the path and its permissions"
        ) from None


def _shown(name: str) -> str:
    return "standard input" if name == STANDARD_INPUT else repr(name)

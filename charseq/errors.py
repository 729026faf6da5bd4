"""The tree of errors, with exit codes.

CharseqError              1  the run failed
|-- UsageError            2  invalid options, text, files or models
|   |-- TextError            text that is missing, too short or ill-formed
|   |   `-- UnknownCharacter a character outside the model's vocabulary
|   `-- ModelFileError       a model file that cannot be read or trusted
`-- RequirementNotMet     3  --require-accuracy
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of charseq."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REQUIREMENT_NOT_MET = 3
    BUG = 70
    INTERRUPTED = 130
    TERMINATED = 143


class CharseqError(Exception):
    """An error with a message that names the value, and a hint that names the remedy."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(CharseqError):
    """An option, a text, a file or a model that cannot be used as given."""

    exit_code = ExitCode.USAGE


def quoted(text: object) -> str:
    r"""Return a text in quotes, with control characters escaped; unlike repr, it leaves backslashes single.

    A byte that is not UTF-8, which Python escapes as a surrogate, is shown as \xHH.
    """
    shown = re.sub(r"(?<!\\)((?:\\\\)*)\\udc([89a-f][0-9a-f])", r"\1\\x\2", repr(str(text)))
    return shown.replace("\\\\", "\\")


def cannot_combine(
    option: str, others: Sequence[str], why: str = "", *, hint: str = "give one of them"
) -> UsageError:
    """Return the error for options that contradict each other, or of which one has no effect."""
    reason = f": {why}" if why else ""
    return UsageError(f"{option} cannot be combined with {' and '.join(others)}{reason}", hint=hint)


class TextError(UsageError):
    """A text that is missing, too short or ill-formed."""


@dataclass(frozen=True)
class Cause:
    """Why characters of a text are unknown.  With the remedy applied, fewer of them are."""

    description: str
    remedy: str = ""
    """Empty if it depends on the interface, as for a text of several lines."""
    normalization: str = ""
    """The normalization to train with, so that the form of a text does not matter."""
    complete: bool = True
    """Whether the changed text has no unknown characters at all."""


class UnknownCharacter(TextError):
    """A character that the model's vocabulary lacks.

    `known` lists the vocabulary.  `cause` is set if the form of the text explains the error.
    """

    def __init__(self, message: str, *, hint: str = "", known: str = "", cause: Cause | None = None) -> None:
        super().__init__(message, hint=hint)
        self.known, self.cause = known, cause


class ModelFileError(UsageError):
    """A model file that is missing, damaged, or not a model at all."""


class RequirementNotMet(CharseqError):
    """The run ended below the required accuracy."""

    exit_code = ExitCode.REQUIREMENT_NOT_MET

"""Everything that can go wrong, as one tree, with exit codes.

CharseqError              1  the run failed
|-- UsageError            2  something the caller gave cannot be used
|   |-- TextError            text that is missing, too short, ill-formed
|   |   `-- UnknownCharacter a character outside the model's vocabulary
|   `-- ModelFileError       a model file that cannot be read or trusted
`-- RequirementNotMet     3  --require-accuracy
"""

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
    """Return a text in quotes; unlike repr, this leaves backslashes as they are."""
    return f"'{text}'"


def cannot_combine(
    option: str, others: Sequence[str], why: str = "", *, hint: str = "give one of them"
) -> UsageError:
    """Return the error for options that contradict each other, or of which one would do nothing."""
    reason = f": {why}" if why else ""
    return UsageError(f"{option} cannot be combined with {' and '.join(others)}{reason}", hint=hint)


class TextError(UsageError):
    """A text that is missing, too short or ill-formed."""


@dataclass(frozen=True)
class Cause:
    """Why characters of a text are unknown; changed as `remedy` says, the text has fewer of them."""

    description: str
    remedy: str = ""
    """Empty where it depends on the interface: the text has several lines."""
    normalization: str = ""
    """The normalization to train with, so that the form of a text no longer matters."""
    complete: bool = True
    """Whether the changed text has no unknown characters at all."""


class UnknownCharacter(TextError):
    """A character that the model's vocabulary lacks.

    `known` lists the vocabulary; `cause` explains the form of the text, where that is why it is unknown.
    """

    def __init__(self, message: str, *, hint: str = "", known: str = "", cause: Cause | None = None) -> None:
        super().__init__(message, hint=hint)
        self.known, self.cause = known, cause


class ModelFileError(UsageError):
    """A model file that is missing, damaged, or not a model at all."""


class RequirementNotMet(CharseqError):
    """The run ended below the accuracy that was asked for."""

    exit_code = ExitCode.REQUIREMENT_NOT_MET

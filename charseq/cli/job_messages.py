"""What the main process of a comparison and its workers send each other, as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from charseq import errors
from charseq.comparison import NgramResult, Result, Trial
from charseq.events import End, Progress
from charseq.text.corpus import AnyCorpus
from charseq.text.sources import TextSource
from charseq.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Comparison:
    """A comparison: its text, and all of its trials in order."""

    corpus: AnyCorpus
    vocabulary: Vocabulary
    source: TextSource
    trials: Sequence[Trial]


class Order(Enum):
    """An order for a worker, beside the number of its next trial."""

    STOP = "stop"
    """Save the run, and end."""
    FINISH = "finish"
    """There are no more trials."""


class Request(Enum):
    """A request of a worker."""

    TRIAL = "trial"
    """The worker has loaded its libraries, and waits for its first trial."""
    FOLDER = "folder"
    """The worker is about to open the folder of its run, and waits for that of the comparison."""


@dataclass(frozen=True)
class Opened:
    """The folder of the run of the current trial, which has started."""

    run: str


@dataclass(frozen=True)
class Measured:
    """The result of the current trial."""

    end: End
    first_correct_epoch: int | None
    speeds: list[float]
    counted: NgramResult | None

    @classmethod
    def of(cls, result: Result, end: End) -> "Measured":
        """Return what was collected of a trial that has ended."""
        return cls(end, result.first_correct_epoch, result.speeds, result.counted)

    def of_trial(self, trial: Trial) -> Result:
        """Return the result of a trial."""
        return Result(trial, self.end, self.first_correct_epoch, self.speeds, self.counted)


ToWorker = int | Path | Order
"""The index of the next trial, the folder of the comparison, or an order."""
FromWorker = Request | Opened | Progress | Measured | Exception
"""A request, news of the current trial, its result, or the error that ended it."""


class Channel(Protocol):
    """The connection of a worker to the main process."""

    def send(self, message: bytes) -> None:
        """Send a message.  Raises OSError if the main process has ended."""

    def receive(self) -> bytes:
        """Wait for the next message.  Raises EOFError or OSError if the main process has ended."""

    def close(self) -> None:
        """Say that there are no more messages."""


def encoded_order(order: ToWorker) -> bytes:
    """Return an order as JSON."""
    if isinstance(order, int):
        return json.dumps({"trial": order}).encode()
    content = {"folder": str(order)} if isinstance(order, Path) else {"order": order.value}
    return json.dumps(content).encode()


def decoded_order(data: bytes) -> ToWorker:
    """Return the order of `encoded_order`."""
    match json.loads(data):
        case {"trial": int(number)}:
            return number
        case {"folder": str(folder)}:
            return Path(folder)
        case {"order": order}:
            return Order(order)
        case other:
            raise ValueError(f"no order: {other}")


def encoded(message: FromWorker) -> bytes:
    """Return a message of a worker as JSON."""
    if isinstance(message, Request):
        content: Any = message.value
    elif isinstance(message, Exception):
        content = _error_record(message)
    else:
        content = asdict(message)
    kind = "Exception" if isinstance(message, Exception) else type(message).__name__
    return json.dumps({"kind": kind, "content": content}).encode()


def decoded(data: bytes) -> FromWorker:
    """Return the message of `encoded`."""
    message = json.loads(data)
    kind, content = message["kind"], message["content"]
    if kind == "Request":
        return Request(content)
    if kind == "Exception":
        return _error(content)
    if kind == "Measured":
        counted = content["counted"]
        end = End(**content["end"])
        content |= {"end": end, "counted": None if counted is None else NgramResult(*counted)}
        return Measured(**content)
    return Opened(**content) if kind == "Opened" else Progress(**content)


def _error_record(error: Exception) -> dict[str, Any]:
    """Return what the message and the exit code of an error depend on, and its traceback."""
    import traceback

    record = {"type": type(error).__name__, "message": str(error), "hint": getattr(error, "hint", "")}
    record["trace"] = "".join(traceback.format_exception(error))
    if isinstance(error, OSError):
        record |= {"errno": error.errno, "reason": error.strerror, "file": error.filename}
    return record


def _error(record: dict[str, Any]) -> Exception:
    """Return the error of a record; one of another type is a RuntimeError that has the name of that type."""
    kind = getattr(errors, record["type"], None)
    error: Exception
    if isinstance(kind, type) and issubclass(kind, errors.CharseqError):
        error = kind(record["message"], hint=record["hint"])
    elif "errno" in record:
        error = OSError(record["errno"], record["reason"], record["file"])
    elif record["type"] == "MemoryError":
        error = MemoryError(record["message"])
    else:
        error = type(record["type"], (RuntimeError,), {})(record["message"])
    error.add_note(record["trace"])
    return error

"""What the main process of a comparison and its worker processes send each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from charseq.comparison import Result, Trial
from charseq.events import Event
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


ToWorker = int | Path | Order
"""The index of the next trial, the folder of the comparison, or an order."""
FromWorker = Request | Event | Result | Exception
"""A request, an event of the current trial, its result at its end, or the error that ended it."""

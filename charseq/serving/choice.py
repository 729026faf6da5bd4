"""One continuation of a prompt: what was asked, and what the engine has generated of it."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy.typing as npt

from charseq.inference.requests import Request
from charseq.inference.sampling import SamplingParams
from charseq.inference.stopping import StoppingRule
from charseq.serving.errors import APIError
from charseq.text.vocabulary import Ids


class Finish(StrEnum):
    """Why a continuation ended: at a natural end or a stop string, or at its maximum length."""

    STOP = "stop"
    LENGTH = "length"


class LogProbabilities:
    """Log-probabilities at consecutive positions, in nats, and those of the `top` most probable symbols."""

    def __init__(self, top: int) -> None:
        self.top = top
        self.chosen = array("d")
        self.top_ids = array("q")
        """The ids of the most probable symbols, `top` for each position, in falling order."""
        self.top_values = array("d")

    def extend(self, chosen: npt.NDArray[Any], ids: npt.NDArray[Any], values: npt.NDArray[Any]) -> None:
        """Add T positions: the chosen symbols [T], and the most probable ones, at least `top` [T K]."""
        self.top_ids.extend(ids[:, : self.top].ravel().tolist())
        self.top_values.extend(values[:, : self.top].ravel().tolist())
        self.chosen.extend(chosen.tolist())

    def cut(self, length: int) -> None:
        """Remove the positions from `length` on."""
        for values, width in ((self.chosen, 1), (self.top_ids, self.top), (self.top_values, self.top)):
            del values[length * width :]

    def most_probable(self, position: int) -> list[tuple[int, float]]:
        """Return the ids and log-probabilities of the most probable symbols at a position."""
        part = slice(position * self.top, (position + 1) * self.top)
        return [*zip(self.top_ids[part], self.top_values[part], strict=True)]


@dataclass(eq=False)
class Choice:
    """A continuation.  The engine's thread alone changes it, except for `canceled`."""

    request: Request
    """The prompt, the seed, the number of the sample and the label."""
    prompt: Sequence[int]
    """The ids that the model reads first, with the boundary or the label."""
    params: SamplingParams
    rule: StoppingRule
    limit: int
    """Maximum number of symbols to add."""
    stops: tuple[str, ...] = ()
    """Strings that end the text, and are no part of it."""
    top: int | None = None
    """The number of most probable symbols to list at each position; None for no probabilities."""
    scored: Ids | None = None
    """The symbols of the prompt whose log-probabilities are computed: the prompt after its first symbol.

    V is an unknown symbol.  Of a model of lines, all symbols of the prompt, and its end if it was asked for.
    """
    streamed: bool = False
    """Whether the client reads the text while it is generated."""
    notify: Any = None
    """What the thread of the connections calls when there is something new."""

    ids: list[int] = field(default_factory=list)
    """The symbols added so far."""
    logprobs: LogProbabilities | None = None
    """Those of the added symbols, at least as many as `ids`."""
    prompt_logprobs: LogProbabilities | None = None
    """Those of `scored`."""
    finish: Finish | None = None
    """Set last, after everything else."""
    error: APIError | None = None
    canceled: bool = False
    """Whether nobody waits for it any more."""

    def __post_init__(self) -> None:
        """Prepare the records of log-probabilities."""
        if self.top is not None:
            self.logprobs = LogProbabilities(self.top)
            if self.scored is not None:
                self.prompt_logprobs = LogProbabilities(self.top)

    def finish_if_empty(self) -> None:
        """End here if nothing may be added to the prompt."""
        if self.limit == 0:
            ended = self.rule.has_ended(self.prompt, ())
            self.finish = Finish.STOP if ended else Finish.LENGTH

    @property
    def ended(self) -> bool:
        """Whether nothing will be added any more."""
        return self.finish is not None or self.error is not None or self.canceled

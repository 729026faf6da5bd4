"""Lines that the training text did not hold, and none of them twice."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import tee

from charseq.errors import CharseqError, UsageError
from charseq.inference.requests import Request, Step, prompt_ids
from charseq.model.line_digests import Digests, holds
from charseq.model.model_file import Model

DRAWS = 5_000
"""In a row that give nothing new, before a prompt is given up."""
AT_ONCE, MOST_AT_ONCE = 64, 4096

Found = tuple[Request, list[Step]]
Continue = Callable[[Iterable[Request]], Iterator[Iterator[Step]]]
"""`charseq.inference.continuation.continuations` with all that is decided."""


class _Wanted:
    """A prompt, how many new lines of it are wanted, and those found."""

    def __init__(self, request: Request, count: int) -> None:
        self.request, self.missing = request, count
        self.drawn = self.in_vain = 0
        self.found: list[Found] = []
        """Those that were not yet told."""
        self._texts: set[str] = set()

    def next(self) -> Iterator[Request]:
        """As many more samples as lines are missing, or, where few are new, more and more."""
        more = min(max(self.missing, self.drawn // 2), MOST_AT_ONCE)
        first, self.drawn = self.drawn, self.drawn + more
        return (self.request._replace(sample=sample) for sample in range(first, self.drawn))

    def take(self, model: Model, lines: Digests, request: Request, steps: list[Step]) -> None:
        """Keep a line if it is new.  Raises CharseqError where for long none was."""
        vocabulary = model.vocabulary
        line = vocabulary.decode(prompt_ids(model, request))
        line += vocabulary.joined(step.character for step in steps)
        if not self.missing:
            return
        if line not in self._texts and not holds(lines, line):
            self._texts.add(line)
            self.found.append((request, steps))
            self.missing, self.in_vain = self.missing - 1, 0
            return
        self.in_vain += 1
        if self.in_vain >= DRAWS:
            raise CharseqError(
                f"{len(self._texts):,} new lines were found for the prompt {request.prompt!r}, "
                f"{self.missing:,} less than wanted; the last {DRAWS:,} that were drawn are old or repeated",
                hint="raise --temperature, loosen what may be written, or ask for fewer --samples",
            )

    def told(self) -> list[Found]:
        """What was found since it was asked for the last time."""
        found, self.found = self.found, []
        return found


def novel(model: Model, requests: Sequence[Request], samples: int, continued: Continue) -> Iterator[Found]:
    """For each prompt so many lines that the training text did not hold, all different, in order.

    Samples are drawn until there are enough, so what a prompt gives does not depend on the others.  Raises
    UsageError for a model that did not keep its lines, CharseqError where too many were drawn in vain.
    """
    if not model.vocabulary.boundary:
        raise UsageError("--novel is for models of lines, and this is none", hint="train one with --lines")
    if model.lines is None:
        raise UsageError(
            "--novel cannot know the lines that this model learned: there were more than a million to keep",
            hint="train it on fewer lines, or leave --novel out",
        )
    step = max(1, AT_ONCE // samples)
    for first in range(0, len(requests), step):
        block = deque(_Wanted(request, samples) for request in requests[first : first + step])
        while block:
            drawn, again = tee((wanted, r) for wanted in list(block) if wanted.missing for r in wanted.next())
            for (wanted, request), steps in zip(drawn, continued(r for _, r in again), strict=True):
                wanted.take(model, model.lines, request, list(steps))
                yield from block[0].told()
                if not any(one.missing for one in block):
                    break
            while block and not block[0].missing:
                yield from block.popleft().told()

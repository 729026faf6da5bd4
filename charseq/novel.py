"""Lines that the training text did not hold, and none of them twice."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from charseq.errors import CharseqError, UsageError
from charseq.generate import Request, Step
from charseq.held import holds
from charseq.model_file import Model

DRAWS = 1_000
"""For a line that is wanted, before it is given up."""
AT_ONCE, MOST_AT_ONCE = 64, 4096

Continue = Callable[[Sequence[Request]], Iterator[Iterator[Step]]]
"""`charseq.generate.continuations` with all that is decided."""


@dataclass
class _Wanted:
    """A prompt, how many new lines of it are wanted, and those found."""

    request: Request
    count: int
    drawn: int = 0
    found: list[tuple[Request, list[Step]]] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)

    @property
    def missing(self) -> int:
        return self.count - len(self.found)

    def next(self) -> list[Request]:
        """As many more samples as lines are missing, or, where few are new, more and more."""
        more = max(self.missing, min(self.drawn // 2, MOST_AT_ONCE))
        first, self.drawn = self.drawn, self.drawn + more
        return [self.request._replace(sample=sample) for sample in range(first, self.drawn)]


def novel(
    model: Model, requests: Sequence[Request], samples: int, continued: Continue
) -> Iterator[tuple[Request, list[Step]]]:
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
        block = [_Wanted(request, samples) for request in requests[first : first + step]]
        while open_ones := [wanted for wanted in block if wanted.missing]:
            drawn = [(wanted, request) for wanted in open_ones for request in wanted.next()]
            for (wanted, request), steps in zip(drawn, continued([r for _, r in drawn]), strict=True):
                _take(model, wanted, request, list(steps))
            _give_up(open_ones)
        for wanted in block:
            yield from wanted.found


def _take(model: Model, wanted: _Wanted, request: Request, steps: list[Step]) -> None:
    """Keep a line if it is new."""
    vocabulary = model.vocabulary
    line = vocabulary.decode(vocabulary.encode(request.prompt))
    line += vocabulary.joined(step.character for step in steps)
    if (
        wanted.missing
        and line not in wanted.texts
        and model.lines is not None
        and not holds(model.lines, line)
    ):
        wanted.texts.add(line)
        wanted.found.append((request, steps))


def _give_up(wanted: Sequence[_Wanted]) -> None:
    for one in wanted:
        if one.missing and one.drawn >= DRAWS * one.count:
            raise CharseqError(
                f"of {one.drawn:,} lines drawn for the prompt {one.request.prompt!r}, {len(one.found):,} "
                f"were new, and {one.count:,} are wanted",
                hint="raise --temperature, ask for fewer --samples, or train on more lines",
            )

"""Sample lines that are not in the training text, each of them once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import tee

from charseq.errors import CharseqError, UsageError, quoted
from charseq.inference.requests import Request, Step, prompt_ids, with_label
from charseq.model.line_digests import Digests, contains
from charseq.model.model_file import Model

MAX_REJECTED = 5_000
"""Consecutive samples without a new line after which a prompt fails."""
MIN_SAMPLES = 64
"""Samples drawn together, over several prompts."""
MAX_SAMPLES = 4096
"""Maximum number of samples drawn together for one prompt."""

NewLine = tuple[Request, list[Step]]
Continue = Callable[[Iterable[Request]], Iterator[Iterator[Step]]]
"""`charseq.inference.continuation.continuations` with all arguments but the requests."""


class _Search:
    """A prompt, the number of new lines still to find, and the lines found."""

    def __init__(self, request: Request, count: int) -> None:
        self.request, self.missing = request, count
        self._drawn = self._rejected = 0
        self._unread: list[NewLine] = []
        self._texts: set[str] = set()

    def next_samples(self, model: Model) -> Iterator[Request]:
        """Yield requests for the missing lines, or for more and more samples if few of them are new."""
        more = min(max(self.missing, self._drawn // 2), MAX_SAMPLES)
        first, self._drawn = self._drawn, self._drawn + more
        samples = range(first, self._drawn)
        return (with_label(model, self.request._replace(sample=sample)) for sample in samples)

    def add(self, model: Model, known: Digests, request: Request, steps: list[Step]) -> None:
        """Keep a line if it is new and not empty.  Raises CharseqError after MAX_REJECTED others in a row."""
        if not self.missing:
            return
        vocabulary = model.vocabulary
        line = vocabulary.decode(prompt_ids(model, request))
        line += vocabulary.joined(step.character for step in steps)
        if line and line not in self._texts and not contains(known, line):
            self._texts.add(line)
            self._unread.append((request, steps))
            self.missing, self._rejected = self.missing - 1, 0
            return
        self._rejected += 1
        if self._rejected >= MAX_REJECTED:
            found, prompt = len(self._texts), request.prompt
            length = "" if request.length is None else "raise --length, "
            raise CharseqError(
                f"found only {found:,} of {found + self.missing:,} new lines"
                + (f" for the prompt {quoted(prompt)}" if prompt else "")
                + f"; the last {MAX_REJECTED:,} samples were training lines, duplicates or empty",
                hint=f"raise --temperature, {length}loosen any constraint, or lower --samples",
            )

    def pop_found(self) -> list[NewLine]:
        """Return the lines found since the last call."""
        found, self._unread = self._unread, []
        return found


def novel(
    model: Model, requests: Sequence[Request], samples: int, continue_all: Continue
) -> Iterator[NewLine]:
    """Yield `samples` different lines for each prompt, in order, that are not in the training text.

    A labeled line is new if its text is in the training text under no label.

    The lines of a prompt do not depend on the other prompts.  Raises UsageError for a model without the
    digests of its training lines, CharseqError if too few new lines are found.
    """
    if not model.vocabulary.boundary:
        raise UsageError(
            "--novel requires a model trained with --lines", hint="leave --novel out, or use another --model"
        )
    if model.lines is None and "imported" in model.training:
        raise UsageError(
            "--novel cannot be used with an imported model: an export does not have the digests of the "
            "training lines",
            hint="use the run that was exported, or leave --novel out",
        )
    if model.lines is None:
        raise UsageError(
            "--novel cannot be used with this model: it has more than a million training lines, "
            "and does not store their digests",
            hint="train it on fewer lines, or leave --novel out",
        )
    step = max(1, MIN_SAMPLES // samples)
    for first in range(0, len(requests), step):
        searches = deque(_Search(request, samples) for request in requests[first : first + step])
        while searches:
            drawn, again = tee(
                (search, request)
                for search in list(searches)
                if search.missing
                for request in search.next_samples(model)
            )
            continuations = continue_all(request for _, request in again)
            for (search, request), steps in zip(drawn, continuations, strict=True):
                search.add(model, model.lines, request, list(steps))
                yield from searches[0].pop_found()
                if not any(one.missing for one in searches):
                    break
            while searches and not searches[0].missing:
                yield from searches.popleft().pop_found()

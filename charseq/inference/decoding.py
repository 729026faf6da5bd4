"""Generate continuations as options ask: sampled or by beam search, constrained, or novel lines only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import tee

from charseq.errors import UsageError, cannot_combine
from charseq.inference.beam_search import beams
from charseq.inference.constraint import Constraint
from charseq.inference.continuation import BATCH_SIZE, continuations, default_sampling
from charseq.inference.novelty import novel
from charseq.inference.requests import DEFAULT_ALTERNATIVES, Answer, Request
from charseq.inference.sampling import SamplingParams
from charseq.model.model_file import Model


def whole_number(name: str, value: object, low: int = 0) -> None:
    """Raise UsageError for anything but a whole number that is large enough."""
    if type(value) is not int or value < low:
        raise UsageError(f"{name} is {value!r}", hint=f"it is a whole number from {low} on")


@dataclass(frozen=True)
class Options:
    """What may be asked for, as `charseq predict` has it.  Raises UsageError for what excludes each other."""

    greedy: bool = False
    temperature: float | None = None
    """None leaves it to the model: 0 for a text learned whole, else 0.8."""
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    beam: int = 0
    """How many texts a search follows; 0 draws each symbol instead, or takes the likeliest."""
    samples: int = 1
    until: Sequence[str] = ()
    allow: str | None = None
    pattern: str | None = None
    novel: bool = False
    top: int | None = None
    """How many alternatives each step tells; None tells the character alone."""
    batch_size: int = BATCH_SIZE

    def __post_init__(self) -> None:
        """Look for options that cannot be, or that say opposite things."""
        if isinstance(self.until, str) or not all(self.until):
            raise UsageError(f"until is {self.until!r}", hint="it is a list of strings, none of them empty")
        for name, least in (("top_k", 0), ("beam", 0), ("samples", 1), ("batch_size", 1), ("top", 0)):
            whole_number(name, getattr(self, name) or 0, least)
        for name, low, high in (("temperature", 0.0, 100.0), ("top_p", 1e-12, 1.0), ("min_p", 0.0, 1.0)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int | float) or not low <= value <= high):
                raise UsageError(f"{name} is {value!r}", hint=f"it is a number from {low:g} to {high:g}")
        if self.greedy and self.temperature:
            raise cannot_combine("--greedy", ["--temperature"])
        if self.novel and (self.greedy or self.temperature == 0 or self.top_k == 1):
            other = "--greedy" if self.greedy else "--top-k 1" if self.top_k == 1 else "--temperature 0"
            raise cannot_combine("--novel", [other], "it would always draw the same line")
        if self.pattern is not None and self.until:
            raise cannot_combine(
                "--pattern", ["--until"], hint="let the pattern end where the text is to end"
            )
        drawn = {
            "--greedy": self.greedy,
            "--temperature": self.temperature is not None,
            "--top-k": self.top_k,
            "--top-p": self.top_p < 1,
            "--min-p": self.min_p,
            "--novel": self.novel,
        }
        others = [name for name, given in drawn.items() if given]
        if self.beam and others:
            raise cannot_combine("--beam", others, "it searches for the likeliest text")
        if self.beam and self.samples > self.beam:
            raise UsageError(
                f"--samples {self.samples} asks for more texts than --beam {self.beam} keeps",
                hint="give a larger --beam, or fewer samples",
            )


@dataclass(frozen=True)
class Decoding:
    """How prompts are continued: options with the model's defaults, and the compiled constraint."""

    options: Options
    sampling: SamplingParams
    constraint: Constraint | None = None

    @classmethod
    def of(cls, model: Model, options: Options) -> "Decoding":
        """Resolve options for a model.  Raises UsageError if no text satisfies the constraint."""
        temperature = options.temperature
        if temperature is None:
            temperature = default_sampling(model).temperature
        if options.greedy:
            temperature = 0.0
        constraint = None
        if options.allow is not None or options.pattern is not None:
            constraint = Constraint.of(model.vocabulary, allow=options.allow, pattern=options.pattern)
        sampling = SamplingParams(temperature, options.top_k, options.top_p, options.min_p)
        return cls(options, sampling, constraint)

    def answers(self, model: Model, requests: Sequence[Request]) -> Iterator[Answer]:
        """Continue every prompt `samples` times, and yield the answers in order.

        Raises UnknownCharacter, UsageError, and CharseqError if too few new lines are found.
        """
        options, until = self.options, tuple(self.options.until)
        if options.beam:
            top = DEFAULT_ALTERNATIVES if options.top is None else options.top
            for request in requests:
                best = beams(model, request, options.beam, until=until, constraint=self.constraint, top=top)
                for sample, beam in enumerate(best[: options.samples]):
                    yield Answer(request._replace(sample=sample), beam.steps, beam.log_probability)
            return
        continue_all = partial(
            continuations,
            model,
            params=self.sampling,
            until=until,
            constraint=self.constraint,
            top=options.top,
            batch_size=options.batch_size,
        )
        if options.novel:
            for request, steps in novel(model, requests, options.samples, continue_all):
                yield Answer(request, steps)
        else:
            repeated, again = tee(
                request._replace(sample=n) for request in requests for n in range(options.samples)
            )
            yield from map(Answer, repeated, continue_all(again))

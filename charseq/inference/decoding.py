"""Generate continuations as the settings say: sampled or by beam search, constrained, or novel lines only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import tee

from charseq.inference.beam_search import beams
from charseq.inference.constraint import Constraint
from charseq.inference.continuation import continuations, default_sampling
from charseq.inference.novelty import novel
from charseq.inference.requests import DEFAULT_ALTERNATIVES, Answer, Request, with_label
from charseq.inference.sampling import SamplingParams
from charseq.model.model_file import Model
from charseq.settings.generation_settings import GenerationSettings


@dataclass(frozen=True)
class Decoding:
    """How prompts are continued: settings with the model's defaults, and the compiled constraint."""

    settings: GenerationSettings
    sampling: SamplingParams
    constraint: Constraint | None = None

    @classmethod
    def of(cls, model: Model, settings: GenerationSettings) -> "Decoding":
        """Resolve the settings for a model.

        Raises UsageError if no text satisfies the constraint, and for an unknown label.
        """
        model.vocabulary.check_label(settings.label)
        temperature = settings.temperature
        if temperature is None:
            temperature = default_sampling(model).temperature
        if settings.greedy:
            temperature = 0.0
        constraint = None
        if settings.allow is not None or settings.pattern is not None:
            constraint = Constraint.of(model.vocabulary, allow=settings.allow, pattern=settings.pattern)
        sampling = SamplingParams(temperature, settings.top_k, settings.top_p, settings.min_p)
        return cls(settings, sampling, constraint)

    def answers(self, model: Model, requests: Sequence[Request]) -> Iterator[Answer]:
        """Continue every prompt `samples` times, and yield the answers in order.

        Raises UnknownCharacter, UsageError, and CharseqError if too few new lines are found.
        """
        settings, until = self.settings, tuple(self.settings.until)
        if settings.beam:
            top = DEFAULT_ALTERNATIVES if settings.top is None else settings.top
            for request in (with_label(model, request, draw=False) for request in requests):
                best = beams(model, request, settings.beam, until=until, constraint=self.constraint, top=top)
                for sample, beam in enumerate(best[: settings.samples]):
                    yield Answer(request._replace(sample=sample), beam.steps, beam.log_probability)
            return
        continue_all = partial(
            continuations,
            model,
            params=self.sampling,
            until=until,
            constraint=self.constraint,
            top=settings.top,
            batch_size=settings.batch_size,
        )
        if settings.novel:
            for request, steps in novel(model, requests, settings.samples, continue_all):
                yield Answer(request, steps)
        else:
            repeated, again = tee(
                with_label(model, request._replace(sample=n), draw=not self.sampling.greedy)
                for request in requests
                for n in range(settings.samples)
            )
            yield from map(Answer, repeated, continue_all(again))

"""What rounded weights change: the loss of a model on the same text, with exact and with rounded weights."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from charseq.inference.continuation import continuations
from charseq.inference.requests import Request, opening, with_label
from charseq.inference.sampling import SamplingParams
from charseq.inference.scoring import concatenated
from charseq.inspection.reported_run import ReadText, ReportedRun, held_out_texts, memorized_texts
from charseq.inspection.text_predictions import predict_text
from charseq.model.model_file import Arrays, Model
from charseq.render.quantities import count

LONGEST = 10_000
"""Symbols of memorized text on which the loss is measured."""
GENERATED = 2000
"""Symbols of generated text on which the loss is measured; a little more for a model of lines."""
LENGTH = 100
"""The most symbols of a generated text."""
SAMPLES = 400
"""The most texts that are generated."""
FEWEST = 30
"""The fewest symbols of held-out text on which the loss is measured."""


class Comparison(NamedTuple):
    """The loss with exact and with rounded weights, on the same text."""

    origin: str
    """What the text is."""
    characters: int
    """The number of predicted symbols."""
    exact: float
    """In nats per symbol."""
    rounded: float
    """In nats per symbol."""
    unit: str
    changed: int
    """The number of positions at which another symbol is the most probable one."""

    def __str__(self) -> str:
        """Return a sentence."""
        return (
            f"On {count(self.characters, self.unit)} of {self.origin}, rounding changes the loss by "
            f"{self.rounded - self.exact:+.6f} nats per {self.unit}, from {self.exact:.4f}, and the most "
            f"probable {self.unit} at {count(self.changed, 'position')}."
        )


def compared(run: ReportedRun, model: Model, decoded: Arrays) -> list[Comparison]:
    """Compare a model with the same model with `decoded` weights.

    The text is the memorized one; or else the held-out text in the log, if there is any, and generated text.
    On text generated at temperature 1, the expected difference is the Kullback-Leibler divergence.

    Raises CharseqError if an output is NaN or infinite.
    """
    rounded = replace(model, arrays=dict(decoded))
    if model.memorized:
        texts = [_shortened(memorized_texts(model))]
    else:
        texts = [[each for each in held_out_texts(run, model) if len(each.ids) > FEWEST], _generated(model)]
    readable = [[each for each in part if len(each.ids) > 1] for part in texts]
    return [_compared(part, model, rounded) for part in readable if part]


def _shortened(texts: Sequence[ReadText]) -> list[ReadText]:
    """Return the beginning of the texts, LONGEST symbols in all."""
    shortened, left = [], LONGEST
    for each in texts:
        shortened.append(ReadText(each.origin, each.ids[:left]))
        left -= len(shortened[-1].ids)
    return shortened


def _compared(texts: Sequence[ReadText], model: Model, rounded: Model) -> Comparison:
    exact, after = (
        concatenated([predict_text(each, text.ids).surprisals for text in texts]) for each in (model, rounded)
    )
    return Comparison(
        texts[0].origin,
        len(exact.nats),
        float(exact.nats.mean()),
        float(after.nats.mean()),
        model.vocabulary.unit,
        int((exact.best != after.best).sum()),
    )


def _generated(model: Model) -> list[ReadText]:
    """Return texts that the model generates with a fixed seed, each from its start."""
    begin = opening(model)
    requests = [with_label(model, Request(begin, sample=number, length=LENGTH)) for number in range(SAMPLES)]
    generated = continuations(model, requests, SamplingParams(1.0), top=None, batch_size=GENERATED // LENGTH)
    texts: list[ReadText] = []
    for request, steps in zip(requests, generated, strict=True):
        symbols = [step.character for step in steps]
        text = begin + model.vocabulary.joined(symbols)
        encoded = model.vocabulary.encode_text(
            text, unknown="skip", begin=True, end=len(symbols) < LENGTH, label=request.label
        )
        texts.append(ReadText("text that the model generated at temperature 1", encoded.ids))
        if sum(len(each.ids) for each in texts) >= GENERATED:
            break
    return texts

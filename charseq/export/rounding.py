"""What rounded weights change: the loss of a model on the same text, with exact and with rounded weights."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from charseq.inference.continuation import continuations
from charseq.inference.requests import Request, opening, with_label
from charseq.inference.sampling import SamplingParams
from charseq.inference.scoring import concatenated
from charseq.inspection.reported_run import HELD_OUT, ReportedRun, texts_of
from charseq.inspection.text_predictions import predict_text
from charseq.model.model_file import Arrays, Model
from charseq.render.quantities import count
from charseq.text.vocabulary import Ids

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
    found = [(each.origin, each.ids) for each in texts_of(run)[0]] if run.model is not None else []
    if model.memorized:
        texts = {"the memorized text": [ids for _, ids in found]}
    else:
        texts = {origin: [ids] for origin, ids in found if origin == HELD_OUT and len(ids) > FEWEST}
        texts["text that it generated at temperature 1"] = _generated(model)
    return [
        _compared(origin, chosen, model, rounded)
        for origin, each in texts.items()
        if (chosen := [ids for ids in each if len(ids) > 1])
    ]


def _compared(origin: str, texts: Sequence[Ids], model: Model, rounded: Model) -> Comparison:
    exact, after = (
        concatenated([predict_text(each, ids).surprisals for ids in texts]) for each in (model, rounded)
    )
    return Comparison(
        origin,
        len(exact.nats),
        float(exact.nats.mean()),
        float(after.nats.mean()),
        model.vocabulary.unit,
        int((exact.best != after.best).sum()),
    )


def _generated(model: Model) -> list[Ids]:
    """Return texts that the model generates with a fixed seed, each from its start."""
    begin = opening(model)
    requests = [with_label(model, Request(begin, sample=number, length=LENGTH)) for number in range(SAMPLES)]
    generated = continuations(model, requests, SamplingParams(1.0), top=None, batch_size=GENERATED // LENGTH)
    texts: list[Ids] = []
    for request, steps in zip(requests, generated, strict=True):
        symbols = [step.character for step in steps]
        text = begin + model.vocabulary.joined(symbols)
        encoded = model.vocabulary.encode_text(
            text, unknown="skip", begin=True, end=len(symbols) < LENGTH, label=request.label
        )
        texts.append(encoded.ids)
        if sum(map(len, texts)) >= GENERATED:
            break
    return texts

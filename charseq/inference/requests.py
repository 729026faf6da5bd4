"""Requests to continue a prompt, and the answers to them."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from charseq.errors import UsageError
from charseq.inference.copies import Copies
from charseq.model.model_file import Model
from charseq.text.units import Unknown
from charseq.text.vocabulary import EncodedText, Vocabulary

LABEL_STREAM = 1
"""Distinguishes the random numbers that draw a label from those that generate its text."""
DEFAULT_ALTERNATIVES = 5
"""Most probable characters that a step lists."""


class Request(NamedTuple):
    """A prompt to continue.  Its random numbers depend on the prompt, the seed and the sample number."""

    prompt: str
    """The text that the model reads; never empty, except for a model of lines."""
    seed: int = 0
    sample: int = 0
    """Number of the continuation, where a prompt is continued several times."""
    length: int | None = None
    """Maximum number of characters to add.  None: to the end of a memorized text, else 200."""
    ids: tuple[int, ...] | None = None
    """The ids of the prompt, from the boundary on in a model of lines; None encodes the prompt.

    With labels, they have neither the boundary nor the label.
    """
    label: str | None = None
    """The label of the text; None for a model without labels, and where `with_label` will draw it."""

    @classmethod
    def of(
        cls,
        model: Model,
        encoded: EncodedText,
        *,
        seed: int = 0,
        length: int | None = None,
        label: str | None = None,
    ) -> "Request":
        """Return the request for an encoded prompt; an empty one begins with the model's opening."""
        if not encoded.text:
            encoded = encode_prompt(model.vocabulary, opening(model))
        return cls(encoded.text, seed, length=length, ids=tuple(encoded.ids.tolist()), label=label)

    @property
    def entropy(self) -> list[int]:
        """The seed of the random generator."""
        digest = hashlib.sha256(self.prompt.encode("utf-8", "surrogatepass")).digest()
        return [self.seed, self.sample, int.from_bytes(digest[:8], "big")]


class Step(NamedTuple):
    """One generated character."""

    character: str
    probability: float
    """The model's probability of the character, before temperature and truncation; NaN if not computed."""
    top: tuple[tuple[str, float], ...]
    """The most probable characters with their probabilities, in falling order."""


class Answer(NamedTuple):
    """The continuation of a request."""

    request: Request
    steps: Iterable[Step]
    """The generated characters, possibly computed while they are read."""
    log_probability: float | None = None
    """Of the whole continuation, in nats, if beam search found it."""
    copies: Copies | None = None
    """The copies in the generated text; None if they were not searched for."""


def opening(model: Model) -> str:
    """Return the default prompt: the text's first symbol, or the start of a line."""
    return "" if model.vocabulary.boundary else model.opening


def encode_prompt(vocabulary: Vocabulary, prompt: str, unknown: Unknown = "error") -> EncodedText:
    """Encode a prompt for a request, without the label.  Raises UnknownCharacter."""
    return vocabulary.encode_text(prompt, unknown=unknown, begin=not vocabulary.labels)


def with_label(model: Model, request: Request, *, draw: bool = True) -> Request:
    """Return the request with a label, if the model has labels.

    Without one, it is drawn as often as in the training lines, by the seed and the sample number, or, unless
    `draw`, the most frequent one.
    """
    vocabulary = model.vocabulary
    if request.label is not None or not vocabulary.labels:
        return request
    counts = np.array(model.label_counts, np.float64)
    number = int(counts.argmax())
    if draw and counts.any():
        random = np.random.default_rng([*request.entropy, LABEL_STREAM])
        number = int(random.choice(len(counts), p=counts / counts.sum()))
    return request._replace(label=vocabulary.label_names[number])


def prompt_ids(model: Model, request: Request) -> list[int]:
    """Return the ids that the model reads first.

    Raises UnknownCharacter, and UsageError if there are none, or for an unknown or missing label.
    """
    vocabulary, ids = model.vocabulary, request.ids
    if ids is None:
        ids = encode_prompt(vocabulary, request.prompt).ids.tolist()
    if vocabulary.labels:
        ids = (vocabulary.label_id(request.label), *ids)
    if not ids:
        raise UsageError("there is nothing to continue", hint="give a prompt of at least one character")
    return list(ids)

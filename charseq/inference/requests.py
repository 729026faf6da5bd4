"""Requests to continue a prompt, and the answers to them."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from charseq.errors import UsageError
from charseq.inference.copies import Copies
from charseq.model.model_file import Model
from charseq.text.vocabulary import EncodedText

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
    """The ids of the prompt, from the boundary on in a model of lines; None encodes the prompt."""

    @classmethod
    def of(cls, model: Model, encoded: EncodedText, *, seed: int = 0, length: int | None = None) -> "Request":
        """Return the request for an encoded prompt; an empty one begins with the model's opening."""
        if not encoded.text:
            encoded = model.vocabulary.encode_text(opening(model), begin=True)
        return cls(encoded.text, seed, length=length, ids=tuple(encoded.ids.tolist()))

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


def prompt_ids(model: Model, request: Request) -> list[int]:
    """Return the ids that the model reads first.

    Raises UnknownCharacter, and UsageError if there are none.
    """
    ids = request.ids
    if ids is None:
        ids = model.vocabulary.encode_text(request.prompt, begin=True).ids.tolist()
    if not ids:
        raise UsageError("there is nothing to continue", hint="give a prompt of at least one character")
    return list(ids)

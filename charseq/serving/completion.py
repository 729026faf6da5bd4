"""A request for completions, resolved for a model: one choice for each prompt and sample."""

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from charseq.errors import UnknownCharacter, UsageError
from charseq.inference.requests import Request, encode_prompt, opening, prompt_ids, with_label
from charseq.inference.sampling import SamplingParams
from charseq.inference.stopping import StoppingRule
from charseq.model.model_file import Model
from charseq.serving.choice import Choice
from charseq.serving.errors import invalid
from charseq.serving.parameters import Parameters
from charseq.text.unknown import COMPLETIONS
from charseq.text.vocabulary import EncodedText, Ids, Vocabulary

DEFAULT_MAX_TOKENS = 16
DEFAULT_TEMPERATURE = 1.0
"""The defaults of the interface, for a model that memorized no text."""
MAX_PROMPT = 1 << 20
"""Maximum number of symbols of all prompts of a request."""
MAX_PROBABILITIES = 1 << 19
"""Maximum number of log-probabilities in a response."""


@dataclass(frozen=True)
class Completion:
    """A request whose choices are ready to be generated."""

    parameters: Parameters
    choices: tuple[Choice, ...]
    seed: int
    prompt_tokens: int
    """The number of symbols of all prompts."""
    id: str = field(default_factory=lambda: f"cmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def waiting(self) -> list[Choice]:
        """The choices that are not finished from the start."""
        return [choice for choice in self.choices if choice.finish is None]

    @property
    def usage(self) -> dict[str, int]:
        """The number of symbols that were read and generated."""
        generated = sum(len(choice.ids) for choice in self.choices)
        total = self.prompt_tokens + generated
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": generated,
            "total_tokens": total,
        }


def resolve(model: Model, parameters: Parameters) -> Completion:
    """Return the choices of a request.

    A model that memorized its text answers greedily and to the end of the text, where the client leaves
    `temperature` and `max_tokens` to it.  Raises APIError.
    """
    try:
        return _resolved(model, parameters)
    except UnknownCharacter as error:
        raise invalid(f"{error.message}; {error.hint}", "prompt", "unknown_character") from None
    except UsageError as error:
        param = "label" if "label" in error.message else "prompt"
        raise invalid("; ".join(filter(None, [error.message, error.hint])), param) from None


def _resolved(model: Model, parameters: Parameters) -> Completion:
    model.vocabulary.check_label(parameters.label, "label", required=_scores(parameters))
    encoded = [_with_opening(model, prompt) for prompt in _encoded(model.vocabulary, parameters)]
    seed = secrets.randbits(32) if parameters.seed is None else parameters.seed
    sampling = _sampling(model, parameters)
    length = parameters.max_tokens
    if length is None and not model.memorized:
        length = DEFAULT_MAX_TOKENS
    rule = StoppingRule(model, length, parameters.stops)
    choices: list[Choice] = []
    for prompt in encoded:
        choices += _choices(model, parameters, prompt, Request(prompt.text, seed), sampling, rule)
    _check_size(choices)
    # Only the choices of a prompt share its ids.
    counted = sum(len(choice.prompt) for choice in choices[:: parameters.n])
    return Completion(parameters, tuple(choices), seed, counted - model.vocabulary.boundary * len(encoded))


def _scores(parameters: Parameters) -> bool:
    """Return whether the log-probabilities of the prompts are computed."""
    return parameters.echo and parameters.logprobs is not None


def _sampling(model: Model, parameters: Parameters) -> SamplingParams:
    temperature = parameters.temperature
    if temperature is None:
        temperature = 0.0 if model.memorized else DEFAULT_TEMPERATURE
    if parameters.top_p == 0:  # the smallest set that has any probability: the most probable symbol
        return SamplingParams(0.0)
    return SamplingParams(temperature, parameters.top_k, parameters.top_p, parameters.min_p)


def _choices(
    model: Model,
    parameters: Parameters,
    prompt: EncodedText,
    request: Request,
    sampling: SamplingParams,
    rule: StoppingRule,
) -> Iterator[Choice]:
    """Yield the choices of one prompt."""
    vocabulary = model.vocabulary
    request = request._replace(ids=tuple(prompt.ids.tolist()), label=parameters.label)
    scored = _scored(vocabulary, prompt, parameters)
    top = parameters.logprobs
    if top is not None:
        top = min(top, len(vocabulary) - len(vocabulary.labels))
    ids: list[int] | None = None
    for sample in range(parameters.n):
        labeled = with_label(model, request._replace(sample=sample), draw=not sampling.greedy)
        if ids is None or vocabulary.labels:
            ids = prompt_ids(model, labeled)
        choice = Choice(
            labeled,
            ids,
            sampling,
            rule,
            rule.limit(ids),
            parameters.stops,
            top,
            scored,
            streamed=parameters.stream,
        )
        if scored is None:
            choice.finish_if_empty()
        yield choice


def _scored(vocabulary: Vocabulary, prompt: EncodedText, parameters: Parameters) -> Ids | None:
    """Return the symbols of a prompt whose log-probabilities are computed; None if there are none."""
    if not _scores(parameters):
        return None
    scored = prompt.targets if vocabulary.labels else prompt.targets[1:]
    if parameters.echo_end:
        if not vocabulary.boundary:
            raise invalid("echo_end requires a model of lines: a text of this one has no end", "echo_end")
        scored = np.concatenate([scored, np.zeros(1, scored.dtype)])
    return scored


def _encoded(vocabulary: Vocabulary, parameters: Parameters) -> Iterator[EncodedText]:
    """Encode the prompts.  Raises UnknownCharacter, UsageError and APIError."""
    total = 0
    several = len(parameters.prompts) > 1
    for number, prompt in enumerate(parameters.prompts, 1):
        total += len(prompt)
        if total > MAX_PROMPT:
            counted = f"at most {MAX_PROMPT:,} symbols, and this one has {total:,} or more"
            raise invalid(f"a request may have {counted}", "prompt", "context_length_exceeded")
        with COMPLETIONS.explaining(where=f"prompt {number}: " if several else ""):
            if isinstance(prompt, str):
                yield encode_prompt(vocabulary, prompt, parameters.unknown)
            else:
                yield _from_ids(vocabulary, prompt)


def _from_ids(vocabulary: Vocabulary, symbols: tuple[int, ...]) -> EncodedText:
    """Return the text of token ids, which may begin with the boundary.  Raises APIError for other ids."""
    if vocabulary.boundary and symbols[0] == 0:
        symbols = symbols[1:]
    for symbol in symbols:
        if not 0 <= symbol < len(vocabulary):
            last = len(vocabulary) - 1
            raise invalid(f"the token id {symbol} is not one of the model, which has 0 to {last}", "prompt")
        if vocabulary.is_label[symbol] or (vocabulary.boundary and symbol == 0):
            raise invalid(f"the token id {symbol} is a label or the end of a line, and no text", "prompt")
    ids = np.concatenate([encode_prompt(vocabulary, "").ids, np.array(symbols, vocabulary.dtype)])
    return EncodedText(ids, ids, vocabulary.decode(symbols), 0)


def _check_size(choices: Sequence[Choice]) -> None:
    """Raise APIError if a response would have too many log-probabilities."""
    positions = (
        (choice.limit + len(() if choice.scored is None else choice.scored)) * (choice.top + 1)
        for choice in choices
        if choice.top is not None
    )
    if (total := sum(positions)) > MAX_PROBABILITIES:
        few = f"at most {MAX_PROBABILITIES:,} log-probabilities, not {total:,}"
        raise invalid(f"a response may have {few}: use fewer max_tokens, logprobs or prompts", "logprobs")


def _with_opening(model: Model, prompt: EncodedText) -> EncodedText:
    """Return a prompt that is not empty: an empty one begins with the model's opening."""
    return prompt if prompt.text else encode_prompt(model.vocabulary, opening(model))

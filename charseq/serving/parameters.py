"""The parameters of a completion, checked one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from charseq.serving.errors import invalid
from charseq.serving.fields import Fields, kind_of
from charseq.settings.setting import LARGEST_COUNT, LARGEST_SEED, Bounds
from charseq.text.units import Unknown

MAX_TOKENS = 1 << 16
"""Maximum number of symbols to generate for a choice."""
MAX_CHOICES = 1024
"""Maximum number of choices of a request."""
MAX_TOP = 20
"""Maximum number of alternatives at each position."""
MAX_STOPS = 16
MAX_STOP_LENGTH = 1000
"""Maximum number of stop strings, and of characters of one of them."""

Prompt = str | tuple[int, ...]
"""A text, or the ids of symbols."""

PARAMETERS = {
    "model": "the name of the model",
    "prompt": "a string, a list of strings, a list of token ids, or a list of such lists",
    "max_tokens": "maximum number of symbols to generate",
    "temperature": "sampling temperature",
    "top_p": "nucleus sampling",
    "seed": "random seed",
    "stop": "strings that end the text",
    "logprobs": "number of alternatives at each position",
    "echo": "whether the text begins with the prompt",
    "n": "completions of each prompt",
    "stream": "whether the text is sent while it is generated",
    "stream_options": "include_usage",
    "best_of": "accepted if it is n",
    "suffix": "accepted if it is empty",
    "logit_bias": "accepted if it is empty",
    "presence_penalty": "accepted if it is 0",
    "frequency_penalty": "accepted if it is 0",
    "user": "accepted; it changes nothing",
    "label": "of charseq: the label of the text",
    "top_k": "of charseq: top-k sampling",
    "min_p": "of charseq: min-p sampling",
    "unknown": "of charseq: what to do with unknown characters",
    "echo_end": "of charseq: whether the end of the line is scored, too",
}
"""Every parameter that a request may have."""


@dataclass(frozen=True)
class Parameters:
    """What a request asks for; None where the client leaves it to the model."""

    prompts: tuple[Prompt, ...]
    max_tokens: int | None
    temperature: float | None
    top_p: float
    top_k: int
    min_p: float
    seed: int | None
    stops: tuple[str, ...]
    logprobs: int | None
    echo: bool
    echo_end: bool
    n: int
    stream: bool
    include_usage: bool
    label: str | None
    unknown: Unknown
    model: str | None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Parameters":
        """Check the JSON object of a request.  Raises APIError."""
        fields = Fields(values)
        fields.refuse_unknown(PARAMETERS)
        _refuse_unsupported(fields)
        seed = Bounds(0, LARGEST_SEED)
        n = fields.whole("n", Bounds(1, 128)) or 1
        if fields["best_of"] is not None and fields.whole("best_of", Bounds(1, 128)) != n:
            raise invalid(f"best_of is not supported, unless it is n ({n})", "best_of", "unsupported_value")
        top_p = fields.number("top_p", Bounds(0, 1))
        stream, echo, echo_end = fields.flag("stream"), fields.flag("echo"), fields.flag("echo_end")
        max_tokens = fields.whole("max_tokens", Bounds(0, MAX_TOKENS))
        logprobs = fields.whole("logprobs", Bounds(0, MAX_TOP))
        if echo_end and not (echo and logprobs is not None and max_tokens == 0):
            raise invalid("echo_end requires echo, logprobs, and max_tokens 0", "echo_end", "invalid_value")
        return cls(
            prompts=_prompts(fields, n),
            max_tokens=max_tokens,
            temperature=fields.number("temperature", Bounds(0, 100)),
            top_p=1.0 if top_p is None else top_p,
            top_k=fields.whole("top_k", Bounds(0, LARGEST_COUNT)) or 0,
            min_p=fields.number("min_p", Bounds(0, 1)) or 0.0,
            seed=fields.whole("seed", seed),
            stops=_stops(fields["stop"]),
            logprobs=logprobs,
            echo=echo,
            echo_end=echo_end,
            n=n,
            stream=stream,
            include_usage=_include_usage(fields, stream=stream),
            label=fields.string("label"),
            unknown=cast(Unknown, fields.choice("unknown", ("error", "skip", "replace")) or "error"),
            model=fields.string("model"),
        )


def _prompts(fields: Fields, n: int) -> tuple[Prompt, ...]:
    """Return the prompts of a request; one that is missing is empty."""
    value = fields["prompt"]
    if value is None:
        return ("",)
    if isinstance(value, str):
        return (value,)
    expected = PARAMETERS["prompt"]
    if not isinstance(value, list) or not value:
        shown = "an empty list" if value == [] else kind_of(value)
        raise invalid(f"prompt must be {expected}, not {shown}", "prompt", "invalid_value")
    if isinstance(value[0], int):
        return (_ids(value),)
    if len(value) * n > MAX_CHOICES:
        raise invalid(f"a request may have {MAX_CHOICES:,} completions, not {len(value) * n:,}", "prompt")
    if all(isinstance(each, str) for each in value):
        return tuple(value)
    if all(isinstance(each, list) and each for each in value):
        return tuple(map(_ids, value))
    raise invalid(f"prompt must be {expected}, not a list of different things", "prompt", "invalid_value")


def _ids(values: Sequence[Any]) -> tuple[int, ...]:
    if any(isinstance(value, bool) or not isinstance(value, int) for value in values):
        raise invalid("prompt has a token id that is not a whole number", "prompt", "invalid_value")
    return tuple(values)


def _stops(value: Any) -> tuple[str, ...]:
    """Return the stop strings, each once."""
    values = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(stop, str) for stop in values):
        raise invalid(f"stop must be a string or a list of strings, not {kind_of(value)}", "stop")
    if len(values) > MAX_STOPS:
        raise invalid(f"stop may have {MAX_STOPS} strings, not {len(values):,}", "stop")
    if any(not 0 < len(stop) <= MAX_STOP_LENGTH for stop in values):
        raise invalid(f"each string of stop must have 1 to {MAX_STOP_LENGTH:,} characters", "stop")
    return tuple(dict.fromkeys(values))


def _include_usage(fields: Fields, *, stream: bool) -> bool:
    options = fields["stream_options"]
    if options is None:
        return False
    if not isinstance(options, dict):
        raise invalid(f"stream_options must be an object, not {kind_of(options)}", "stream_options")
    if not stream:
        raise invalid("stream_options requires stream", "stream_options", "invalid_value")
    inner = Fields(options)
    inner.refuse_unknown({"include_usage": "", "include_obfuscation": ""})
    if inner.flag("include_obfuscation"):
        raise invalid("include_obfuscation is not supported", "stream_options", "unsupported_value")
    return inner.flag("include_usage")


def _refuse_unsupported(fields: Fields) -> None:
    """Raise APIError for a parameter of the interface that charseq cannot honor."""
    for name in ("suffix", "logit_bias", "presence_penalty", "frequency_penalty"):
        value = fields[name]
        neutral = value is None or value == {"suffix": "", "logit_bias": {}}.get(name, 0)
        if not neutral or isinstance(value, bool):
            allowed = PARAMETERS[name].removeprefix("accepted if it is ")
            raise invalid(f"{name} is not supported, unless it is {allowed}", name, "unsupported_value")
    fields.string("user")

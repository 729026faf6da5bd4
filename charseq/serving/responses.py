"""The objects of the interface that answer a request for completions."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from charseq.serving.choice import Choice, Finish, LogProbabilities
from charseq.serving.completion import Completion
from charseq.serving.text import GeneratedText, Offsets, token
from charseq.text.vocabulary import Vocabulary


class ChoiceOutput:
    """What is sent of a choice, piece by piece: its text, and the log-probabilities of its tokens."""

    def __init__(self, vocabulary: Vocabulary, choice: Choice, index: int, *, echo: bool) -> None:
        self._vocabulary, self._choice, self._index, self._echo = vocabulary, choice, index, echo
        self._text = GeneratedText(vocabulary, choice.stops)
        self._read = 0
        self._begun = False
        self.ended = False
        prompt = choice.request.prompt
        self._offsets = Offsets(vocabulary, len(prompt))
        self._length = len(prompt)
        """The characters sent, those of the prompt included."""
        self._tokens: list[tuple[int, int, int]] = []
        """The position, symbol and offset of tokens whose text is not sent yet."""

    def take(self) -> dict[str, Any] | None:
        """Return what is new, as a choice of the interface; None if nothing is."""
        choice = self._choice
        finish = choice.finish  # before the symbols, which are complete once it is set
        if self.ended or (not choice.ids and finish is None):
            return None
        ids = choice.ids[self._read :]
        text = self._text.add(ids)
        if finish is not None:
            text += self._text.end(stopped=finish is Finish.STOP)
            self.ended = True
        self._length += len(text)
        logprobs = self._logprobs(ids) if choice.logprobs is not None else None
        self._read += len(ids)
        if self._echo and not self._begun:
            text = choice.request.prompt + text
            if logprobs is not None:
                logprobs = joined(self._prompt_logprobs(), logprobs)
        self._begun = True
        if not text and finish is None:
            return None
        taken = {"text": text, "index": self._index, "logprobs": logprobs, "finish_reason": finish}
        if choice.request.label is not None:
            taken["label"] = choice.request.label
        return taken

    def _logprobs(self, ids: list[int]) -> dict[str, list[Any]]:
        """Return those of the tokens whose text is sent with new symbols; a stop string has none."""
        positions = range(self._read, self._read + len(ids))
        self._tokens += zip(positions, ids, self._offsets.add(ids), strict=True)
        sent = 0
        while sent < len(self._tokens) and self._tokens[sent][2] < self._length:
            sent += 1
        tokens, self._tokens = self._tokens[:sent], self._tokens[sent:]
        record = self._choice.logprobs
        return self._object(record, tokens) if record else joined()

    def _prompt_logprobs(self) -> dict[str, list[Any]]:
        """Return those of the prompt; the first symbol has none, except in a model of lines."""
        choice, vocabulary = self._choice, self._vocabulary
        record, scored = choice.prompt_logprobs, choice.scored
        if record is None or scored is None:
            return joined()
        ids = [*choice.prompt][int(vocabulary.boundary) :]
        begin = 0 if vocabulary.boundary else 1
        offsets = Offsets(vocabulary).add(ids)
        if len(scored) > len(ids) - begin:  # the end of the line
            ids, offsets = [*ids, 0], [*offsets, len(choice.request.prompt)]
        positions = range(-begin, len(scored))
        return self._object(record, zip(positions, ids, offsets, strict=True))

    def _object(
        self, record: LogProbabilities, tokens: Iterable[tuple[int, int, int]]
    ) -> dict[str, list[Any]]:
        logprobs = joined()
        for position, symbol, offset in tokens:
            name = token(self._vocabulary, symbol)
            value, top = None, None
            if position >= 0:
                value = record.chosen[position]
                most = record.most_probable(position)
                top = {token(self._vocabulary, each): log_p for each, log_p in most}
                top.setdefault(name, value)
            for field, entry in zip(logprobs.values(), (name, value, top, offset), strict=True):
                field.append(entry)
        return logprobs


def joined(*parts: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Join log-probabilities of consecutive tokens."""
    names = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
    return {name: [entry for part in parts for entry in part[name]] for name in names}


def encoded(value: Any) -> bytes:
    """Encode JSON in ASCII, which holds unpaired surrogates, too."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")


def completion_object(
    completion: Completion, model: str, choices: Iterable[Mapping[str, Any]], **more: Any
) -> dict[str, Any]:
    """Return a whole completion, or a part of a stream."""
    return {
        "id": completion.id,
        "object": "text_completion",
        "created": completion.created,
        "model": model,
        "seed": completion.seed,
        "choices": [*choices],
        **more,
    }


def event(value: Any) -> bytes:
    """Return a server-sent event."""
    return b"data: " + encoded(value) + b"\n\n"


DONE = b"data: [DONE]\n\n"
"""The last event of a stream."""

"""Requests of predict: prompts as they arrive, encoded for a model."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from charseq.cli import input_notes, streams, text_input
from charseq.cli.prompts import Prompt, PromptFormat, read_prompts
from charseq.errors import UsageError
from charseq.inference.requests import Request, encode_prompt
from charseq.model.model_file import Model
from charseq.settings.generation_settings import GenerationSettings
from charseq.text.sources import STANDARD_INPUT
from charseq.text.units import Unknown
from charseq.text.unknown import PROMPT, TEXT_FILE, line_ending_note


@dataclass(frozen=True)
class RequestSource:
    """Makes requests of prompts, and reports unknown characters and empty input on standard error."""

    model: Model
    path: Path
    settings: GenerationSettings
    unknown: Unknown

    def batches(
        self, strings: Sequence[str], files: Sequence[str], form: PromptFormat
    ) -> Iterator[list[Request]]:
        """Return the requests for prompts and files as they arrive; for none, the request for no prompt.

        Errors in arguments are raised at the call, before anything is written.  Raises TextError, and
        UnknownCharacter after the requests before the prompt with the character.
        """
        form = form._replace(line_ends=self.model.vocabulary.knows_line_ends)
        if not strings and not files:
            return map(self._reported, self._encode(iter([[Prompt("")]])))
        arguments = [string for string in strings if string != STANDARD_INPUT]
        files = text_input.expanded(files, form.unit, form.encoding)
        deque(self._encode(read_prompts(arguments, [], form)), maxlen=0)
        batches = map(self._reported, self._encode(read_prompts(strings, files, form)))
        first = next(batches, None)
        if first is None:
            input_notes.report_empty([*filter(STANDARD_INPUT.__eq__, strings), *files], "predict")
            return iter(())
        return chain([first], batches)

    def _encode(self, batches: Iterator[list[Prompt]]) -> Iterator[tuple[list[Request], int]]:
        """Yield the requests and the number of unknown characters for each batch of prompts.

        Raises UnknownCharacter, and UsageError for an unknown label, after yielding the requests before it.
        """
        for batch in batches:
            requests: list[Request] = []
            unknown_characters = 0
            self._note_line_ends(batch)
            for prompt in batch:
                interface = TEXT_FILE if prompt.whole_file else PROMPT
                label = self.settings.label if prompt.label is None else prompt.label
                try:
                    self.model.vocabulary.check_label(label)
                    with interface.explaining(model=str(self.path)):
                        encoded = encode_prompt(self.model.vocabulary, prompt.text, self.unknown)
                except UsageError:
                    yield requests, unknown_characters
                    raise
                unknown_characters += encoded.unknown
                seed = self.settings.seed if prompt.seed is None else prompt.seed
                length = self.settings.length if prompt.length is None else prompt.length
                requests.append(Request.of(self.model, encoded, seed=seed, length=length, label=label))
            yield requests, unknown_characters

    def _reported(self, batch: tuple[list[Request], int]) -> list[Request]:
        """Report the unknown characters of a batch, and return its requests."""
        requests, unknown_characters = batch
        if unknown_characters:
            replacement = self.model.vocabulary.replacement
            action = "skipped" if self.unknown == "skip" else f"read as {replacement!r}"
            streams.report_unknown(unknown_characters, action)
        return requests

    def _note_line_ends(self, batch: Sequence[Prompt]) -> None:
        """Show a note if prompts that are files have other line endings than the training text."""
        vocabulary, memorized = self.model.vocabulary, self.model.memorized
        notes = (
            line_ending_note(vocabulary, memorized, prompt.text) for prompt in batch if prompt.whole_file
        )
        if note := next(filter(None, notes), ""):
            streams.report(note, "yellow")

"""The search for copies that a command asks for: in its training text, or in the files of --against."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import typer

from charseq.cli import input_notes, streams, text_input
from charseq.cli.combinations import on_command_line
from charseq.errors import UsageError
from charseq.inference.copies import Copies, TotalCopies
from charseq.inference.reference import Reference, reference_of
from charseq.inference.requests import Answer, Step
from charseq.model.model_file import Model
from charseq.render.base import Form
from charseq.render.copies import copies_sentence, too_short_sentence
from charseq.text.sources import STANDARD_INPUT


@dataclass
class CopySearch:
    """Finds the copies in texts, and reports those of all texts together."""

    model: Model
    reference: Reference
    total: TotalCopies = field(default_factory=TotalCopies)

    def copies(self, text: str, *, is_normalized: bool = False) -> Copies:
        """Return the copies in a text, and add them to the total."""
        copies = self.reference.copies(text, is_normalized=is_normalized)
        self.total.add(copies)
        return copies

    def answers(self, answers: Iterable[Answer], form: Form) -> Iterator[Answer]:
        """Yield answers with their copies, or in plain format as they are generated.

        A table has a line about the copies below each text; otherwise, one line reports on all texts.
        """
        for answer in answers:
            steps: list[Step] = []
            if form == "plain":
                yield answer._replace(steps=_recorded(answer.steps, steps))
            else:
                steps += answer.steps
            text = self.model.vocabulary.joined(step.character for step in steps)
            copies = self.copies(text, is_normalized=True)
            if form != "plain":
                yield answer._replace(steps=steps, copies=copies)
            if form == "table" and not copies.too_short:
                self._report(copies_sentence, TotalCopies.of(copies))
        self.report(form, only_hint=form == "table")

    def report(self, form: Form, *, only_hint: bool) -> None:
        """Report the copies in all texts, or that all are too short; nothing in JSON, and without texts."""
        if form == "json":
            return
        if self.total.texts and self.total.too_short:
            self._report(too_short_sentence, self.total)
        elif self.total.texts and not only_hint:
            self._report(copies_sentence, self.total)

    def _report(self, sentence: Callable[..., str], total: TotalCopies) -> None:
        sys.stdout.flush()
        streams.report(sentence(total, self.reference.min_length, self.reference.unit), "dim")


def _recorded(steps: Iterable[Step], record: list[Step]) -> Iterator[Step]:
    """Yield steps as they come, and append them to a list."""
    for step in steps:
        record.append(step)
        yield step


def copy_search(
    context: typer.Context, option: str, inputs: Sequence[str], path: Path, model: Model
) -> CopySearch | None:
    """Return the search for copies if the `option` of a command asks for it.

    `inputs` are the texts and files that the command reads.  Raises UsageError for --against without the
    option, and TextError if the text to compare with cannot be read or is not what the model was trained on.
    """
    if not context.params[option.removeprefix("--").replace("-", "_")]:
        if "against" in on_command_line(context):
            raise UsageError(f"--against requires {option}", hint=f"add {option}, or leave --against out")
        return None
    files = text_input.from_environment(context.params["against"], "AGAINST")
    if [*inputs, *files].count(STANDARD_INPUT) > 1:
        raise UsageError("standard input can be read only once", hint="use - only once")
    text_input.report_typing(files)
    with streams.immediate_interrupt(), text_input.advising_to_train():  # a large text takes seconds
        reference = reference_of(
            path,
            model.vocabulary,
            files,
            encoding=context.params["encoding"],
            standard_input=sys.stdin.buffer,
            report=input_notes.report_note,
        )
    return CopySearch(model, reference)

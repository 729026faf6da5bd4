"""Notes on standard error about the text of a command."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from charseq.cli import streams
from charseq.errors import quoted
from charseq.render.visible import visible

if TYPE_CHECKING:
    from charseq.text.corpus import AnyCorpus


def report_note(message: str) -> None:
    """Report on standard error how a file or standard input is read."""
    streams.report(visible(message), "dim")


def suggest_lines(corpus: "AnyCorpus") -> None:
    """Suggest --lines on standard error if the text is a list whose lines would be read as running text."""
    from charseq.text.line_detection import resembles_list

    if resembles_list(corpus):
        hint = "the text looks like a list: add --lines to learn every line as a sequence of its own"
        streams.report(hint, "yellow")


def report_empty(files: Sequence[str], purpose: str, *, only_empty_lines: bool = False) -> None:
    """Report on standard error that the input is empty, which is not an error."""
    names = " and ".join("standard input" if name == "-" else visible(quoted(name)) for name in files)
    if only_empty_lines:
        reason = f"{names} contain{'s' * (len(files) == 1)} only empty lines"
    else:
        reason = f"{names} {'is' if len(files) == 1 else 'are'} empty"
    streams.report(f"charseq: {reason}\n  there is nothing to {purpose}", "yellow")


def report_lines(corpus: "AnyCorpus") -> None:
    """Report on standard error the numbers of lines that are left out, and of duplicates in memory."""
    from charseq.render.training_summary import left_out_lines
    from charseq.text.corpus import Corpus

    for note in left_out_lines(corpus.empty_lines, corpus.dropped_lines):
        streams.report(note, "yellow")
    if corpus.lines and isinstance(corpus, Corpus):
        duplicates = corpus.strings - len({*corpus.sequences})
        if duplicates:
            streams.report(f"{duplicates:,} of {corpus.strings:,} lines are duplicates", "yellow")

"""Labels of lines: read LABEL<TAB>TEXT, and check the labels of a vocabulary."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.errors import ModelFileError, TextError, UsageError, quoted
from charseq.suggestions import did_you_mean
from charseq.text.units import Normalization, normalized

MAX_LISTED = 20
"""The maximum number of labels that a message lists."""
FORM = "write a label, a tab and a text in every line, or omit --labels"
"""The hint for a line in another form."""


class LabeledLine(NamedTuple):
    """A line of labeled text."""

    label: str
    text: str


def parse_line(line: str, where: str, hint: str = FORM) -> LabeledLine:
    """Split a line at its first tab; the text may be empty.

    Raises TextError, which says `where` the line is, without a tab or a label.
    """
    label, tab, text = line.partition("\t")
    shown = quoted(line if len(line) <= 40 else line[:40] + "...")
    if not tab:
        raise TextError(f"{where} has no label: {shown} has no tab", hint=hint)
    if not label:
        raise TextError(f"{where} has an empty label: {shown} begins with a tab", hint=hint)
    return LabeledLine(label, text)


def parse_lines(text: str, source: str, first: int = 1) -> list[LabeledLine]:
    r"""Return the labeled lines of a text, split at \n and \r\n, without empty ones.

    `first` is the number of the first line.  Raises TextError, which names the `source` and the line.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return [
        parse_line(line, f"line {number:,} of {source}") for number, line in enumerate(lines, first) if line
    ]


def check_labels(symbols: Sequence[str], labels: Sequence[int], *, boundary: bool) -> None:
    """Raise ModelFileError unless labels are the ids of different names, in a vocabulary of lines."""
    if not labels:
        return
    if not boundary:
        raise ModelFileError("a vocabulary has labels, and no boundary of lines")
    if any(not 0 < label < len(symbols) for label in labels):
        raise ModelFileError("the vocabulary has a label whose id is out of range")
    if len(set(labels)) < len(labels):
        raise ModelFileError("the vocabulary has a label id twice")
    names = {symbols[label] for label in labels}
    if "" in names or len(names) < len(labels):
        raise ModelFileError("the vocabulary has an empty label, or a label twice")


def listing(names: Sequence[str]) -> str:
    """Return labels, at most MAX_LISTED, for a message."""
    shown = ", ".join(quoted(name) for name in names[:MAX_LISTED])
    return shown + (f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else "")


def unknown_label(label: str, names: Sequence[str], where: str = "") -> UsageError:
    """Return the error for a label that a model does not know, with a suggestion."""
    near = did_you_mean(label, names)
    hint = f"{near + ' ' if near else ''}the model knows {listing(names)}"
    return UsageError(f"{where}unknown label {quoted(label)}", hint=hint)


def missing_label(names: Sequence[str], option: str) -> UsageError:
    """Return the error for a labeled model that is used without a label."""
    hint = f"give one of its labels, or find the label with classify: it knows {listing(names)}"
    return UsageError(f"the model has labels, and {option} is missing", hint=hint)


def no_labels(option: str) -> UsageError:
    """Return the error for a model without labels."""
    return UsageError(
        f"{option} requires a model trained with --labels, and this one has no labels",
        hint=f"{'use' if option == 'classify' else f'leave {option} out, or use'} another model",
    )


class Labels:
    """The labels of a vocabulary, which has these fields."""

    symbols: tuple[str, ...]
    labels: tuple[int, ...]
    normalization: Normalization

    @cached_property
    def label_ids(self) -> dict[str, int]:
        """The id of every label, by its name."""
        return {self.symbols[label]: label for label in self.labels}

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels, in the order of `labels`."""
        return tuple(self.label_ids)

    @property
    def characters(self) -> tuple[str, ...]:
        """The symbols that are no labels, in order of their ids."""
        if not self.labels:
            return self.symbols
        return tuple(symbol for i, symbol in enumerate(self.symbols) if not self.is_label[i])

    @cached_property
    def is_label(self) -> npt.NDArray[np.bool_]:
        """Whether each symbol is a label [V]."""
        is_label = np.zeros(len(self.symbols), np.bool_)
        is_label[[*self.labels]] = True
        return is_label

    def label_id(self, label: str | None, option: str = "--label", where: str = "") -> int:
        """Return the id of a label.  Raises UsageError for an unknown one, for None, and without labels."""
        if label is None:
            raise missing_label(self.label_names, option)
        if not self.labels:
            raise no_labels(option)
        if (name := normalized(label, self.normalization)) not in self.label_ids:
            raise unknown_label(label, self.label_names, where)
        return self.label_ids[name]

    def check_label(self, label: str | None, option: str = "--label", *, required: bool = False) -> None:
        """Raise UsageError for an unknown label, or one of a vocabulary without labels.

        None is valid, unless a label is `required` and the vocabulary has labels.
        """
        if label is not None or (required and self.labels):
            self.label_id(label, option)

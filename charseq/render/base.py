"""Renderers: how a command shows its results in each output format."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import TracebackType
from typing import Any, Generic, Literal, Self, TextIO, TypeVar

from charseq.render.screen import Screen

Form = Literal["table", "plain", "json"]
"""An output format: tables and drawings for people, fields between tabs, or JSON lines."""

T = TypeVar("T")


class Renderer(ABC, Generic[T]):
    """A context manager that shows events one by one."""

    screen: Screen | None = None
    """The live drawing, which a suspended process releases."""

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(failed=kind is not None)

    def begin(self) -> None:
        """Prepare for the first event."""

    def note_message(self, text: str) -> None:
        """Take note of a message that was printed above the output on a terminal."""

    def add_earlier(self, event: T) -> None:
        """Add an event of an earlier part of a resumed run, for what is shown at the end."""

    @abstractmethod
    def show(self, event: T) -> None:
        """Show one event."""

    def finish(self, *, failed: bool) -> None:
        """Complete the output; `failed` if an exception ended it."""


class NoOutput(Renderer[T]):
    """Show nothing."""

    def show(self, event: T) -> None:
        """Ignore an event."""


class LineRenderer(Renderer[T]):
    """A renderer that writes whole lines to a stream."""

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def _write_json(self, record: Mapping[str, Any]) -> None:
        self._output.write(json.dumps(record, allow_nan=False, default=str) + "\n")

    def _write_row(self, fields: Iterable[str]) -> None:
        self._output.write("\t".join(fields) + "\n")

    def finish(self, *, failed: bool) -> None:
        """Flush the stream."""
        self._output.flush()


class JSONLines(LineRenderer[T]):
    """Write each event as one JSON object in a line; an event whose record is None is left out."""

    def __init__(self, output: TextIO, record: Callable[[T], Mapping[str, Any] | None]) -> None:
        super().__init__(output)
        self._record = record

    def show(self, event: T) -> None:
        """Write the record of an event."""
        if (record := self._record(event)) is not None:
            self._write_json(record)
            self._output.flush()


class PlainLines(LineRenderer[T]):
    """Write the rows of each event, their fields between tabs, below one line of column names."""

    def __init__(
        self, output: TextIO, columns: Sequence[str], rows: Callable[[T], Iterable[Sequence[str]]]
    ) -> None:
        super().__init__(output)
        self._columns, self._rows = columns, rows
        self._has_header = not columns

    def show(self, event: T) -> None:
        """Write the rows of an event, after the column names if it is the first.

        If computing the first row fails, nothing is written.
        """
        rows = iter(self._rows(event))
        first = next(rows, None)
        if not self._has_header:
            self._write_row(self._columns)
            self._has_header = True
        for row in rows if first is None else chain([first], rows):
            self._write_row(row)
        self._output.flush()


class TableAtEnd(Renderer[T]):
    """Collect the events, and print them together, because all of them set the widths of the columns."""

    def __init__(self, output: TextIO, print_table: Callable[[Sequence[T], TextIO], None]) -> None:
        self._output, self._print_table = output, print_table
        self._events: list[T] = []

    def show(self, event: T) -> None:
        """Collect an event."""
        self._events.append(event)

    def finish(self, *, failed: bool) -> None:
        """Print the table, if there is anything to print."""
        if self._events and not failed:
            self._print_table(self._events, self._output)


@dataclass(frozen=True)
class View(Generic[T]):
    """The renderers of one kind of event, one for each format; each is created for an output stream."""

    table: Callable[[TextIO], Renderer[T]]
    plain: Callable[[TextIO], Renderer[T]]
    json: Callable[[TextIO], Renderer[T]]


def renderer_for(form: Form, view: View[T], output: TextIO) -> Renderer[T]:
    """Return the renderer of a view in a format."""
    return {"table": view.table, "plain": view.plain, "json": view.json}[form](output)

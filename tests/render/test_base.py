"""One renderer for each format: JSON lines, plain lines below their columns, and a table at the end."""

import io
from collections.abc import Sequence
from typing import Any, TextIO

import pytest

from charseq.render.base import Form, JSONLines, PlainLines, TableAtEnd, View, renderer_for


def print_table(events: Sequence[Any], output: TextIO) -> None:
    output.write(f"table of {len(events)}\n")


VIEW: View[Any] = View(
    table=lambda output: TableAtEnd(output, print_table),
    plain=lambda output: PlainLines(output, ("number",), lambda number: [[str(number)]]),
    json=lambda output: JSONLines(output, lambda number: None if number == 0 else {"number": number}),
)


def rendered(form: Form, *events: Any) -> list[str]:
    output = io.StringIO()
    with renderer_for(form, VIEW, output) as renderer:
        for event in events:
            renderer.show(event)
    return output.getvalue().splitlines()


def test_each_format_has_its_renderer() -> None:
    assert rendered("json", 1, 2) == ['{"number": 1}', '{"number": 2}']
    assert rendered("plain", 1, 2) == ["number", "1", "2"]
    assert rendered("table", 1, 2) == ["table of 2"]


@pytest.mark.parametrize("form", ["json", "plain", "table"])
def test_without_events_nothing_is_printed(form: Form) -> None:
    assert rendered(form) == []


def test_an_event_without_a_record_is_left_out_of_json() -> None:
    assert rendered("json", 0, 1) == ['{"number": 1}']


def test_json_is_strict() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        rendered("json", float("nan"))


def test_after_an_error_no_table_is_printed() -> None:
    output = io.StringIO()
    renderer = renderer_for("table", VIEW, output)
    renderer.show(1)
    renderer.finish(failed=True)
    assert output.getvalue() == ""


def test_lines_are_written_at_once() -> None:
    output = io.TextIOWrapper(io.BytesIO(), write_through=False)
    with renderer_for("plain", VIEW, output) as renderer:
        renderer.show(1)
        assert output.buffer.getvalue() == b"number\n1\n"

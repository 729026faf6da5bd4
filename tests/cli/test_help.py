"""The help of every command and group, as a screen of 80 columns shows it."""

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from charseq.cli.app import app
from charseq.cli.help import INDENT, WIDTH, examples, page
from tests.support.command import Command, every_command, shell

COMMANDS = every_command()
FINITE = [path for path in COMMANDS if path != "serve"]
"""The commands that end by themselves; test_serve.py runs the examples of the other one."""


def printed_examples(charseq: Command, path: str, flag: str = "--help") -> list[str]:
    """The lines at the end of a printed help, as they are copied from the screen."""
    shown = charseq(*path.split(), flag)
    assert shown.status == 0
    assert max(map(len, shown.output.splitlines())) <= 80
    options, _, last = shown.output.partition("Examples:")
    assert "--help" in options
    return [line.strip() for line in last.splitlines() if line.strip()]


def declared_examples(path: str, command: Any) -> list[str]:
    """The list EXAMPLES of the module that holds a command."""
    if not path:
        return list(sys.modules["charseq.cli.app"].EXAMPLES)
    function = command.callback
    if path == "config":
        function = command.commands["show"].callback
    module = inspect.getmodule(inspect.unwrap(function))
    return list(module.EXAMPLES)  # type: ignore[union-attr]


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path or "charseq")
def test_the_help_prints_every_example_on_one_line_of_80_columns(charseq: Command, path: str) -> None:
    printed = printed_examples(charseq, path)
    assert printed
    assert set(printed) <= set(declared_examples(path, COMMANDS[path]))
    assert any(f"charseq {path}".strip() in line for line in printed)
    assert printed_examples(charseq, path, "-h") == printed


@pytest.mark.parametrize("path", FINITE, ids=lambda path: path or "charseq")
def test_the_examples_that_the_help_prints_run(
    charseq: Command, programs: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path == "compare":
        monkeypatch.setenv("CHARSEQ_EPOCHS", "5")  # the default is many for a cell that never learns
    inner = [other for other in COMMANDS if other != path and f"{other} ".startswith(f"{path} ".lstrip())]
    run_there = {line for other in inner for line in printed_examples(charseq, other)}
    assert charseq("train", "--text", "hihello", "--epochs", "3").status == 0
    for line in printed_examples(charseq, path):
        if line in run_there:
            continue
        ended = shell(line, programs)
        assert ended.returncode == 0, (line, ended.stderr)


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path or "charseq")
def test_no_option_and_no_choice_is_broken_in_a_help_on_80_columns(charseq: Command, path: str) -> None:
    shown = charseq(*path.split(), "--help").output
    for parameter in COMMANDS[path].params:
        if not parameter.hidden:
            names = [name for name in (*parameter.opts, *parameter.secondary_opts) if name.startswith("-")]
            for name in (*names, *map(str, getattr(parameter.type, "choices", ()))):
                assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", shown), name


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path or "charseq")
def test_every_help_lists_debug_and_shows_no_bounds_that_crowd_the_text(charseq: Command, path: str) -> None:
    shown = charseq(*path.split(), "--help").output
    assert "--debug" in shown or path == "config"
    assert "<=" not in shown


def test_the_help_of_train_begins_with_the_options_that_most_people_need(charseq: Command) -> None:
    first, _, advanced = charseq("train", "--help").output.partition("\nAdvanced:\n")
    assert re.findall(r"^  (--[a-z-]+)", first, re.MULTILINE) == [
        "--text", "--file", "--lines", "--labels", "--cell", "--hidden-size", "--layers",
        "--epochs", "--time-limit", "--learning-rate", "--from", "--resume", "--out", "--json",
    ]  # fmt: skip
    assert "--dropout" in advanced


def test_a_help_page_has_colors_only_on_a_terminal(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    context = get_command(app).make_context("charseq", ["runs"], resilient_parsing=True)
    assert "\x1b[" not in charseq("--help").output
    assert "\x1b[" in page(context.command, context)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in page(context.command, context)


def test_an_example_that_would_be_wrapped_is_refused() -> None:
    longest = WIDTH - INDENT
    assert examples(["x" * longest])
    with pytest.raises(ValueError, match=f"longer than {longest}"):
        examples(["charseq", "x" * (longest + 1)])

"""charseq export: standard output, messages, and programs that end with a message."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Command, in_process

BYTES = ["--text", "Über", "--unit", "byte", "--hidden-size", "13", "--epochs", "3", "--out", "run"]


def test_a_page_is_written_to_standard_output(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "3", "--hidden-size", "5", "--out", "run")
    assert charseq("export", "run", "--format", "html", "-o", "page.html").status == 0
    done = in_process("export", "run", "--format", "html", "-o", "-", cwd=Path.cwd())
    assert done.stdout == Path("page.html").read_bytes()
    assert not Path("-").exists()


@pytest.mark.parametrize("name", ["safetensors", "torch", "onnx"])
def test_a_folder_cannot_be_standard_output(charseq: Command, name: str) -> None:
    charseq.train("--text", "hihello", "--epochs", "3", "--hidden-size", "5", "--out", "run")
    result = charseq("export", "run", "--format", name, "-o", "-")
    assert (result.status, result.output) == (2, "")
    assert "writes a folder, which standard output cannot be" in result.errors
    assert not Path("-").exists()


@pytest.mark.parametrize("name", ["safetensors", "torch", "onnx", "html"])
def test_bytes_that_begin_within_a_character_are_exported(charseq: Command, name: str) -> None:
    charseq.train(*BYTES)
    result = charseq("export", "run", "--format", name, "-o", "shared")
    assert result.status == 0, result.errors
    if name in ("safetensors", "torch"):
        assert charseq("import", "shared", "--out", "imported").status == 0
        command = ("predict", "--greedy", "--length", "3", "--model")
        runs = (in_process(*command, run, cwd=Path.cwd()).stdout for run in ("run", "imported"))
        assert len({*runs}) == 1


@pytest.mark.parametrize("arguments", [["x"], ["hix"]])
@pytest.mark.long
def test_a_program_ends_with_a_message_at_an_unknown_character(
    charseq: Command, arguments: list[str]
) -> None:
    charseq.train("--text", "hihello", "--epochs", "3", "--hidden-size", "5", "--out", "run")
    assert charseq("export", "run", "--format", "torch", "-o", "shared").status == 0
    ended = subprocess.run(
        [sys.executable, "shared/predict.py", *arguments], capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (1, "unknown character: 'x'\n")


def test_the_sizes_of_an_imported_run_are_not_compared(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "3", "--hidden-size", "5", "--out", "run")
    assert "the run's file" in charseq("export", "run", "-o", "shared").errors
    assert charseq("import", "shared", "--out", "imported").status == 0
    assert "the run's file" not in charseq("export", "imported", "-o", "again").errors


def test_hints_name_the_option_to_omit(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "3", "--hidden-size", "5", "--out", "run")
    assert "omit --weights, or add --format html" in charseq("export", "run", "--weights", "int8").errors
    assert charseq("export", "run", "-o", "shared").status == 0
    result = charseq("import", "shared", "--vocabulary-file", "v.json")
    assert "omit --vocabulary-file" in result.errors

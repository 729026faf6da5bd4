"""A byte-order mark is skipped and reported by every command that reads a file or standard input."""

import codecs
from pathlib import Path
from typing import Any

import pytest

from charseq import api
from charseq.model.model_file import read
from tests.support.command import Command

MARK = codecs.BOM_UTF8
TINY = ("--epochs", "1", "--hidden-size", "3", "--cell", "gru")
LISTED = b"ada\nalan\n"


def reports(errors: str) -> list[str]:
    return [line for line in errors.splitlines() if "byte-order mark" in line]


def report(name: str) -> str:
    return f"{name} begins with a byte-order mark, which is skipped"


def symbols(folder: str) -> set[str]:
    return set(read(Path(folder) / "model.safetensors").vocabulary.symbols)


@pytest.fixture
def read_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read every text as one that is too large for memory."""
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 1)
    monkeypatch.setattr("charseq.text.corpus.CHUNK_BYTES", 5)


@pytest.fixture(params=["in memory", "in chunks"])
def size(request: pytest.FixtureRequest) -> None:
    """Read text in memory and in chunks."""
    if request.param == "in chunks":
        request.getfixturevalue("read_in_chunks")


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("lines", [(), ("--lines",)])
@pytest.mark.parametrize("unit", ["character", "grapheme"])
def test_no_byte_order_mark_of_any_source_is_trained_on(
    charseq: Command, lines: tuple[str, ...], unit: str
) -> None:
    for name in ("one.txt", "two.txt"):
        Path(name).write_bytes(MARK + LISTED)
    Path("none.txt").write_bytes(LISTED)
    files = [part for name in ("one.txt", "none.txt", "two.txt", "-") for part in ("--file", name)]
    options = [*files, *lines, "--unit", unit, *TINY]
    result = charseq("train", *options, "--out", "marked", stdin=MARK + LISTED)
    assert result.status == 0, result.errors
    assert reports(result.errors) == [report(name) for name in ("'one.txt'", "'two.txt'", "standard input")]
    for name in ("one.txt", "two.txt"):
        Path(name).write_bytes(LISTED)
    result = charseq("train", *options, "--out", "plain", stdin=LISTED)
    assert reports(result.errors) == []
    assert "\ufeff" not in symbols("marked")
    marked, plain = (read(Path(f) / "model.safetensors").arrays for f in ("marked", "plain"))
    assert all((marked[name] == plain[name]).all() for name in plain)


def test_a_file_that_is_only_a_mark_is_empty(charseq: Command) -> None:
    Path("text.txt").write_bytes(MARK)
    result = charseq("train", "--file", "text.txt")
    assert result.status == 2
    assert "0 characters" in result.errors
    for command in ("predict", "score"):
        charseq.train("--text", "abc", *TINY)
        result = charseq(command, "-", stdin=MARK)
        assert (result.status, result.output) == (0, "")


def test_a_mark_within_a_text_is_an_ordinary_character(charseq: Command) -> None:
    Path("text.txt").write_bytes(MARK + b"ab" + MARK)
    charseq.train("--file", "text.txt", *TINY, "--out", "out")
    assert symbols("out") == {"a", "b", "\ufeff"}
    charseq.train("--text", "\ufeffab", *TINY, "--out", "argument")
    assert symbols("argument") == {"a", "b", "\ufeff"}


@pytest.mark.usefixtures("size")
def test_a_model_of_bytes_is_trained_on_and_scores_the_bytes_of_a_mark(charseq: Command) -> None:
    Path("text.txt").write_bytes(MARK + LISTED)
    result = charseq("train", "--file", "text.txt", "--unit", "byte", *TINY, "--out", "out")
    assert reports(result.errors) == []
    assert {chr(byte) for byte in MARK} < symbols("out")
    (scored,) = charseq("score", "--file", "text.txt", "--model", "out", "--json").records
    assert scored["characters"] == len(MARK + LISTED) - 1


COMMANDS: dict[str, list[str]] = {
    "predict": ["predict", "-", "--length", "2"],
    "predict --escapes": ["predict", "-", "--escapes", "--length", "2"],
    "predict --file": ["predict", "--file", "-", "--length", "2"],
    "predict --file --lines": ["predict", "--file", "-", "--lines", "--length", "2"],
    "score": ["score", "-"],
    "score --lines": ["score", "-", "--lines"],
    "inspect-shapes": ["inspect-shapes", "-"],
    "inspect-shapes --file": ["inspect-shapes", "--file", "-"],
    "inspect-gradients": ["inspect-gradients", "-", "--cells", "rnn"],
    "inspect-gradients --file": ["inspect-gradients", "--file", "-", "--cells", "rnn"],
    "compare": ["compare", "--file", "-", "--cells", "rnn", *TINY[:4]],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_does_the_same_without_the_mark_and_reports_it_once(
    charseq: Command, command: list[str]
) -> None:
    charseq.train("--text", "abc", *TINY, "--out", "out")
    model = [] if command[0] in ("inspect-shapes", "inspect-gradients", "compare") else ["--model", "out"]
    marked, plain = (charseq(*command, *model, stdin=mark + b"abc") for mark in (MARK, b""))
    assert marked.status == plain.status == 0, marked.errors
    assert reports(marked.errors) == [report("standard input")]
    assert reports(plain.errors) == []
    if command[0] != "compare":  # its output has times
        assert marked.output == plain.output


def test_json_input_may_begin_with_a_mark(charseq: Command) -> None:
    charseq.train("--text", "abc", *TINY)
    for source in (["-"], ["--file", "prompts.json"]):
        data = MARK + b'{"prompt": "a"}\n{"prompt": "b"}\n'
        Path("prompts.json").write_bytes(data)
        result = charseq("predict", *source, "--json-input", "--json", stdin=data)
        assert [record["prompt"] for record in result.records] == ["a", "b"]
        assert len(reports(result.errors)) == 1


def test_a_mark_split_by_a_pipe_is_skipped(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    charseq.train("--text", "abc", *TINY)
    monkeypatch.setattr("charseq.cli.arriving_lines.BLOCK", 1)
    result = charseq("predict", "-", "--json", stdin=MARK + b"a\nb\n")
    assert [record["prompt"] for record in result.records] == ["a", "b"]


@pytest.mark.usefixtures("size")
def test_the_offset_of_an_ill_formed_byte_counts_the_mark(charseq: Command) -> None:
    charseq.train("--text", "abc", *TINY)
    Path("text.txt").write_bytes(MARK + b"abc\xff\n")
    for command in (
        ("train", "--file", "text.txt"),
        ("predict", "--file", "text.txt"),
        ("predict", "--file", "text.txt", "--lines"),
        ("score", "--file", "text.txt"),
    ):
        assert "byte 0xFF at byte offset 6" in charseq(*command).errors, command


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("lines", [(), ("--lines",)])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_the_mark_of_another_encoding_names_it(
    charseq: Command, encoding: str, lines: tuple[str, ...]
) -> None:
    charseq.train("--text", "abc", *TINY)
    Path("text.txt").write_bytes("\ufeffabc\nabd\n".encode(encoding))
    name = encoding.upper().replace("-LE", "LE").replace("-BE", "BE")
    for command in ("train", "predict", "score"):
        result = charseq(command, "--file", "text.txt", *lines)
        assert result.status == 2
        assert f"'text.txt' is {name}, not UTF-8" in result.errors, command
        assert f"add --encoding {name[:6].lower()}, or" in result.errors


def test_a_mark_of_another_encoding_within_a_text_does_not_name_it(charseq: Command) -> None:
    Path("text.txt").write_bytes(b"abc" + codecs.BOM_UTF16_LE)
    assert "byte 0xFF at byte offset 3" in charseq("train", "--file", "text.txt").errors


def test_python_skips_a_mark(capsys: pytest.CaptureFixture[str]) -> None:
    Path("text.txt").write_bytes(MARK + LISTED)
    options: dict[str, Any] = {"epochs": 1, "hidden_size": 3}
    list(api.train(files="text.txt", out="out", **options))
    assert "\ufeff" not in symbols("out")


def test_a_config_file_may_begin_with_a_mark(charseq: Command) -> None:
    Path("options.toml").write_bytes(MARK + b"epochs = 1\n")
    assert charseq("train", "--text", "ab", "--config", "options.toml").status == 0

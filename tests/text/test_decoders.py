"""Ill-formed text from any source is used, or refused with a message."""

import io
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from charseq import api
from charseq.cli.app import run
from charseq.errors import CharseqError, TextError, UsageError
from charseq.inference.explorer import Explorer
from charseq.model.model_file import Model, read, write
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.text.vocabulary import Vocabulary
from tests.support.command import Result
from tests.support.patterns import in_process

TEXT = 'ae\u0301\\xé한🇰🇷 bn{}"u\n'
UNITS: list[Any] = ["character", "grapheme", "byte"]
KINDS = [f"{unit}{lines}" for unit in UNITS for lines in ("", "-lines")]
PIECES = [
    "a",
    "e\u0301",
    "é",
    "한",
    "🇰",
    "\ufeff",
    "z",
    "\n",
    "\r",
    "{",
    '"',
    "\\",
    r"\n",
    r"\q",
    r"\x",
    r"\x4",
    r"\x41",
    r"\xff",
    r"\u",
    r"\u12",
    r"\u00e9",
    r"\ud800",
    r"\udc80",
    r"\U0010ffff",
    r"\Uffffffff",
    "\udc80",
    "\udcff",
]
"""Characters, complete and incomplete escapes, and bytes that are not UTF-8, as Python escapes them."""
RECORDS = [
    '{"prompt": "a"}',
    r'{"prompt": "a\ud800"}',
    r'{"prompt": "\ud83d\ude00\udcff"}',
    '{"prompt": "a", "seed": 3, "length": 2}',
    '{"prompt": "a", "seed": true}',
    '{"prompt": "a", "length": -1}',
    f'{{"prompt": "a", "seed": {"9" * 5000}}}',
    r'{"prompt": "a", "\ud800": 1}',
    r'"\u00',
    "[" * 3000,
    "null",
    "NaN",
    "{",
]
strings = st.lists(st.sampled_from(PIECES), max_size=3).map("".join)
quickly = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@pytest.fixture
def models() -> None:
    """Write a model of each unit, for texts and for lines, to a file named for its kind."""
    for unit in UNITS:
        for boundary in (False, True):
            vocabulary = Vocabulary.of([TEXT.strip() if boundary else TEXT], unit=unit, boundary=boundary)
            network = Network("gru", len(vocabulary), hidden_size=2)
            model = Model(network, vocabulary, network.draw(SeededDraw(0)), opening="a")
            write(Path(f"{unit}{'-lines' * boundary}"), model)


def charseq(*arguments: str, stdin: bytes = b"") -> Result:
    """Run a command in this process.  It may write bytes that are not UTF-8."""
    streams = [io.TextIOWrapper(io.BytesIO(data), encoding="utf-8") for data in (stdin, b"", b"")]
    with pytest.MonkeyPatch.context() as patch:
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        status = run(arguments)
    written = []
    for stream in streams[1:]:
        stream.flush()
        stream.buffer.seek(0)
        written.append(stream.buffer.read().decode("utf-8", "replace"))
    return Result(int(status), *written)


def require_message(result: Result) -> None:
    assert result.status in (0, 2), result.errors
    assert "Traceback" not in result.errors
    has_message = any(line.startswith("charseq: ") for line in result.errors.splitlines())
    assert (result.status == 2 or "there is nothing to " in result.errors) == has_message


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@pytest.mark.usefixtures("models")
@given(
    kind=st.sampled_from(KINDS),
    prompt=strings,
    unknown=st.sampled_from(["error", "skip", "replace"]),
    form=st.sampled_from(["plain", "json"]),
    source=st.sampled_from(["argument", "--text", "-", "--file", "--file --lines"]),
    escapes=st.booleans(),
)
@example(kind="byte", prompt=r"a\x4", unknown="error", form="plain", source="argument", escapes=True)
@example(kind="byte", prompt=r"a\ud800", unknown="skip", form="plain", source="argument", escapes=True)
@example(kind="byte", prompt=r"a\ud800", unknown="skip", form="plain", source="-", escapes=True)
@quickly
def test_any_prompt_is_continued_or_refused_with_a_message(
    kind: str, prompt: str, unknown: str, form: str, source: str, escapes: bool
) -> None:
    Path("prompt.txt").write_bytes(as_bytes(prompt))
    sources = {
        "argument": ["--", prompt],
        "--text": ["--text", prompt],
        "--file": ["--file", "prompt.txt"],
        "--file --lines": ["--file", "prompt.txt", "--lines"],
    }
    options = ["--model", kind, "--unknown", unknown, "--format", form, "--length", "2"]
    options += ["--escapes"] if escapes else []
    require_message(charseq("predict", *options, *sources.get(source, ["-"]), stdin=as_bytes(prompt)))


@pytest.mark.usefixtures("models")
@given(
    kind=st.sampled_from(KINDS),
    lines=st.lists(st.one_of(st.sampled_from(RECORDS), strings), max_size=3),
    unknown=st.sampled_from(["error", "skip"]),
)
@example("byte", [r'{"prompt": "a\ud800"}'], "skip")
@quickly
def test_any_json_input_is_answered_or_refused_with_a_message(
    kind: str, lines: list[str], unknown: str
) -> None:
    options = ["--json-input", "--model", kind, "--unknown", unknown, "--length", "2"]
    require_message(charseq("predict", "-", *options, stdin=as_bytes("\n".join(lines))))


@pytest.mark.usefixtures("models")
@given(
    kind=st.sampled_from(KINDS), option=st.sampled_from(["--until", "--allow", "--pattern"]), value=strings
)
@quickly
def test_any_limit_is_respected_or_refused_with_a_message(kind: str, option: str, value: str) -> None:
    require_message(charseq("predict", "a", "--model", kind, "--length", "2", f"{option}={value}"))


@pytest.mark.usefixtures("models")
@given(
    kind=st.sampled_from(KINDS),
    text=strings,
    unknown=st.sampled_from(["error", "skip", "replace"]),
    source=st.sampled_from(["argument", "-", "- --lines", "--file"]),
    form=st.sampled_from(["plain", "json", "table"]),
)
@quickly
def test_any_text_is_scored_or_refused_with_a_message(
    kind: str, text: str, unknown: str, source: str, form: str
) -> None:
    Path("text.txt").write_bytes(as_bytes(text))
    sources = {"argument": ["--", text], "- --lines": ["--lines", "-"], "--file": ["--file", "text.txt"]}
    options = ["--model", kind, "--unknown", unknown, "--format", form]
    require_message(charseq("score", *options, *sources.get(source, ["-"]), stdin=as_bytes(text)))


@given(
    command=st.sampled_from(["inspect-shapes", "train"]),
    unit=st.sampled_from(UNITS),
    text=strings,
    extra=strings,
    lines=st.booleans(),
)
@settings(quickly, max_examples=30)
def test_any_text_is_trained_on_and_inspected_or_refused_with_a_message(
    command: str, unit: str, text: str, extra: str, lines: bool
) -> None:
    options = ["--text", text, "--vocabulary", extra, "--unit", unit, "--hidden-size", "2"]
    if command == "train":
        options += ["--epochs", "1", *(["--lines"] if lines else [])]
    require_message(charseq(command, *options))


@pytest.mark.usefixtures("models")
@given(
    kind=st.sampled_from(KINDS), text=st.text(st.sampled_from("ae\u0301é\udcff\ud800\udfff😀"), max_size=3)
)
@quickly
@in_process
def test_any_string_from_python_is_used_or_refused_with_a_message(kind: str, text: str) -> None:
    model = api.load(kind)
    calls: list[Any] = [
        lambda: model.predict(text, length=2),
        lambda: model.predict(text, length=2, unknown="skip"),
        lambda: model.predict("a", length=2, until=[text or "a"]),
        lambda: model.predict("a", length=2, allow=text),
        lambda: model.predict("a", length=2, pattern=text),
        lambda: model.score(text, unknown="replace"),
        lambda: api.load(text),
    ]
    for call in calls:
        try:
            call()
        except CharseqError as error:
            refused = error
        else:
            continue
        assert refused.message


@pytest.mark.usefixtures("models")
@given(kind=st.sampled_from(KINDS), keys=st.lists(st.sampled_from([*"aé한\u0301🇰🇷\n", "accept", "shorten"])))
@quickly
def test_any_keys_are_typed_or_unknown(kind: str, keys: list[str]) -> None:
    explorer = Explorer(read(Path(kind)))
    for key in keys:
        try:
            {"accept": explorer.accept, "shorten": explorer.shorten}.get(key, partial(explorer.add, key))()
        except TextError as error:
            refused = str(error)
        else:
            continue
        assert "is not in the model's vocabulary" in refused


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (r"a\x4", r"'\x' in the prompt"),
        ("a\\", r"'\' in the prompt"),
        (r"a\u12", r"'\u' in the prompt"),
        (r"a\ud800", "unpaired surrogate, U+D800, at character 2"),
    ],
)
def test_an_invalid_escape_is_named(prompt: str, expected: str) -> None:
    result = charseq("predict", "--escapes", "--model", "byte", prompt)
    assert result.status == 2
    assert expected in result.errors


@pytest.mark.usefixtures("models")
def test_prompts_before_one_with_a_surrogate_are_answered() -> None:
    records = '{"prompt": "a"}\n{"prompt": "a\\ud800"}\n'
    options = ["--json-input", "--json", "--model", "byte", "--length", "2"]
    result = charseq("predict", "-", *options, stdin=records.encode())
    assert [json.loads(line)["prompt"] for line in result.output.splitlines()] == ["a"]
    assert "line 2 of the prompts has an unpaired surrogate, U+D800, at character 2" in result.errors


@pytest.mark.parametrize("text", ["a\ud800", "\udcff\udfff"])
@pytest.mark.parametrize("unit", UNITS)
def test_python_cannot_train_on_surrogates(text: str, unit: Any) -> None:
    with pytest.raises(TextError, match="unpaired surrogate"):
        next(api.train(text, unit=unit))


@pytest.mark.parametrize("option", ["--until", "--allow", "--pattern"])
@pytest.mark.usefixtures("models")
def test_a_limit_that_is_not_utf_8_is_refused(option: str) -> None:
    result = charseq("predict", "a", "--model", "character", option, "a\udcff")
    assert result.status == 2
    assert f"{option} 'a\\xff' is not UTF-8: byte 0xFF at byte offset 1" in result.errors
    assert "iconv" not in result.errors


def test_extra_characters_that_are_not_utf_8_are_refused() -> None:
    for command in ("train", "inspect-shapes"):
        result = charseq(command, "--text", "ab", "--vocabulary", "\udcff")
        assert result.status == 2
        assert "--vocabulary '\\xff' is not UTF-8" in result.errors


@pytest.mark.parametrize("out", ["a\0b", "\ud800"])
def test_a_folder_that_no_path_can_name_is_refused(out: str) -> None:
    with pytest.raises(UsageError, match="no path can have"):
        next(api.train("ab", out=out))

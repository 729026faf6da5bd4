"""predict: limits on the generated text, and sources of prompts."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Command


@pytest.fixture
def hihello(charseq: Command) -> Command:
    charseq.train("--text", "hihello", "--cell", "lstm")
    return charseq


@pytest.fixture
def sums(charseq: Command) -> Command:
    Path("sums.txt").write_text("".join(f"{i}+{i}={2 * i}\n" for i in range(300)))
    charseq.train("--file", "sums.txt", "--epochs", "1", "--hidden-size", "16")
    return charseq


def test_only_allowed_characters_are_generated(sums: Command) -> None:
    text = sums("predict", "1", "--allow", "13+", "--only-new", "--temperature", "2").output.rstrip("\n")
    assert len(text) == 200
    assert set(text) == set("13+")


def test_a_pattern_matches_the_entire_new_text(sums: Command) -> None:
    pattern = r"\d{1,3}\+\d{1,3}=\d+\n"
    records = sums("predict", "\n", "--pattern", pattern, "--samples", "20", "--json").records
    assert len({record["text"] for record in records}) == 20
    assert all(re.fullmatch(pattern, record["text"]) for record in records)


def test_a_pattern_that_nothing_can_match_is_an_error(sums: Command) -> None:
    result = sums("predict", "1", "--pattern", "[A-Z]+")
    assert (result.status, result.output) == (2, "")
    assert "no text of the model's characters matches --pattern '[A-Z]+'" in result.errors


def test_a_text_ends_at_the_first_of_several_strings(sums: Command) -> None:
    text = sums("predict", "1", "--until", "=", "--until", "7", "--only-new").output.rstrip("\n")
    assert text[-1] in "=7"
    assert not set(text[:-1]) & set("=7")


def test_min_p_leaves_out_what_is_unlikely(sums: Command) -> None:
    for record in sums(
        "predict", "1", "--min-p", "0.4", "--temperature", "1.5", "--top", "99", "--json"
    ).records:
        for step in record["steps"]:
            best = step["top"][0][1]
            assert step["probability"] ** (1 / 1.5) >= 0.4 * best ** (1 / 1.5) - 1e-6
            assert len(step["top"]) == 13


def test_a_beam_returns_the_most_probable_texts_and_their_probabilities(sums: Command) -> None:
    options = ["predict", "1", "--length", "6", "--json"]
    found = sums(*options, "--beam", "8", "--samples", "3").records
    assert len({record["text"] for record in found}) == 3
    likely = [record["log_probability"] for record in found]
    assert likely == sorted(likely, reverse=True)
    greedy = sums(*options, "--beam", "1").records[0]
    assert likely[0] >= greedy["log_probability"]
    assert "log_probability" not in sums(*options).records[0]


@pytest.mark.parametrize("size", ["1", "3", "64"])
def test_the_batch_size_changes_no_text(sums: Command, size: str) -> None:
    Path("prompts.txt").write_text("".join(f"{i}+\n" for i in range(1, 20)))
    options = ["predict", "--file", "prompts.txt", "--lines", "--length", "30", "--json"]
    assert sums(*options, "--batch-size", size).output == sums(*options).output


def test_a_file_is_one_prompt_and_with_lines_many(sums: Command) -> None:
    Path("prompts.txt").write_text("1+1=2\n2+")
    whole, *_ = sums("predict", "--file", "prompts.txt", "--length", "3", "--json").records
    assert whole["prompt"] == "1+1=2\n2+"
    found = sums("predict", "--file", "prompts.txt", "--lines", "--length", "3", "--json").records
    assert [record["prompt"] for record in found] == ["1+1=2", "2+"]
    assert [r["prompt"] for r in sums("predict", "--text", "3", "--json").records] == ["3"]


def test_escapes_are_read_and_written(sums: Command) -> None:
    result = sums("predict", r"1\n2", "-", "--escapes", "--length", "40", stdin=b"3\\x0a\n")
    first, second = result.output.splitlines()
    assert first.startswith(r"1\n2")
    assert second.startswith(r"3\n")
    (line,) = sums("predict", "1", "--escapes", "--allow", "\n1").output.splitlines()
    assert set(line) == set(r"1\n")
    (record,) = sums("predict", r"1\n2", "--escapes", "--json").records
    assert record["prompt"] == "1\n2"


def test_escapes_of_a_byte_model_are_bytes_in_input_and_output(charseq: Command) -> None:
    charseq.train("--text", "가나\\ \x85가나", "--unit", "byte")
    written = charseq("predict", r"\xea\xb0", "--escapes").output
    assert written == "가나\\\\ \\u0085가나\n"
    assert charseq("predict", written.strip(), "--escapes", "--length", "0").output == written
    cut = charseq("predict", r"\xea\xb0", "--escapes", "--length", "2").output
    assert cut == "가\\xeb\n"
    assert charseq("predict", cut.strip(), "--escapes").output == written


def test_bytes_are_shown_as_the_characters_that_they_make(charseq: Command) -> None:
    charseq.train("--text", "가나다", "--unit", "byte")
    _, text, digits, *_ = charseq("score", "가나다", "--format", "table").output.splitlines()
    assert text == "가나다"
    assert len(digits) > 2
    assert charseq("predict", "가", "--show-probabilities").output.splitlines()[1] == "가나다"


def test_json_lines_have_a_seed_and_a_length_of_their_own(sums: Command) -> None:
    lines = [{"prompt": "1\n", "seed": 7, "length": 5}, {"prompt": "2"}, {"prompt": "1\n", "length": 0}]
    stdin = "".join(json.dumps(line) + "\n" for line in lines).encode()
    options = ["--length", "9", "--seed", "3", "--json"]
    first, second, third = sums("predict", "-", "--json-input", *options, stdin=stdin).records
    assert [len(record["text"]) for record in (first, second, third)] == [5, 9, 0]
    assert [record["seed"] for record in (first, second)] == [7, 3]
    assert sums("predict", "1\n", "--seed", "7", "--length", "5", "--json").records == [first]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1", "line 1 of the prompts needs an object"),
        ('{"prompt": 1}', "needs an object with a string as its prompt"),
        ("{", "line 1 of the prompts is not JSON"),
        ('{"prompt": "1", "sede": 1}', "unknown key 'sede'"),
        ('{"prompt": "1", "seed": 1, "seed": 2}', "line 1 of the prompts has a key more than once"),
        ('{"prompt": "1", "seed": -1}', "seed -1 is not a whole number"),
        ('{"prompt": "1", "length": true}', "length true is not a whole number"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_invalid_json_lines_are_reported_by_number(hihello: Command, line: str, told: str) -> None:
    result = hihello("predict", "-", "--json-input", stdin=line.encode() + b"\n")
    assert (result.status, result.output) == (2, "")
    assert told in result.errors
    assert '{"prompt": "To be"' in result.errors


def test_json_lines_before_an_invalid_one_are_answered(hihello: Command) -> None:
    lines = b'{"prompt": "h"}\n{"prompt": "hi"}\n{\n{"prompt": "h"}\n'
    result = hihello("predict", "-", "--json-input", stdin=lines)
    assert result.output == "hihello\nhihello\n"
    assert result.status == 2
    assert "line 3 of the prompts is not JSON" in result.errors


def test_very_many_samples_are_generated_as_they_are_read(hihello: Command) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "charseq", "predict", "h", "--samples", "1000000000", "--temperature", "1"],
        stdout=subprocess.PIPE,
        env={**os.environ},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"h")
        process.stdout.close()
        assert process.wait(timeout=20) == 0


def test_an_invalid_escape_is_an_error(hihello: Command) -> None:
    result = hihello("predict", r"h\q", "--escapes")
    assert result.status == 2
    assert r"'\q' in the prompt" in result.errors


def test_unknown_characters_are_skipped_or_replaced(hihello: Command) -> None:
    result = hihello("predict", "hzi", "--unknown", "skip")
    assert result.output == "hihello\n"
    assert result.errors == "1 unknown character was skipped\n"
    assert hihello("predict", "zih", "--unknown", "replace", "--json").records[0]["prompt"] == "eih"


def test_prompts_before_one_that_cannot_be_read_are_answered(hihello: Command) -> None:
    result = hihello("predict", "-", stdin=b"h\nhih\nhz\nhi\n")
    assert result.output == "hihello\nhihello\n"
    assert result.status == 2
    assert "'z' (U+007A)" in result.errors


def test_a_prompt_of_a_pipe_is_answered_before_the_next_one_comes(hihello: Command) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "charseq", "predict", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for prompt in (b"h\n", b"hihe\r\n", b"hi"):
            process.stdin.write(prompt)
            process.stdin.flush()
            if prompt.endswith(b"\n"):
                assert process.stdout.readline() == b"hihello\n"
        process.stdin.close()
        assert process.stdout.read() == b"hihello\n"
        assert process.wait(timeout=10) == 0


def test_without_color_probabilities_are_below_the_characters(sums: Command) -> None:
    result = sums("predict", "1+", "--length", "6", "--show-probabilities", "--allow", "123")
    legend, text, digits = result.output.splitlines()
    assert "0 = certain" in legend
    assert text.startswith("1+")
    assert len(text) == 8
    assert re.fullmatch(r"  \d{6}", digits)


def test_interactive_requires_a_terminal(hihello: Command) -> None:
    result = hihello("predict", "--interactive")
    assert result.status == 2
    assert "--interactive requires a terminal" in result.errors


@pytest.mark.parametrize(
    ("arguments", "value", "remedy"),
    [
        (
            ["--beam", "3", "--temperature", "1"],
            "--beam cannot be combined with --temperature",
            "give one of them",
        ),
        (
            ["--beam", "3", "--novel", "--top-k", "2"],
            "cannot be combined with --top-k and --novel",
            "give one of them",
        ),
        (["--beam", "2", "--samples", "3"], "--samples 3 is more than", "larger --beam"),
        (
            ["--pattern", "a", "--until", "b"],
            "--pattern cannot be combined with --until",
            "describe the end",
        ),
        (["--pattern", "h(", "h"], "'h('", "groups"),
        (["--pattern", "h{9}", "h"], "has 9 characters", "--length"),
        (["--allow", "xyz", "h"], "'xyz'", "ehilo"),
        (["--novel", "--greedy"], "generate the same line", "--greedy"),
        (["--novel"], "--novel requires a model trained with --lines", "--model"),
        (["--interactive", "h", "hi"], "one prompt at most", "none"),
        (["--min-p", "2"], "2", "from 0 to 1"),
        (["--file", "none.txt"], "'none.txt'", "check the path"),
        (["--file", "none.txt", "--lines"], "'none.txt'", "check the path"),
    ],
)
def test_a_mistake_is_reported_with_the_value_and_the_remedy(
    hihello: Command, arguments: list[str], value: str, remedy: str
) -> None:
    result = hihello("predict", *arguments)
    assert (result.status, result.output) == (2, "")
    assert value in result.errors
    assert remedy in result.errors
    assert len(result.errors.splitlines()) <= 3


def test_a_pattern_needs_its_package(hihello: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "outlines_core", None)
    result = hihello("predict", "h", "--pattern", "i")
    assert result.status == 2
    assert "pip install outlines_core" in result.errors

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


def test_a_prompt_is_continued_to_the_end_of_the_memorized_text(hihello: Command) -> None:
    assert hihello("predict", "h").output == "hihello\n"
    assert hihello("predict", "hih").output == "hihello\n"
    assert hihello("predict", "hihello").output == "hihello\n"


def test_only_new_leaves_the_prompt_out(hihello: Command) -> None:
    assert hihello("predict", "hih", "--only-new").output == "ello\n"


def test_length_counts_new_characters(hihello: Command) -> None:
    assert len(hihello("predict", "h", "--length", "20").output) == 22
    assert hihello("predict", "h", "--length", "3").output == "hihe\n"


def test_prompts_are_answered_in_the_order_asked_also_from_standard_input(hihello: Command) -> None:
    result = hihello("predict", "hi", "-", "h", "--length", "1", stdin=b"hih\nhihe\n")
    assert result.output == "hih\nhihe\nhihel\nhi\n"


def test_the_json_is_as_the_contract_has_it(hihello: Command) -> None:
    (record,) = hihello("predict", "hi", "--json").records
    assert record["prompt"] == "hi"
    assert record["text"] == "hello"
    assert [step["character"] for step in record["steps"]] == list("hello")
    for step in record["steps"]:
        assert 0.5 < step["probability"] <= 1
        (best, probability), *_ = step["top"]
        assert (best, probability) == (step["character"], step["probability"])
        assert len(step["top"]) == 5


def test_other_text_is_sampled_with_a_reported_seed(sums: Command) -> None:
    first = sums("predict")
    assert len(first.output) == 1 + 200 + 1
    assert first.output.startswith("0")
    assert "seed 0" in first.errors
    assert sums("predict").output == first.output
    assert sums("predict", "--seed", "1").output != first.output


def test_samples_differ_and_greedy_ones_do_not(sums: Command) -> None:
    drawn = [r["text"] for r in sums("predict", "1", "--samples", "5", "--length", "30", "--json").records]
    assert len(set(drawn)) == 5
    alike = [r["text"] for r in sums("predict", "1", "--samples", "3", "--greedy", "--json").records]
    assert len(set(alike)) == 1


def test_the_same_prompt_gives_the_same_text_whatever_the_other_prompts_are(sums: Command) -> None:
    alone = sums("predict", "7", "--json").records[0]["text"]
    assert sums("predict", "3+3", "7", "--json").records[1]["text"] == alone


def test_until_ends_at_a_string(sums: Command) -> None:
    assert sums("predict", "1", "--until", "=", "--temperature", "1").output.rstrip("\n").endswith("=")


def test_an_unknown_character_is_named_with_code_point_and_position(hihello: Command) -> None:
    result = hihello("predict", "h", "hiz")
    assert result.status == 2
    assert result.output == ""
    assert "'z' (U+007A), character 3 of 'hiz'" in result.errors
    assert "runs/0001-lstm/model.safetensors: it knows 'ehilo'" in result.errors


def test_a_model_of_a_run_that_diverged_is_used_with_a_warning_only(charseq: Command) -> None:
    assert charseq("train", "--text", "hihello", "--learning-rate", "1e30", "--epochs", "9").status == 1
    for arguments in (["predict"], ["predict", "--json"], ["score", "hihello", "--model", "runs/0001-gru"]):
        told = "runs/0001-gru/model.safetensors: its training diverged; it has initial weights"
        assert told in charseq(*arguments).errors


def test_a_run_that_diverged_is_not_the_newest_model(charseq: Command) -> None:
    charseq.train("--text", "abc")
    assert charseq("train", "--text", "xyz", "--learning-rate", "1e30", "--epochs", "9").status == 1
    assert charseq("predict").output == "abc\n"


def test_in_a_pipe_no_message_is_printed_about_a_trained_model(hihello: Command) -> None:
    assert hihello("predict").errors == ""


def test_a_model_is_named_by_option_or_environment(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    charseq.train("--text", "abc", "--out", "mine")
    charseq.train("--text", "xyz")
    assert charseq("predict").output == "xyz\n"
    assert charseq("predict", "--model", "mine").output == "abc\n"
    assert charseq("predict", "--model", "mine/model.safetensors").output == "abc\n"
    monkeypatch.setenv("CHARSEQ_MODEL", "mine")
    assert charseq("predict").output == "abc\n"


@pytest.mark.parametrize(
    ("arguments", "value", "remedy"),
    [
        (["predict"], "no trained model in 'runs'", "charseq train"),
        (["predict", "--model", "none"], "'none'", "charseq runs"),
        (["predict", "--model", "corpus.txt"], "'corpus.txt' is not a charseq model", "model.safetensors"),
        (
            ["predict", "--greedy", "--temperature", "1"],
            "--greedy cannot be combined with --temperature",
            "one of them",
        ),
        (["predict", "--temperature", "hot"], "'hot' is not a number", "--help"),
        (["predict", "--top-p", "0"], "0", "above 0"),
        (["predict", "--model", ""], "--model: the value is empty", "omit the option"),
        (["predict", "--until", ""], "--until: the value is empty", "omit the option"),
        (["predict", "--length", "1" + "0" * 20], "100000", "range"),
        (["predict", "--samples", "1" + "0" * 20], "100000", "range"),
        (["predct"], "predct", "predict"),
    ],
)
def test_a_mistake_is_reported_with_the_value_and_the_remedy(
    charseq: Command, arguments: list[str], value: str, remedy: str
) -> None:
    Path("corpus.txt").write_text("It was the best of times. " * 50)
    result = charseq(*arguments)
    assert result.status == 2
    assert value in result.errors
    assert remedy in result.errors
    assert len(result.errors.splitlines()) <= 3


@pytest.mark.parametrize("arguments", [["-"], ["--file", "-", "--lines"], ["--file", "-", "--json-input"]])
def test_empty_standard_input_is_reported_and_is_no_error(hihello: Command, arguments: list[str]) -> None:
    result = hihello("predict", *arguments)
    assert (result.status, result.output) == (0, "")
    assert "charseq: standard input is empty\n  there is nothing to predict" in result.errors


def test_in_a_pipe_the_characters_are_exact(charseq: Command) -> None:
    charseq.train("--text", "a\x1b[0m\n가")
    assert charseq("predict").output == "a\x1b[0m\n가\n"

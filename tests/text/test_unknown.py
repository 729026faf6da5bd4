"""Unknown characters: the hint names the cause in the text and the settings that the interface has."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest

import charseq as library
from charseq.errors import UnknownCharacter
from charseq.text.unknown import cause_of
from charseq.text.vocabulary import Vocabulary
from tests.support.command import Command

FAST = ("--epochs", "1", "--hidden-size", "4", "--cell", "gru")
MODEL = "runs/0001-gru/model.safetensors"
UNKNOWN_OPTION = "add --unknown skip to leave unknown characters out, or --unknown replace"
NFC = "the text is decomposed (NFD), and the model knows the composed characters: convert it to NFC"
WIDE = "the text has compatibility characters, such as full-width letters or ligatures: convert it to NFKC"
CR_LF = "the text has CR LF line endings, and the model knows only LF: convert them to LF (dos2unix)"


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.fixture
def trained(charseq: Command) -> Any:
    def train(text: str, *options: str) -> Command:
        Path("text.txt").write_bytes(text.encode())
        charseq.train("--file", "text.txt", *FAST, *options)
        return charseq

    return train


def refused(charseq: Command, *arguments: str, stdin: bytes = b"") -> str:
    """Run a command that must fail with one message and one hint, and return the hint."""
    result = charseq(*arguments, stdin=stdin)
    assert result.status == 2, result.errors
    said = result.errors.splitlines()
    message = next(i for i, line in enumerate(said) if line.startswith("charseq: "))
    assert len(said) == message + 2, result.errors
    return said[-1].strip()


# Which options the hint names


@pytest.mark.parametrize(
    "arguments",
    [("predict", "hiz"), ("predict", "-"), ("score", "hiz"), ("score", "-", "--lines")],
    ids=" ".join,
)
def test_commands_with_the_option_suggest_skipping_or_replacing(
    trained: Any, arguments: tuple[str, ...]
) -> None:
    hint = refused(trained("hihello"), *arguments, stdin=b"hiz\n")
    assert hint == f"{MODEL}: it knows 'ehilo'; {UNKNOWN_OPTION}"


@pytest.mark.parametrize("command", ["predict", "score"])
def test_a_file_with_an_unknown_character_suggests_skipping_it(trained: Any, command: str) -> None:
    hello = trained("hihello")
    Path("prompt.txt").write_text("hiz")
    assert refused(hello, command, "--file", "prompt.txt").endswith(UNKNOWN_OPTION)


@pytest.mark.parametrize("command", ["inspect-shapes", "inspect-gradients"])
def test_commands_without_the_option_do_not_name_it(trained: Any, command: str) -> None:
    hint = refused(trained("hihello"), command, "hiz", "--model", "runs/0001-gru")
    assert hint == f"{MODEL}: it knows 'ehilo'"


def test_an_interactive_session_names_the_option(trained: Any) -> None:
    hint = refused(trained("hihello"), "predict", "hiz", "--interactive")
    assert hint.startswith(f"{MODEL}: it knows 'ehilo'")
    assert hint.endswith(UNKNOWN_OPTION)


def test_a_message_for_python_names_its_argument(trained: Any) -> None:
    trained("hihello")
    model = library.load()
    for call in (model.predict, model.score):
        with pytest.raises(UnknownCharacter) as caught:
            call("hiz")
        assert caught.value.hint == (
            'it knows \'ehilo\'; pass unknown="skip" to leave unknown characters out, or unknown="replace"'
        )
        assert call("hiz", unknown="skip")


def test_the_remedies_that_hints_name_work(trained: Any) -> None:
    hello = trained("hihello")
    for remedy in ("skip", "replace"):
        assert hello("predict", "hiz", "--unknown", remedy).status == 0
        assert hello("score", "hiz", "--unknown", remedy).status == 0


# Normalization forms


@pytest.mark.parametrize("text", ["대한민국 헌법", "café déjà vu", "Ạ́ ǭ"])
def test_a_decomposed_prompt_names_the_normal_form(trained: Any, text: str) -> None:
    hint = refused(trained(text), "predict", decomposed(text))
    assert hint == f"{MODEL}: {NFC}, or train with --normalize nfc"
    normalized = trained(text, "--normalize", "nfc")
    assert normalized("predict", decomposed(text)).status == 0


def test_a_composed_prompt_to_a_decomposed_model_names_the_normal_form(trained: Any) -> None:
    model = trained(decomposed("한국 café"))
    hint = refused(model, "score", "café")
    assert (
        "the text is composed (NFC), and the model knows the decomposed characters: convert it to NFD" in hint
    )
    assert hint.endswith("or train with --normalize nfc")
    assert model("score", decomposed("café")).status == 0


@pytest.mark.parametrize("text", ["ｈｉｈｅｌｌｏ", "o\ufb01ce"])
def test_compatibility_characters_name_the_normal_form(trained: Any, text: str) -> None:
    hint = refused(trained("hihello office"), "predict", text)
    assert hint == f"{MODEL}: {WIDE}, or train with --normalize nfkc"
    assert trained("hihello office", "--normalize", "nfkc")("predict", text).status == 0


def test_with_other_unknown_characters_both_remedies_are_named(trained: Any) -> None:
    hint = refused(trained("café"), "predict", decomposed("éz"))
    assert hint == f"{MODEL}: {NFC}, or train with --normalize nfc; it knows 'acfé'; {UNKNOWN_OPTION}"


@pytest.mark.parametrize("text", [decomposed("각"), "é", "ａ", decomposed("é")])
def test_no_form_is_named_if_none_makes_a_character_known(text: str) -> None:
    assert cause_of(Vocabulary.of(["hihello 한국"]), text) is None


@pytest.mark.parametrize("unit", ["character", "grapheme", "byte"])
def test_the_normal_form_is_detected_for_every_unit(unit: Any) -> None:
    vocabulary = Vocabulary.of(["café 한국"], unit=unit)
    with pytest.raises(UnknownCharacter) as caught:
        vocabulary.encode(decomposed("a é 한국"))
    assert caught.value.hint.startswith(NFC)


def test_a_message_for_python_names_the_normal_form(trained: Any) -> None:
    trained("café")
    with pytest.raises(UnknownCharacter) as caught:
        library.load().predict(decomposed("é"))
    assert caught.value.hint == f'{NFC}, or train with normalize="nfc"'


def test_a_message_of_inspecting_names_the_normal_form(trained: Any) -> None:
    hint = refused(trained("café"), "inspect-shapes", decomposed("é"), "--model", "runs/0001-gru")
    assert hint == f"{MODEL}: {NFC}, or train with --normalize nfc"


def test_the_cause_is_found_quickly_in_a_long_text() -> None:
    vocabulary = Vocabulary.of(["a é"])
    with pytest.raises(UnknownCharacter) as caught:
        vocabulary.encode("a" * 10_000_000 + decomposed("é"))
    assert caught.value.hint == NFC


# Line endings


@pytest.mark.parametrize("command", ["predict", "score"])
def test_cr_lf_text_to_a_model_of_lf_text_is_explained(trained: Any, command: str) -> None:
    model = trained("hi\nhello\n")
    Path("windows.txt").write_bytes(b"hi\r\nhello\r\n")
    assert refused(model, command, "--file", "windows.txt") == f"{MODEL}: {CR_LF}"


@pytest.mark.parametrize("command", ["predict", "score"])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_lf_text_to_a_model_of_cr_lf_text_is_noted(trained: Any, command: str, form: tuple[str, ...]) -> None:
    model = trained("hi\r\nhello\r\n")
    Path("unix.txt").write_bytes(b"hi\nhello\n")
    Path("windows.txt").write_bytes(b"hi\r\nhello\r\n")
    result = model(command, "--file", "unix.txt", *form)
    assert result.status == 0
    assert (
        result.errors.count("the text has LF line endings, and the model was probably trained on CR LF") == 1
    )
    assert "LF" not in model(command, "--file", "windows.txt", *form).errors


def test_lf_text_to_a_model_of_both_line_endings_is_not_noted(trained: Any) -> None:
    model = trained("hi\r\nhe\nllo\r\n")
    Path("unix.txt").write_bytes(b"hi\nhello\n")
    assert model("score", "--file", "unix.txt").errors == ""


def test_graphemes_name_the_line_endings_that_the_model_knows(trained: Any) -> None:
    model = trained("hi\r\nhello\r\n", "--unit", "grapheme")
    Path("unix.txt").write_bytes(b"hi\nhello\n")
    assert "the model knows CR LF: convert them to CR LF" in refused(model, "score", "--file", "unix.txt")


# The last line ending of a file


@pytest.mark.parametrize("options", [(), ("--lines", "--validation", "0")], ids=["strings", "lines"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=repr)
def test_the_last_line_ending_of_a_file_is_no_unknown_character(
    trained: Any, options: tuple[str, ...], end: str
) -> None:
    model = trained("hihello", *options)
    Path("prompt.txt").write_bytes(f"hi{end}".encode())
    by_file, by_argument = (model(*a) for a in (("predict", "--file", "prompt.txt"), ("predict", "hi")))
    assert by_file.status == 0, by_file.errors
    assert by_file.output == by_argument.output
    assert "unknown" not in model("predict", "--file", "prompt.txt", "--unknown", "skip").errors
    (scored,) = model("score", "--file", "prompt.txt", "--json").records
    (expected,) = model("score", "hi", "--json").records
    assert (scored["text"], scored["nats_per_character"]) == ("hi", expected["nats_per_character"])
    (scored,) = model("score", "-", "--json", stdin=f"hi{end}".encode()).records
    assert (scored["text"], scored["nats_per_character"]) == ("hi", expected["nats_per_character"])


def test_the_last_line_ending_of_a_large_file_is_no_unknown_character(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained("hihello")
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 100)
    text = "hihello" * 100
    for size in (97, 701, 702):
        monkeypatch.setattr("charseq.text.corpus.CHUNK_BYTES", size)
        Path("text.txt").write_bytes(f"{text}\r\n".encode())
        (scored,) = model("score", "--file", "text.txt", "--json").records
        assert scored["text"] == text
        assert scored["characters"] == len(text) - 1


def test_a_line_ending_that_the_model_knows_is_not_removed(trained: Any) -> None:
    model = trained("hi\nhello\n")
    Path("prompt.txt").write_text("hi\n")
    assert model("predict", "--file", "prompt.txt", "--json").records[0]["prompt"] == "hi\n"


@pytest.mark.parametrize("options", [(), ("--lines", "--validation", "0")], ids=["strings", "lines"])
def test_several_lines_in_a_prompt_file_suggest_lines(trained: Any, options: tuple[str, ...]) -> None:
    model = trained("hihello", *options)
    Path("prompts.txt").write_text("hi\nhe\n")
    hint = refused(model, "predict", "--file", "prompts.txt")
    reason = (
        "and the model reads one at a time" if options else "but the model was not trained on line endings"
    )
    assert f"the text has several lines, {reason}: " in hint
    assert hint.endswith(": add --lines to read each line separately")
    assert len(model("predict", "--file", "prompts.txt", "--lines").output.splitlines()) == 2


def test_several_lines_in_an_argument_or_a_string_suggest_one_at_a_time(trained: Any) -> None:
    hint = refused(trained("hihello", "--lines", "--validation", "0"), "predict", "hi\nhe")
    assert (
        hint
        == f"{MODEL}: the text has several lines, and the model reads one at a time: give each line by itself"
    )
    with pytest.raises(UnknownCharacter, match=r"'\\n' \(U\+000A\)") as caught:
        library.load().predict("hi\nhe")
    assert caught.value.hint.endswith("give each line by itself")


def test_a_line_ending_in_an_argument_should_be_removed(trained: Any) -> None:
    hint = refused(trained("hihello"), "predict", "hi\n")
    reason = "the text ends with a line ending, but the model was not trained on line endings"
    assert hint == f"{MODEL}: {reason}: remove it"


# Graphemes


@pytest.mark.parametrize("form", ["plain", "json", "table"])
def test_graphemes_of_several_code_points_are_scored_with_unknown_ones(charseq: Command, form: str) -> None:
    charseq.train("--text", "e\u0301a🇰🇷", "--unit", "grapheme", "--epochs", "1", "--hidden-size", "3")
    for policy in ("skip", "replace"):
        result = charseq("score", "ae\u0301xa", "--unknown", policy, "--format", form)
        assert result.status == 0, result.errors
        assert "1 unknown character was" in result.errors

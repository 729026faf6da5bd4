"""predict --show-copies and score --copies."""

import os
from pathlib import Path

import pytest

import charseq as library
from charseq.errors import TextError
from charseq.inference.copies import Span
from tests.support.command import Command

POEM = "the quick brown fox\njumps over the lazy dog\nand runs away from the river\n"
PASSAGE = POEM[8:51]


@pytest.fixture
def poem(charseq: Command) -> Command:
    Path("poem.txt").write_text(POEM)
    charseq.train("--file", "poem.txt", "--epochs", "1", "--hidden-size", "5", "--ngram", "0")
    return charseq


@pytest.fixture
def memorized(charseq: Command) -> Command:
    charseq.train("--text", "hihello", "--text", "a string of more than twenty characters")
    return charseq


def test_score_reports_the_copies_of_each_text_in_json(poem: Command) -> None:
    first, second = poem("score", PASSAGE + "jjj", "jumps", "--copies", "--json").records
    span = {"start": 0, "end": 43, "source": "poem.txt", "number": 1, "offset": 8, "line": 1}
    assert first["copies"] == {"share": 43 / 46, "longest": 43, "characters": 46, "spans": [span]}
    assert second["copies"] == {"share": 0, "longest": 0, "characters": 5, "spans": []}
    assert "copies" not in poem("score", "jumps", "--json").records[0]


def test_score_adds_columns_in_plain_format(poem: Command) -> None:
    result = poem("score", POEM[20:43], "jumps", "--copies")
    header, *rows = [line.split("\t") for line in result.output.splitlines()]
    assert header == [
        *["bits", "nats", "perplexity", "characters", "copied", "longest", "source", "line", "text"]
    ]
    assert rows[0][4:] == ["1.0000", "23", "poem.txt:2", "1", POEM[20:43]]
    assert rows[1][4:] == ["0.0000", "0", "-", "2", "jumps"]
    assert result.errors == ""


def test_the_columns_of_score_without_copies_are_as_before(poem: Command) -> None:
    assert poem("score", "jumps").output.startswith("bits\tnats\tperplexity\tcharacters\tline\ttext\n")


def test_a_file_is_searched_as_one_text_and_with_lines_as_lines(poem: Command) -> None:
    Path("other.txt").write_text("jumps\n" + POEM[:43] + "\n")
    (whole,) = poem("score", "--file", "other.txt", "--copies", "--json").records
    assert [(span["start"], span["end"]) for span in whole["copies"]["spans"]] == [(6, 50)]
    lines = poem("score", "--file", "other.txt", "--lines", "--copies", "--json").records
    assert [record["copies"]["longest"] for record in lines] == [0, 0, 23]


def test_sorted_scores_have_their_copies(poem: Command) -> None:
    records = poem("score", "jumps", PASSAGE, "--copies", "--json", "--sort", "likely").records
    assert {record["text"]: record["copies"]["longest"] for record in records} == {"jumps": 0, PASSAGE: 43}


def test_unknown_characters_are_not_copied(poem: Command) -> None:
    text = POEM[:21] + "?" + POEM[21:43]
    (record,) = poem("score", text, "--unknown", "skip", "--copies", "--json").records
    assert [(span["start"], span["end"]) for span in record["copies"]["spans"]] == [(0, 21), (22, 44)]


def test_a_table_has_a_sentence_about_the_copies(poem: Command) -> None:
    result = poem("score", PASSAGE + "jjj", "--copies", "--format", "table")
    sentence = "copied: 93.4% in 1 span of 20 characters or more; the longest has 43 characters"
    assert f"{sentence} and occurs in poem.txt, line 1" in " ".join(result.output.split())
    result = poem("score", "jumps over the quick brown river", "--copies", "--format", "table")
    assert "copied: 0.0%: no span of 20 characters or more\n" in result.output


def test_a_table_of_lines_has_one_sentence_at_the_end(poem: Command) -> None:
    result = poem("score", "--file", "poem.txt", "--lines", "--copies", "--format", "table")
    assert "copied: 72.8% of 3 texts in 2 spans of 20 characters or more" in result.errors
    assert result.errors.count("copied") == 1
    assert "copied" not in result.output


@pytest.mark.parametrize("form", ["plain", "table"])
@pytest.mark.parametrize("command", ["score jumps over", "predict j --length 7 --samples 2"])
def test_texts_that_are_too_short_are_reported_once(poem: Command, command: str, form: str) -> None:
    flag = "--copies" if command.startswith("score") else "--show-copies"
    result = poem(*command.split(), flag, "--format", form)
    assert "copied: too short to tell: all texts have fewer than 20 characters\n" in result.errors
    assert result.errors.count("copied") == 1


def test_predict_reports_the_copies_of_the_generated_text_alone(memorized: Command) -> None:
    (record,) = memorized("predict", "a string of", "--show-copies", "--json").records
    assert record["text"] == " more than twenty characters"
    assert record["copies"]["share"] == 1
    assert record["copies"]["spans"] == [
        {"start": 0, "end": 28, "source": None, "number": 2, "offset": 11, "line": 1}
    ]
    (record,) = memorized("predict", "a string of more than", "--show-copies", "--json").records
    assert (len(record["text"]), record["copies"]["share"]) == (18, 0)


def test_in_a_pipe_predict_prints_the_text_as_ever_and_the_copies_on_standard_error(
    memorized: Command,
) -> None:
    result = memorized("predict", "a", "h", "--show-copies")
    assert result.output == memorized("predict", "a", "h").output
    assert result.errors == (
        "copied: 86.3% of 2 texts in 1 span of 20 characters or more; the longest has 38 characters "
        "and occurs in string 2 of the training text, line 1\n"
    )


@pytest.mark.parametrize(
    "options", ["--beam 3 --samples 2", "--samples 3 --temperature 1", "--greedy", "--only-new"]
)
def test_copies_are_shown_with_other_options_of_predict(poem: Command, options: str) -> None:
    arguments = ["predict", "j", "--length", "23", *options.split()]
    plain = poem(*arguments).records if "--json" in options else poem(*arguments).output
    assert poem(*arguments, "--show-copies").output == plain
    for record in poem(*arguments, "--show-copies", "--json").records:
        assert record["copies"]["characters"] == 23


def test_novel_lines_have_copies_that_do_not_cross_line_ends(charseq: Command) -> None:
    numbers = "".join(f"the number of this line is {number}\n" for number in range(61))
    Path("lines.txt").write_text(numbers)
    charseq.train("--file", "lines.txt", "--lines", "--epochs", "37", "--hidden-size", "31")
    arguments = ["predict", "--novel", "--samples", "5", "--show-copies", "--json", "--top", "0"]
    records = charseq(*arguments).records
    assert len(records) == 5
    assert any(record["copies"]["spans"] for record in records)
    both = charseq("score", "of this line is 7the number of this line is 8", "--copies", "--json").records
    assert [span["start"] for span in both[0]["copies"]["spans"]] == [17]


def test_against_names_the_files_to_search(poem: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("other.txt").write_text("\n\n" + POEM[40:])
    Path("third.txt").write_text(POEM[:31])
    against = ["--against", "other.txt", "--against", "third.txt"]
    (record,) = poem("score", POEM, "--copies", *against, "--json").records
    assert [
        (span["start"], span["end"], span["source"], span["number"], span["line"])
        for span in record["copies"]["spans"]
    ] == [(0, 31, "third.txt", 2, 1), (40, 73, "other.txt", 1, 3)]
    (record,) = poem(
        "score", POEM, "--copies", "--against", "-", "--json", stdin=b"-" + POEM.encode()
    ).records
    assert record["copies"]["spans"][0]["source"] == "-"
    monkeypatch.setitem(os.environ, "CHARSEQ_AGAINST", "third.txt")
    assert poem("score", POEM, "--copies", "--json").records[0]["copies"]["longest"] == 31
    assert poem("score", POEM).status == 0


def test_a_reference_too_large_for_memory_at_once_is_searched(
    poem: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 31)
    monkeypatch.setattr("charseq.text.corpus.CHUNK_BYTES", 7)
    poem.train("--file", "poem.txt", "--epochs", "1", "--hidden-size", "5", "--ngram", "0")
    (record,) = poem("score", POEM, "--copies", "--json").records
    assert record["copies"]["longest"] == len(POEM)


def test_a_byte_order_mark_of_the_reference_is_skipped_and_reported(poem: Command) -> None:
    Path("marked.txt").write_text(POEM, encoding="utf-8-sig")
    result = poem("score", PASSAGE, "--copies", "--against", "marked.txt", "--json")
    assert result.records[0]["copies"]["spans"][0]["offset"] == 8
    assert "'marked.txt' begins with a byte-order mark, which is skipped" in result.errors


def test_lines_are_searched_as_they_arrive(poem: Command) -> None:
    result = poem("score", "-", "--lines", "--copies", stdin=POEM.encode())
    assert [row.split("\t")[5] for row in result.output.splitlines()[1:]] == ["0", "23", "28"]


def test_a_variable_for_copies_has_no_effect_beside_options_that_exclude_it(
    poem: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = poem("score", PASSAGE, "--per-character").output
    monkeypatch.setitem(os.environ, "CHARSEQ_COPIES", "1")
    assert poem("score", PASSAGE, "--per-character").output == plain


MISTAKES = {
    "score j --against poem.txt": ("--against requires --copies", "add --copies"),
    "predict j --against poem.txt": ("--against requires --show-copies", "add --show-copies"),
    "predict --interactive --show-copies": ("--interactive cannot be combined with --show-copies", ""),
    "score j --copies --per-character": ("--per-character cannot be combined with --copies", ""),
    "score - --copies --against -": ("standard input can be read only once", "use - only once"),
    "predict - --show-copies --against -": ("standard input can be read only once", "use - only once"),
    "score j --copies --against none.txt": ("file 'none.txt' not found", "--against"),
    "score j --copies --against empty.txt": ("'empty.txt' is empty", "give a file with text"),
    "score j --copies --against latin.txt": ("'latin.txt' is not UTF-8: byte 0xE9", "--encoding cp1252"),
}


def test_a_text_to_compare_with_may_be_a_folder_or_have_another_encoding(poem: Command) -> None:
    Path("texts").mkdir()
    Path("texts/poem.txt").write_text(POEM, encoding="utf-8")
    (record,) = poem("score", POEM, "--copies", "--against", "texts", "--json").records
    assert record["copies"]["share"] == 1
    assert record["copies"]["spans"][0]["source"] == "texts/poem.txt"
    Path("wide.txt").write_text(POEM, encoding="utf-16")
    wide = ["--against", "wide.txt", "--encoding", "utf-16"]
    assert poem("score", POEM, "--copies", *wide, "--json").records[0]["copies"]["share"] == 1


@pytest.mark.parametrize(("line", "messages"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistake_is_an_error_with_a_remedy(poem: Command, line: str, messages: tuple[str, str]) -> None:
    Path("empty.txt").write_text("")
    Path("latin.txt").write_bytes(b"caf\xe9")
    result = poem(*line.split(), stdin=b"jumps\n")
    assert (result.status, result.output) == (2, "")
    assert all(message in result.errors for message in messages)
    assert len(result.errors.splitlines()) <= 3


@pytest.mark.parametrize("change", [POEM + "!", POEM[::-1], "", "\xff"])
def test_a_training_text_that_has_changed_is_refused(poem: Command, change: str) -> None:
    Path("poem.txt").write_bytes(change.encode("latin-1"))
    result = poem("score", "jumps", "--copies")
    assert (result.status, result.output) == (2, "")
    assert "'poem.txt' changed since 'runs/0001-gru/model.safetensors'" in result.errors
    assert "name the training file with --against" in result.errors
    assert poem("score", "jumps").status == 0


def test_a_training_text_that_is_not_found_is_named(poem: Command) -> None:
    Path("poem.txt").rename("elsewhere.txt")
    result = poem("predict", "--show-copies")
    assert result.status == 2
    assert "is not found at 'poem.txt'" in result.errors
    assert "--against" in result.errors
    assert poem("predict", "--show-copies", "--against", "elsewhere.txt").status == 0


def test_a_training_text_from_standard_input_is_given_again(charseq: Command) -> None:
    assert charseq("train", "--file", "-", stdin=POEM.encode()).status == 0
    result = charseq("score", "jumps", "--copies")
    assert result.status == 2
    assert "was standard input" in result.errors


def test_a_model_that_does_not_know_its_text_says_so(charseq: Command) -> None:
    charseq.train("--text", "ab" * 60_000, "--epochs", "1", "--hidden-size", "3", "--ngram", "0")
    result = charseq("score", "ab", "--copies")
    assert result.status == 2
    assert "does not record where its training text is" in result.errors


def test_python_finds_copies_as_the_command_line_does(poem: Command) -> None:
    model = library.load()
    found = model.copies("j" + PASSAGE)
    assert (found.share, found.longest) == (43 / 44, 43)
    assert found.spans == (Span(1, 44, "poem.txt", 1, 8, 1),)
    Path("other.txt").write_text(POEM[20:43])
    assert model.copies(POEM, against="other.txt").longest == 23
    known = model.reference(["other.txt", Path("poem.txt")], min_length=5)
    assert [model.copies(text, against=known).longest for text in ("jumps", "jump")] == [5, 0]
    Path("poem.txt").unlink()
    assert model.copies(PASSAGE).longest == 43  # read once
    with pytest.raises(TextError, match=r"not found at 'poem\.txt'") as raised:
        library.load().copies(PASSAGE)
    assert raised.value.hint.startswith("name the training file with against")


@pytest.mark.parametrize("least", [0, -1, 2.5, True])
def test_a_minimum_length_below_1_is_refused_in_python(poem: Command, least: int) -> None:
    with pytest.raises(library.errors.UsageError, match="min_length"):
        library.load().reference(min_length=least)


def test_the_training_text_may_be_a_folder(charseq: Command) -> None:
    Path("books").mkdir()
    Path("books/poem.txt").write_text(POEM)
    charseq.train("--file", "books", "--epochs", "1", "--hidden-size", "5", "--ngram", "0")
    (record,) = charseq("score", PASSAGE, "--copies", "--json").records
    assert record["copies"]["spans"][0]["source"] == "books/poem.txt"
    Path("books/more.txt").write_text("more")
    assert "'books' changed since" in charseq("score", PASSAGE, "--copies").errors

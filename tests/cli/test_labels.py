"""The options --labels and --label."""

import json
from pathlib import Path
from typing import Any

import pytest

from charseq import api
from charseq.model.model_file import read
from charseq.render.visible import visible
from tests.support.command import Command
from tests.support.labeled import LETTERS, labeled_lines, labeled_words
from tests.support.runs import stop_after

SMALL = ("--labels", "--epochs", "2", "--cell", "gru", "--hidden-size", "11", "--out", "labeled")


@pytest.fixture
def labeled(charseq: Command) -> Command:
    Path("words.tsv").write_text(labeled_lines(307))
    events = charseq.train("--file", "words.tsv", *SMALL)
    assert events[0]["labels"] == ["a", "one", "two"]
    return charseq


def test_the_score_of_held_out_lines_is_the_validation_loss(charseq: Command) -> None:
    Path("words.tsv").write_text(labeled_lines(307))
    start, *_, end = charseq.train("--file", "words.tsv", *SMALL, "--validation-split", "tail")
    nats, scored = 0.0, 0
    for label, word in labeled_words(307)[-start["validation_sequences"] :]:
        scored += len(word) + 1
        (record,) = charseq("score", word, "--label", label, "--model", "labeled", "--json").records
        assert record["characters"] == len(word) + 1
        nats += record["nats_per_character"] * record["characters"]
    assert scored == start["validation_characters"]
    assert nats / scored == pytest.approx(end["validation_loss"], abs=1e-4)


def test_predict_generates_lines_of_a_label(labeled: Command) -> None:
    options = ("--model", "labeled", "--samples", "29", "--temperature", "0.4")
    lines = labeled("predict", "--label", "two", *options).output.split("\n")
    assert len(lines) == 30
    letters = "".join(lines)
    assert sum(letter in LETTERS["two"] for letter in letters) > 0.9 * len(letters)


def test_without_a_label_predict_prints_lines_as_training_reads_them(labeled: Command) -> None:
    lines = labeled("predict", "--model", "labeled", "--samples", "23").output.splitlines()
    assert {line.split("\t")[0] for line in lines} == {"a", "one", "two"}
    records = labeled("predict", "c", "--model", "labeled", "--samples", "5", "--json").records
    plain = labeled("predict", "c", "--model", "labeled", "--samples", "5").output.splitlines()
    assert [f"{r['label']}\tc{r['text']}" for r in records] == plain
    assert all(
        "\t" not in line for line in labeled("predict", "c", "--model", "labeled", "--only-new").output
    )


def test_each_json_prompt_can_have_a_label(labeled: Command) -> None:
    prompts = [{"prompt": "", "label": "two"}, {"prompt": "a"}, {"prompt": "", "label": "three"}]
    stdin = "\n".join(map(json.dumps, prompts)).encode()
    options = ("--json-input", "--label", "one", "--model", "labeled", "--json")
    result = labeled("predict", "-", *options, stdin=stdin)
    assert [record["label"] for record in result.records] == ["two", "one"]
    assert "unknown label 'three'" in result.errors


def test_an_unknown_label_is_an_error_with_a_suggestion(labeled: Command) -> None:
    for command in (["predict"], ["score", "ab"], ["inspect-shapes", "ab"], ["inspect-gradients", "ab"]):
        result = labeled(*command, "--label", "on", "--model", "labeled")
        assert (result.status, result.output) == (2, "")
        assert "unknown label 'on'\n  did you mean 'one'? the model knows 'a', 'one', 'two'" in result.errors


@pytest.mark.parametrize("command", [["score", "ab"], ["inspect-shapes", "ab"], ["inspect-gradients", "ab"]])
def test_a_labeled_model_needs_a_label_for_a_text(labeled: Command, command: list[str]) -> None:
    result = labeled(*command, "--model", "labeled")
    assert result.status == 2
    assert "the model has labels, and --label is missing" in result.errors
    assert labeled(*command, "--label", "one", "--model", "labeled").status == 0


def test_the_network_reads_the_label_first(labeled: Command) -> None:
    records = labeled(
        "inspect-shapes", "ab", "--label", "a", "--model", "labeled", "--values", "--json"
    ).records
    model = read(Path("labeled/model.safetensors"))
    (targets,) = (r["values"] for r in records if r["name"] == "targets")
    assert targets == [model.vocabulary.encode_text("ab", end=True).ids.tolist()]
    (inputs,) = (r["values"] for r in records if r["name"] == "input")
    assert inputs[0][0].index(1) == model.vocabulary.label_id("a")


def test_runs_show_lists_the_labels(labeled: Command) -> None:
    shown = json.loads(labeled("runs", "show", "labeled", "--json").output)["labels"]
    assert shown.keys() == {"a", "one", "two"}
    assert 250 < sum(shown.values()) < 307
    plain = labeled("runs", "show", "labeled").output
    assert f"labels\ta ({shown['a']}), one ({shown['one']}), two ({shown['two']})\n" in plain
    assert "symbols\tabcdefg\n" in plain


def test_a_model_without_labels_is_written_as_before(charseq: Command) -> None:
    charseq.train("--text", "ada\nalan\n", "--lines", "--epochs", "1", "--out", "plain")
    data = Path("plain/model.safetensors").read_bytes()
    assert b"label" not in data


@pytest.mark.parametrize("ngram", [0, 3])
def test_a_labeled_run_that_was_stopped_is_resumed_exactly(ngram: int) -> None:
    options: dict[str, Any] = {"labels": True, "epochs": 2, "cell": "gru", "hidden_size": 5, "ngram": ngram}
    text = labeled_lines(211)
    list(api.train(text, **options, out="whole"))
    list(api.train(text, **options, out="halved", stop=stop_after(5)))
    list(api.train(resume="halved"))
    assert Path("halved/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()


def test_labels_cannot_change_when_a_run_is_resumed(charseq: Command) -> None:
    charseq.train("--text", "ada\nalan\n", "--lines", "--epochs", "1", "--out", "plain")
    result = charseq("train", "--resume", "plain", "--labels", "--epochs", "2")
    assert (result.status, "--labels cannot change" in result.errors) == (2, True)


@pytest.mark.parametrize("options", [[], ["--unit", "byte"], ["--unit", "grapheme"], ["--normalize", "nfc"]])
def test_a_large_labeled_file_trains_the_same_model_as_text_in_memory(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    Path("words.tsv").write_text(labeled_lines(199))
    models = []
    for limit in (10**6, 1000):
        monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", limit)
        monkeypatch.setattr("charseq.text.corpus.CHUNK_BYTES", 377)
        charseq.train("--file", "words.tsv", *SMALL, *options, "--force")
        models.append(read(Path("labeled/model.safetensors")))
    assert models[0].label_counts == models[1].label_counts
    assert models[0].vocabulary == models[1].vocabulary
    for name, array in models[0].arrays.items():
        assert (array == models[1].arrays[name]).all()


def test_labels_are_shown_with_visible_characters(charseq: Command) -> None:
    Path("odd.tsv").write_text("\x1b[31m\tab\nx\u202e\tba\n" * 3)
    charseq.train("--file", "odd.tsv", "--labels", "--epochs", "1", "--out", "odd")
    for command in (
        ["predict", "--label", "y"],
        ["classify", "ab", "--format", "table"],
        ["runs", "show", "odd"],
    ):
        model = [] if command[0] == "runs" else ["--model", "odd"]
        result = charseq(*command, *model)
        shown = result.output + result.errors
        assert shown == visible(shown, keep="\n\t")
        assert "\\x1b[31m" in shown


def test_compare_takes_labels(charseq: Command) -> None:
    Path("words.tsv").write_text(labeled_lines(307))
    options = ("--cells", "ngram,gru", "--epochs", "1", "--hidden-size", "5", "--json")
    results = charseq("compare", "--file", "words.tsv", "--labels", *options)
    assert results.status == 0, results.errors


def test_score_reads_the_labels_of_lines(labeled: Command) -> None:
    Path("some.tsv").write_text(labeled_lines(17))
    records = labeled("score", "--file", "some.tsv", "--labels", "--model", "labeled", "--json").records
    for (label, word), record in zip(labeled_words(17), records, strict=True):
        assert (record["label"], record["text"]) == (label, word)
        (alone,) = labeled("score", word, "--label", label, "--model", "labeled", "--json").records
        assert record["per_character"] == alone["per_character"]
    by_rank = labeled("score", "--file", "some.tsv", "--labels", "--model", "labeled", "--sort", "likely")
    rows = [float(line.split("\t")[0]) for line in by_rank.output.splitlines()[1:]]
    assert rows == sorted(rows)
    assert "all 17 lines: " in by_rank.errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--labels", "--label", "one", "one\tword"), "--labels cannot be combined with --label"),
        (("--labels", "word"), "a text has no label: 'word' has no tab"),
        (("--labels", "three\tword"), "unknown label 'three'"),
    ],
)
def test_score_refuses_lines_without_a_known_label(
    labeled: Command, options: tuple[str, ...], message: str
) -> None:
    result = labeled("score", "--model", "labeled", *options)
    assert result.status == 2
    assert message in result.errors
    labeled.train("--text", "hihello", "--epochs", "1")
    assert "this one has no labels" in labeled("score", "--labels", "a\tb").errors

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import charseq as package
from tests.support.command import Command
from tests.support.labeled import labeled_lines, labeled_words


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a labeled model, trained once for all tests."""
    folder = tmp_path_factory.mktemp("labeled")
    (folder / "words.tsv").write_text(labeled_lines(811))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        options: Any = {"labels": True, "epochs": 3, "cell": "gru", "hidden_size": 13}
        list(package.train(files="words.tsv", out="runs/0001-gru", **options))
    return folder / "runs"


@pytest.fixture
def labeled(charseq: Command, trained: Path) -> Command:
    shutil.copytree(trained, "runs")
    return charseq


def test_in_a_pipe_each_line_has_a_text_its_label_and_the_probability(labeled: Command) -> None:
    result = labeled("classify", "aaeg", "cdefdef")
    rows = [line.split("\t") for line in result.output.splitlines()]
    assert [row[:2] for row in rows] == [["aaeg", "a"], ["cdefdef", "two"]]
    assert all(0.9 < float(row[2]) <= 1 for row in rows)
    assert result.errors == ""


def test_json_has_every_label_with_its_probability(labeled: Command) -> None:
    records = labeled("classify", "-", "--json", stdin=b"abab\n\ncdef").records
    assert [record["text"] for record in records] == ["abab", "", "cdef"]
    for record in records:
        assert record["labels"].keys() == {"one", "two", "a"}
        assert record["label"] == max(record["labels"], key=record["labels"].__getitem__)
        assert record["probability"] == record["labels"][record["label"]]
        assert sum(record["labels"].values()) == pytest.approx(1)
    assert [record["number"] for record in records] == [1, 2, 3]


def test_the_lines_of_a_file_come_after_the_arguments(labeled: Command) -> None:
    Path("texts").write_bytes(b"abab\r\n\ncdef\n")
    result = labeled("classify", "g", "--text", "e\nf", "--file", "texts")
    assert [line.split("\t")[0] for line in result.output.splitlines()] == ["g", "e", "f", "abab", "", "cdef"]


def test_files_may_have_another_encoding(labeled: Command) -> None:
    Path("texts").write_bytes("abab\ncdef\n".encode("utf-16"))
    result = labeled("classify", "--file", "texts", "--encoding", "utf-16")
    assert [line.split("\t")[0] for line in result.output.splitlines()] == ["abab", "cdef"]
    refused = labeled("classify", "abab", "--encoding", "utf-16")
    assert refused.status == 2
    assert "--encoding applies to files and standard input" in refused.errors


def test_a_tab_within_a_text_does_not_break_the_fields(labeled: Command) -> None:
    result = labeled("classify", "ab\tb", "--unknown", "replace")
    assert result.output.startswith("ab\\tb\t")


def test_the_accuracy_counts_the_labels_that_are_found(labeled: Command) -> None:
    Path("test.tsv").write_text(labeled_lines(97, seed=1) + "\n")
    *records, last = labeled("classify", "--file", "test.tsv", "--accuracy", "--json").records
    assert [record["actual"] for record in records] == [label for label, _ in labeled_words(97, seed=1)]
    correct = sum(record["actual"] == record["label"] for record in records)
    assert (last["event"], last["correct"], last["texts"]) == ("accuracy", correct, 97)
    assert last["accuracy"] == correct / 97 > 0.8
    assert sum(sum(row.values()) for row in last["confusion"].values()) == 97
    result = labeled("classify", "--file", "test.tsv", "--accuracy")
    assert result.errors == f"accuracy {correct / 97:.1%}: {correct} of 97 texts\n"
    assert len(result.output.splitlines()) == 97


def test_a_table_ends_with_actual_and_predicted_labels(labeled: Command) -> None:
    Path("test.tsv").write_text(labeled_lines(31, seed=1))
    output = labeled("classify", "--file", "test.tsv", "--accuracy", "--format", "table").output
    lines = output.splitlines()
    assert lines[0].split() == ["text", "label", "prob", "next"]
    assert lines[32].startswith("accuracy ")
    assert [line.split()[:2] for line in lines[34:]] == [["1", "a"], ["2", "one"], ["3", "two"]]
    counts = [int(cell) for line in lines[34:] for cell in line.split()[2:] if cell != "·"]
    assert sum(counts) == 31
    assert all(len(line) <= 80 for line in lines)


def test_a_narrow_screen_lists_the_most_frequent_confusions(
    labeled: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    Path("test.tsv").write_text("two\tabab\ntwo\tabba\na\tcdef\none\tabab\n")
    output = labeled("classify", "--file", "test.tsv", "--accuracy", "--format", "table").output
    first, second = output.splitlines()[-2:]
    assert first.strip() == "two classified as one: 2 of 2 texts"
    assert second.strip() == "a classified as two: 1 of 1 text"


def test_a_uniform_prior_forgets_how_frequent_labels_are(labeled: Command) -> None:
    (training,) = labeled("classify", "", "--json").records
    (uniform,) = labeled("classify", "", "--json", "--prior", "uniform").records
    ratio = {label: training["labels"][label] / uniform["labels"][label] for label in ("one", "a")}
    counts = json.loads(labeled("runs", "show", "0001-gru", "--json").output)["labels"]
    assert ratio["one"] / ratio["a"] == pytest.approx(counts["one"] / counts["a"], rel=0.01)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one\tab\nOne\tab\n", "line 2 of standard input: unknown label 'One'"),
        ("one\tab\nab\n", "line 2 of standard input has no label: 'ab' has no tab"),
        ("one\tab\none\tzb\n", "line 2: 'z' (U+007A)"),
    ],
)
def test_the_texts_before_a_faulty_line_are_classified(labeled: Command, text: str, message: str) -> None:
    result = labeled("classify", "-", "--accuracy", stdin=text.encode())
    assert (result.status, len(result.output.splitlines())) == (2, 1)
    assert message in result.errors


def test_unknown_characters_are_counted(labeled: Command) -> None:
    result = labeled("classify", "zaz", "--unknown", "skip")
    assert result.errors == "2 unknown characters were skipped\n"


def test_a_model_without_labels_is_refused(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "1")
    result = charseq("classify", "hi")
    assert result.status == 2
    assert "classify requires a model trained with --labels" in result.errors


def test_no_text_is_an_error_and_an_empty_file_is_not(labeled: Command) -> None:
    assert labeled("classify").status == 2
    result = labeled("classify", "-")
    assert (result.status, result.output) == (0, "")
    assert "standard input is empty" in result.errors


def test_classify_does_not_load_torch(light_python: str, trained: Path) -> None:
    code = "import sys; from charseq.cli.app import run; run(['classify', 'ab']); "
    code += "sys.exit('torch' in sys.modules)"
    ended = subprocess.run([light_python, "-c", code], cwd=trained.parent, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b"ab\t")


def test_a_pipe_is_answered_before_it_ends(trained: Path) -> None:
    command = [sys.executable, "-m", "charseq", "classify", "-", "--model", str(trained / "0001-gru")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env={**os.environ}, **pipes) as process:  # type: ignore[call-overload]
        for text in (b"aaeg", b"cdef"):
            process.stdin.write(text + b"\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith(text + b"\t")
        process.stdin.close()
        assert process.wait(20) == 0


def test_lines_with_labels_are_not_classified_together_with_them(labeled: Command) -> None:
    for unknown in ("error", "replace"):
        result = labeled("classify", "one\tabab", "--unknown", unknown)
        assert result.status == 2
        assert "begins with the label 'one' and a tab" in result.errors
        assert "--accuracy" in result.errors
    assert labeled("classify", "nine\tabab", "--unknown", "replace").status == 0

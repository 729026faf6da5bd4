"""--validation-file: validate on a text of one's own."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import charseq as package
from charseq.errors import UsageError
from charseq.events import Epoch, Start
from tests.support.command import Command

TINY = ("--cell", "gru", "--hidden-size", "8", "--epochs", "2")
NAMES = "".join(f"name{i * i}\n" for i in range(120))
OTHERS = "".join(f"name{i * i + 1}\n" for i in range(50))
STORY = "".join(f"Chapter {i}: {i} hens laid {3 * i} eggs. " for i in range(60))
OTHER_STORY = "".join(f"Chapter {i}: {i + 1} cats ate {i // 2} eggs. " for i in range(60, 90))


@pytest.fixture(autouse=True)
def texts(charseq: Command) -> None:
    for name, text in (
        ("names.txt", NAMES),
        ("others.txt", OTHERS),
        ("story.txt", STORY),
        ("other.txt", OTHER_STORY),
    ):
        Path(name).write_text(text)


def test_nothing_is_held_out_and_screen_json_and_model_file_name_the_files(charseq: Command) -> None:
    options = ("--file", "story.txt", "--validation-file", "other.txt")
    start, *_, end = charseq.train(*options, *TINY)
    assert start["validation_files"] == ["other.txt"]
    assert start["training_characters"] == len(STORY) - 1
    assert start["validation_characters"] == len(OTHER_STORY) - 1
    assert (start["validation"], start["separate_validation"]) == (0, True)
    assert end["validation_loss"] > 0
    described = json.loads(charseq("runs", "show", "--json").output)
    assert described["validation_files"] == ["other.txt"]
    screen = charseq("train", *options, *TINY).errors
    assert f"validation text: other.txt, {len(OTHER_STORY):,} characters" in screen
    assert "held out" not in screen


def test_the_validation_loss_is_what_score_gives_for_the_file(charseq: Command) -> None:
    options = ("--file", "names.txt", "--lines", "--validation-file", "others.txt", "--ngram", "0")
    *_, end = charseq.train(*options, *TINY)
    scores = charseq("score", "--file", "others.txt", "--lines", "--json").records
    nats = sum(score["nats_per_character"] * score["characters"] for score in scores)
    assert len(scores) == 50
    assert nats / sum(score["characters"] for score in scores) == pytest.approx(end["validation_loss"], 1e-5)


def without_times(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    hidden = ("run", "model", "seconds", "characters_per_second")
    return [{key: value for key, value in record.items() if key not in hidden} for record in records]


@pytest.mark.parametrize("lines", [(), ("--lines",)], ids=["running text", "lines"])
def test_a_large_validation_file_gives_the_same_model(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, lines: tuple[str, ...]
) -> None:
    options = ("--file", "names.txt", "--validation-file", "others.txt", *lines, *TINY)
    in_memory = without_times(charseq.train(*options))
    for limit in (len(OTHERS), 0):  # the training text is large, or both are
        monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", limit)
        assert without_times(charseq.train(*options)) == in_memory


def test_the_text_may_be_several_files_a_folder_or_standard_input(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("folder").mkdir()
    shutil.copy("other.txt", "folder/a.txt")
    shutil.copy("story.txt", "folder/b.txt")
    known = ("--file", "story.txt", *TINY)
    several = ("--validation-file", "other.txt", "--validation-file", "story.txt")
    losses = []
    for options in (
        several,
        ("--validation-file", "folder"),
        ("--validation-file", "-", "--validation-file", "story.txt"),
    ):
        result = charseq("train", "--json", *known, *options, stdin=OTHER_STORY.encode())
        losses.append(result.records[-1]["validation_loss"])
    assert losses[0] == losses[1] == losses[2]
    monkeypatch.setenv("CHARSEQ_VALIDATION_FILE", "other.txt")
    other = charseq.train(*known)
    assert other[0]["validation_files"] == ["other.txt"]
    assert other[-1]["validation_loss"] != losses[0]


def test_characters_of_the_validation_text_are_in_the_vocabulary(charseq: Command) -> None:
    Path("other.txt").write_text(OTHER_STORY + "Zürich")
    start, *_ = charseq.train("--file", "story.txt", "--validation-file", "other.txt", *TINY)
    assert {"Z", "ü"} <= {*start["symbols"]}
    screen = charseq("train", "--file", "story.txt", "--validation-file", "other.txt", *TINY).errors
    assert f"{len({*OTHER_STORY + 'Zürich'} - {*STORY})} characters of the validation text not in" in screen
    assert f"vocabulary of {len(start['symbols'])}" in charseq("train", "--resume", "--epochs", "3").errors


def test_a_text_that_could_be_memorized_is_trained_as_longer_text(charseq: Command) -> None:
    start, *_, end = charseq.train("--text", "hihello", "--validation-file", "other.txt", *TINY)
    assert not start["whole"]
    assert end["validation_loss"] > 0


def test_a_run_is_resumed_to_the_byte_and_only_with_the_same_validation_text(charseq: Command) -> None:
    for out in ("whole", "resumed"):
        epochs: list[int] = []

        def stop(out: str = out, epochs: list[int] = epochs) -> bool:
            return out == "resumed" and len(epochs) == 2

        options: dict[str, Any] = {"cell": "gru", "epochs": 5, "out": out, "stop": stop}
        for event in package.train(files="names.txt", lines=True, validation_files="others.txt", **options):
            epochs += [event.epoch] if isinstance(event, Epoch) else []
    charseq.train("--resume", "resumed")
    whole, resumed = (Path(out, "log.ndjson").read_text().splitlines()[1:-1] for out in ("whole", "resumed"))
    assert whole == resumed
    assert len(whole) == 5
    Path("moved.txt").write_text(OTHERS)
    Path("others.txt").unlink()
    gone = charseq("train", "--resume", "resumed", "--epochs", "6")
    assert gone.status == 2
    assert "the validation text of 'resumed' is not found at 'others.txt'" in gone.errors
    again = charseq("train", "--resume", "resumed", "--epochs", "6", "--validation-file", "moved.txt")
    assert again.status == 0, again.errors
    Path("moved.txt").write_text(OTHERS + "name\n")
    changed = charseq("train", "--resume", "resumed", "--epochs", "7")
    assert changed.status == 2
    assert "'resumed' was validated on a different text (SHA-256 differs)" in changed.errors
    charseq.train("--file", "names.txt", *TINY, "--out", "without")
    added = charseq("train", "--resume", "without", "--epochs", "7", "--validation-file", "moved.txt")
    assert added.status == 2
    assert "'without' was trained without" in added.errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--validation", "0.2"), "--validation-file cannot be combined with --validation"),
        (("--validation-split", "tail"), "--validation-file cannot be combined with --validation-split"),
        (("--stride", "2"), "--stride cannot be combined with --validation-file"),
        (("--validation-file", "missing.txt"), "file 'missing.txt' not found"),
        (("--file", "-", "--validation-file", "-"), "standard input can be read only once"),
        (("--validation-file", "-"), "standard input is empty"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_refused(charseq: Command, options: tuple[str, ...], message: str) -> None:
    result = charseq("train", "--file", "story.txt", "--validation-file", "other.txt", *options, stdin=b"")
    assert result.status == 2
    assert message in result.errors


@pytest.mark.parametrize(("text", "lines"), [("x", ()), ("\n\r\n", ("--lines",))], ids=["short", "empty"])
@pytest.mark.parametrize("limit", [1 << 24, -1], ids=["memory", "large"])
def test_a_validation_text_without_a_character_to_predict_is_refused(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, text: str, lines: tuple[str, ...], limit: int
) -> None:
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", limit)
    Path("none.txt").write_text(text)
    result = charseq("train", "--file", "names.txt", "--validation-file", "none.txt", *lines, *TINY)
    assert result.status == 2
    assert "validation" in result.errors
    assert not Path("runs").exists()


def test_validation_text_that_is_trained_on_is_reported(charseq: Command) -> None:
    screen = charseq("train", "--file", "story.txt", "--validation-file", "story.txt", *TINY).errors
    assert "about 100% of the validation text also occurs in the training text" in screen
    Path("both.txt").write_text(OTHERS[: len(OTHERS) // 2 // 8 * 8] + NAMES)
    start, *_ = charseq.train("--file", "names.txt", "--lines", "--validation-file", "both.txt", *TINY)
    assert start["validation_overlap"] == pytest.approx(
        len(NAMES) / Path("both.txt").stat().st_size, abs=0.03
    )
    start, *_ = charseq.train("--file", "story.txt", "--validation-file", "other.txt", *TINY)
    assert start["validation_overlap"] == 0
    assert charseq.train("--file", "story.txt", *TINY)[0]["validation_overlap"] == 0
    assert charseq.train("--text", "hihello", *TINY)[0]["validation_overlap"] is None


def test_held_out_text_that_is_repeated_in_the_training_text_is_reported(charseq: Command) -> None:
    Path("drafts.txt").write_text(STORY + "A second draft. " + STORY)
    start, *_ = charseq.train("--file", "drafts.txt", *TINY)
    assert start["validation_overlap"] > 0.8
    screen = charseq("train", "--file", "drafts.txt", *TINY).errors
    assert "of the held-out text also occurs in the training text" in screen


def test_validation_text_that_differs_clearly_is_reported(charseq: Command) -> None:
    Path("shouted.txt").write_text(OTHER_STORY.upper())
    screen = charseq("train", "--file", "story.txt", "--validation-file", "shouted.txt", *TINY).errors
    assert "the validation text differs clearly from the training text" in screen


def test_too_little_validation_text_is_reported(charseq: Command) -> None:
    Path("short.txt").write_text("Chapter")
    screen = charseq("train", "--file", "story.txt", "--validation-file", "short.txt", *TINY).errors
    assert "6 validation characters are too few to choose the best epoch" in screen


def test_labels_of_the_validation_text_must_be_known(charseq: Command) -> None:
    Path("labeled.txt").write_text("".join(f"{'ab'[i % 2]}\tname{i}\n" for i in range(80)))
    Path("known.txt").write_text("".join(f"{'ab'[i % 2]}\tname{i}x\n" for i in range(30)))
    Path("unknown.txt").write_text("a\tname\nc\tname\n")
    options = ("--file", "labeled.txt", "--labels", *TINY, "--validation-file")
    assert charseq.train(*options, "known.txt")[-1]["validation_loss"] > 0
    refused = charseq("train", *options, "unknown.txt")
    assert refused.status == 2
    assert "no line with the label 'c' of the validation text" in refused.errors


def test_fine_tuning_and_compare_validate_on_the_file(charseq: Command) -> None:
    charseq.train("--file", "story.txt", *TINY)
    start, *_, end = charseq.train(
        "--file", "story.txt", "--from", "0001-gru", "--epochs", "2", "--validation-file", "other.txt"
    )
    assert start["validation_files"] == ["other.txt"]
    assert end["validation_loss"] <= end["parent_validation_loss"]
    result = charseq(
        "compare", "--file", "story.txt", "--validation-file", "other.txt", "--cells", "ngram,gru",
        "--hidden-size", "4", "--epochs", "1",
    )  # fmt: skip
    assert result.status == 0, result.errors
    assert "validated on other.txt" in result.errors
    assert "validation_loss" in result.output


def test_python_has_the_same_option(charseq: Command) -> None:
    start, *_ = package.train(
        files="story.txt", validation_files=Path("other.txt"), cell="gru", hidden_size=8, epochs=1
    )
    assert isinstance(start, Start)
    assert start.validation_files == ("other.txt",)
    with pytest.raises(UsageError, match="--validation"):
        next(package.train(files="story.txt", validation_files=["other.txt"], validation=0.5))

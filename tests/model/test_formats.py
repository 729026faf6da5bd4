"""Model files of every earlier format can still be read."""

import json
import shutil
from pathlib import Path

import pytest

from charseq.model.description import FORMAT
from charseq.model.model_file import describe, read
from tests.support.command import Command

FOLDER = Path(__file__).parent / "formats"
"""Of formats 1 to 3 a memorized string, hihello by an lstm, and lines, three names by a gru.

Of format 4 lines, 100 names by a gru with an n-gram model; of format 5 labels, 100 words of three labels.
"""
FILES = sorted(FOLDER.glob("*.safetensors"))


def test_there_are_files_of_every_format() -> None:
    assert {describe(path).format for path in FILES} == set(range(1, FORMAT + 1))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_an_earlier_format_is_read_as_before(charseq: Command, path: Path) -> None:
    model = read(path)
    assert describe(path, verify=True).format == int(path.stem[0])
    if path.stem.endswith("string"):
        assert charseq("predict", "--model", str(path), "h").output == "hihello\n"
        (scored,) = charseq("score", "--model", str(path), "hihello", "--json").records
        assert scored["nats_per_character"] == pytest.approx(0.50226, abs=1e-5)
    else:
        assert model.lines is not None
        assert len(model.lines) == (97 if model.label_counts else 100 if model.mixture else 3)
        made = charseq("predict", "--model", str(path), "--samples", "2", "--only-new")
        assert (made.status, len(made.output.splitlines())) == (0, 2)


def test_a_message_names_what_an_older_format_lacks(charseq: Command) -> None:
    Path("old").mkdir()
    shutil.copy(FOLDER / "1-string.safetensors", "old/model.safetensors")
    result = charseq("train", "--resume", "old", "--epochs", "999")
    assert (result.status, "an early charseq saved it" in result.errors) == (2, True)


def test_a_run_of_the_format_before_is_refused_with_its_reason(charseq: Command) -> None:
    Path("old").mkdir()
    shutil.copy(FOLDER / "2-string.safetensors", "old/model.safetensors")
    result = charseq("train", "--resume", "old", "--epochs", "999")
    assert (result.status, "split text differently" in result.errors) == (2, True)


@pytest.mark.parametrize("name", ["3-string", "4-lines", f"{FORMAT}-labels"])
def test_a_run_of_a_current_format_is_resumed(charseq: Command, name: str) -> None:
    Path("left").mkdir()
    shutil.copy(FOLDER / f"{name}.safetensors", "left/model.safetensors")
    epochs = json.loads(charseq("runs", "show", "left", "--json").output)["settings"]["epochs"] + 3
    *_, end = charseq.train("--resume", "left", "--epochs", str(epochs))
    assert end["status"] == "completed"

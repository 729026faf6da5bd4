"""What `charseq train --from` reports about a text that does not suit the model."""

from pathlib import Path

import pytest

from tests.support.command import Command

TINY = ("--cell", "gru", "--hidden-size", "8", "--epochs", "1")
STORY = "".join(f"Chapter {i}: {i} hens laid {3 * i} eggs. " for i in range(60))
UNSEEN = "of the validation text occurs in the text that the model of --from was trained on"


@pytest.fixture(autouse=True)
def model(charseq: Command) -> None:
    Path("story.txt").write_text(STORY)
    charseq.train("--file", "story.txt", *TINY, "--out", "story")


def test_the_share_of_new_characters_is_reported_where_it_is_large(charseq: Command) -> None:
    tune = ("train", "--from", "story", "--epochs", "1", "--validation", "0", "--json", "--text")
    for text, share in (("hex" * 500, 1 / 3), ("가나a 다" * 500, 3 / 5), (STORY, 0)):
        start, *_ = charseq(*tune, text).records
        assert start["new_characters"] == pytest.approx(share, abs=0.01)
        screen = charseq(*tune[:-2], "--text", text, "--format", "plain").errors
        assert ("training without --from may be better" in screen) == (share > 0.5)
    assert "60% of the text are characters" in charseq(*tune[:-2], "--text", "가나a 다" * 500).errors


def test_held_out_text_that_the_model_was_trained_on_is_reported(charseq: Command) -> None:
    tune = ("train", "--file", "story.txt", "--from", "story", "--epochs", "1")
    assert UNSEEN not in charseq(*tune).errors
    for option in (("--seed", "1"), ("--validation", "0.2"), ("--validation-split", "tail")):
        assert UNSEEN in charseq(*tune, *option).errors, option
    Path("more.txt").write_text(STORY + STORY.upper())
    Path("other.txt").write_text(STORY.swapcase())
    part = charseq(
        "train", "--file", "more.txt", "--from", "story", "--epochs", "1", "--validation-split", "tail"
    )
    assert UNSEEN not in part.errors  # the end is not in the story
    whole = charseq(
        "train", "--file", "other.txt", "--from", "story", "--epochs", "1", "--validation-file", "story.txt"
    )
    assert f"about 100% {UNSEEN}" in whole.errors
    Path("story.txt").write_text(STORY + "!")  # no longer the text of the model
    assert UNSEEN not in charseq("train", "--file", "other.txt", *tune).errors
    assert UNSEEN not in charseq(*tune, "--seed", "1", "--validation", "0").errors


def test_the_model_to_start_from_is_not_replaced(charseq: Command) -> None:
    before = Path("story/model.safetensors").read_bytes()
    tune = ("train", "--file", "story.txt", "--from", "story", "--epochs", "1", "--force", "--out")
    for out in ("story", "./story/"):
        refused = charseq(*tune, out)
        assert refused.status == 2
        assert "would replace the model that training starts from" in refused.errors
    assert Path("story/model.safetensors").read_bytes() == before
    both = charseq("train", "--from", "story", "--resume")
    assert "--resume cannot be combined with --from" in both.errors


def test_frozen_weights_are_named_on_the_screen(charseq: Command) -> None:
    tune = ("train", "--file", "story.txt", "--from", "story", "--epochs", "1")
    assert "frozen: all but head" in charseq(*tune, "--freeze", "all-but-head").errors
    assert "frozen" not in charseq(*tune).errors


def test_a_model_with_the_weights_of_its_parent_is_reported_as_such(charseq: Command) -> None:
    tune = ("--file", "story.txt", "--from", "story", "--epochs", "1", "--ngram", "0", "--validation", "0.3")
    *_, end = charseq.train(*tune, "--learning-rate", "50")
    assert end["epoch"] == 0
    assert "it has the weights of that model" in charseq("predict").errors

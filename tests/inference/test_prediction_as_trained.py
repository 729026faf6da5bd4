"""Prediction and scoring compute what training measures, for every kind of text and settings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charseq import api
from charseq.events import Epoch, Start
from charseq.inference.scoring import score_texts
from charseq.settings.train_settings import TrainSettings
from charseq.text.corpus import Corpus
from charseq.training.data import TrainingData

SENTENCE = "long for the wide and endless sea"
VERSE = "".join(f"{n} men went to mow, went to mow a meadow, " for n in range(40))
NAMES = tuple(
    f"{a}{b}{c}" for a in ("an", "be", "ca") for b in "aeiou" for c in ("", "n", "lla", "rd", "sto")
)

MEMORIZED: "dict[str, tuple[Any, dict[str, Any]]]" = {
    "a string": ("hihello", {}),
    "several strings": (["hihello", "at", "worlds", "xyz"], {}),
    "several strings in batches": (["hihello", "worlds", "xyz"], {"batch_size": 2}),
    "windows": (SENTENCE, {"sequence_length": 10, "stride": 1}),
    "windows further apart": (SENTENCE, {"sequence_length": 10, "stride": 4}),
    "adjacent windows": (SENTENCE, {"sequence_length": 8, "stride": 8}),
    "windows of several strings": ([SENTENCE, "wide is the sea", "so"], {"sequence_length": 6, "stride": 2}),
}
LONGER: "dict[str, tuple[Any, dict[str, Any]]]" = {
    "running text": (VERSE, {"validation": 0.3, "batch_size": 4, "sequence_length": 16}),
    "its tail": (VERSE, {"validation": 0.3, "validation_split": "tail"}),
    "several texts": ([VERSE, VERSE[::-1], "mow"], {"validation": 0.2}),
    "lines": (list(NAMES), {"lines": True, "validation": 0.3}),
}


def trained(
    folder: Path, text: Any, asked: "dict[str, Any]"
) -> "tuple[TrainSettings, Epoch, api.TrainedModel]":
    """Train a little; return the settings, the epoch that was kept, and its model."""
    events = [*api.train(text, out=folder / "run", hidden_size=16, epochs=3, **asked)]
    start, model = events[0], api.load(folder / "run")
    assert isinstance(start, Start)
    kept = model.model.training["epoch"]
    (epoch,) = [event for event in events if isinstance(event, Epoch) and event.epoch == kept]
    return start.settings, epoch, model


@pytest.mark.parametrize("cell", ["gru", "rnn-norm"])
@pytest.mark.parametrize("mode", MEMORIZED)
def test_a_memorized_text_is_scored_and_continued_as_in_training(
    tmp_path: Path, mode: str, cell: str
) -> None:
    text, asked = MEMORIZED[mode]
    strings = [text] if isinstance(text, str) else text
    _, epoch, model = trained(tmp_path, text, {"cell": cell, **asked})
    predictions = iter(epoch.predicted_ids)
    for string in strings:
        expected = next(predictions)
        most_probable = [character.likeliest for character in model.score(string).per_character]
        assert most_probable == [model.vocabulary.symbols[i] for i in expected]
        for end in range(1, len(string)):
            added = model.predict(string[:end], length=1, greedy=True).text
            assert added == model.vocabulary.symbols[expected[end - 1]]


@pytest.mark.parametrize("cell", ["gru", "rnn-norm"])
@pytest.mark.parametrize("mode", LONGER)
def test_the_validation_loss_is_the_score_of_the_held_out_text(tmp_path: Path, mode: str, cell: str) -> None:
    text, asked = LONGER[mode]
    settings, epoch, model = trained(tmp_path, text, {"cell": cell, **asked})
    corpus = Corpus((text,) if isinstance(text, str) else tuple(text), "lines" in asked)
    held_out = TrainingData(corpus, model.vocabulary, settings).validation
    assert held_out is not None
    nats = np.concatenate([found.nats for found in score_texts(model.model, held_out.sequences)])
    assert nats.mean() == pytest.approx(epoch.validation_loss, abs=1e-4)

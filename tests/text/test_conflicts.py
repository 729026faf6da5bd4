"""Texts that cannot all be memorized."""

from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from charseq import api
from charseq.events import End, Epoch, Start
from charseq.render.training_outcome import outcome
from charseq.render.training_summary import warnings
from charseq.text.conflicts import Conflict, predictability
from tests.support.command import Command


def test_a_text_without_conflicts_can_be_predicted_at_every_position() -> None:
    result = predictability([(np.array([0, 1, 0, 2, 2, 3]), 0)])
    assert result.accuracy == 1
    assert result == (5, 5, 0, None)


def test_the_shortest_conflict_and_the_most_frequent_symbol_after_it_come_first() -> None:
    strings = [[1, 2, 3], [1, 2, 4], [1, 2, 4], [5, 6], [5, 7], [5, 7]]
    result = predictability([(np.array(string), 0) for string in strings])
    assert result.shortest == Conflict((5,), (7, 6))
    assert result.conflicts == 2
    assert (result.correct, result.positions) == (7, 9)


def test_without_memory_a_context_is_one_symbol() -> None:
    result = predictability([(np.array([1, 2, 1, 3]), 0)], memory=False)
    assert result == (2, 3, 1, Conflict((1,), (2, 3)))


def test_positions_before_the_measured_ones_are_context_only() -> None:
    sequences = [(np.array([1, 2, 3]), 1), (np.array([1, 4, 5]), 1)]
    assert predictability(sequences) == (2, 2, 0, None)


@pytest.mark.parametrize("memory", [True, False])
def test_the_highest_accuracy_is_that_of_the_best_table(memory: bool) -> None:
    for strings in product(("aab", "ab", "bba"), ("aba", "abb"), ("ba", "aabb")):
        ids = [np.array([ord(c) for c in string]) for string in strings]
        result = predictability([(sequence, 0) for sequence in ids], memory=memory)
        after: dict[str, Counter[str]] = {}
        for string in strings:
            for end in range(1, len(string)):
                context = string[:end] if memory else string[end - 1]
                after.setdefault(context, Counter())[string[end]] += 1
        assert result.correct == sum(max(targets.values()) for targets in after.values())
        assert result.conflicts == sum(len(targets) > 1 for targets in after.values())


def train(folder: Path, *text: str, **settings: object) -> "tuple[Start, list[Epoch], End]":
    start, *epochs, end = api.train(text, out=folder / "run", **settings)  # type: ignore[arg-type]
    assert isinstance(start, Start) and isinstance(end, End)  # noqa: PT018
    return start, [event for event in epochs if isinstance(event, Epoch)], end


def test_training_warns_of_a_conflict_and_ends_at_the_highest_accuracy(tmp_path: Path) -> None:
    start, epochs, end = train(tmp_path, "hihello", "hey", "yes")
    (warning,) = warnings(start)
    assert warning == (
        "the strings cannot all be memorized: 'h' is followed by 'i' and by 'e'; "
        "the highest possible accuracy is 90.0%"
    )
    assert start.highest_accuracy == end.highest_accuracy == end.accuracy == 0.9
    assert max(epoch.accuracy for epoch in epochs) == 0.9
    assert len(epochs) < start.settings.epochs
    assert "90.0% of characters correct, the highest possible accuracy" in outcome(end)


def test_a_network_without_recurrence_cannot_distinguish_one_h_from_another(tmp_path: Path) -> None:
    start, _, end = train(tmp_path, "hihello", cell="none")
    assert start.conflict == {"context": "h", "following": ["i", "e"], "count": 2}
    assert end.accuracy == start.highest_accuracy == 4 / 6
    assert "none sees one character at a time" in warnings(start)[0]


def test_windows_conflict_where_their_last_symbols_do(tmp_path: Path) -> None:
    start, _, end = train(tmp_path, "abcdeXbcdeY", sequence_length=4, stride=1, epochs=3)
    assert start.conflict == {"context": "bcde", "following": ["X", "Y"], "count": 1}
    assert start.highest_accuracy == 9 / 10
    assert end.highest_accuracy == 9 / 10


def test_longer_text_has_no_highest_accuracy(tmp_path: Path) -> None:
    start, _, end = train(tmp_path, "to be or not to be " * 9, sequence_length=8, hidden_size=5, epochs=1)
    assert start.highest_accuracy is None
    assert end.highest_accuracy is None
    assert start.conflict is None


def test_an_accuracy_that_the_text_does_not_allow_names_the_conflict(charseq: Command) -> None:
    short = ("train", "--text", "ab", "--text", "ac", "--require-accuracy")
    refused = charseq(*short, "0.9")
    assert refused.status == 3
    assert refused.errors.endswith(
        "  this text allows at most 0.5000: change it, or lower --require-accuracy\n"
    )
    assert charseq(*short, "0.5").status == 0
    slow = ("--text", "hihello", "--require-accuracy", "1", "--epochs", "1", "--learning-rate", "1e-9")
    assert "train longer" in charseq("train", *slow).errors

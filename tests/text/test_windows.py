"""Overlapping windows, and text read in them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charseq import api
from charseq.model.model_file import Model
from charseq.model.sliding_stepper import prefill, reader_for
from charseq.model.stepper import Reader
from charseq.text.windows import Window

SENTENCE = "long for the wide and endless sea"


@given(st.integers(2, 60), st.integers(1, 12), st.integers(1, 15))
def test_windows_joined_are_every_position_once(length: int, steps: int, stride: int) -> None:
    window = Window(steps, min(stride, steps))
    sequence = np.arange(length)
    windows = [*window.cut(sequence)]
    assert [int(ids[0]) for ids in windows] == [*range(0, len(windows) * window.stride, window.stride)]
    assert all(len(ids) == steps + 1 for ids in windows[:-1])
    assert window.joined([ids[1:].tolist() for ids in windows]) == sequence[1:].tolist()


@given(st.integers(2, 60), st.integers(1, 12), st.integers(1, 15))
def test_a_position_belongs_to_the_first_window_with_it(length: int, steps: int, stride: int) -> None:
    window = Window(steps, min(stride, steps))
    windows = [ids[:-1].tolist() for ids in window.cut(np.arange(length))]
    for position in range(length - 1):
        assert next(ids[0] for ids in windows if position in ids) == window.start(position)


def test_windows_of_the_lesson_are_shifted_by_one() -> None:
    windows = [*Window(10, 1).cut(np.arange(14))]
    assert [window[0] for window in windows] == [0, 1, 2, 3]
    assert [len(window) for window in windows] == [11] * 4


def trained(folder: Path, cell: str = "gru", **settings: Any) -> Model:
    events = api.train(SENTENCE, cell=cell, out=folder / cell, hidden_size=7, epochs=2, **settings)
    assert [*events]
    return api.load(folder / cell).model


def logits_in_windows(model: Model, ids: "list[int]") -> "list[Any]":
    """Return the logits after each symbol, reading each window separately."""
    window = model.window
    assert window is not None
    rows = []
    for position in range(len(ids)):
        reader = Reader(model.network, model.weights)
        for symbol in ids[window.start(position) : position + 1]:
            logits = reader.read(np.array([symbol]))
        rows.append(logits[0].copy())
    return rows


@pytest.mark.parametrize("cell", ["gru", "lstm", "mlstm", "mingru"])
@pytest.mark.parametrize("stride", [1, 3, 4])
def test_prediction_slides_the_window_as_training_does(tmp_path: Path, cell: str, stride: int) -> None:
    model = trained(tmp_path, cell, sequence_length=4, stride=stride)
    ids = model.vocabulary.encode(SENTENCE).tolist()
    expected = logits_in_windows(model, ids)
    reader = reader_for(model)
    for symbol, logits in zip(ids, expected, strict=True):
        np.testing.assert_allclose(reader.read(np.array([symbol]))[0], logits, atol=1e-6)


def test_prompts_of_unequal_length_are_read_in_one_batch(tmp_path: Path) -> None:
    model = trained(tmp_path, sequence_length=4, stride=2)
    ids = model.vocabulary.encode(SENTENCE).tolist()
    starts = [1, 3, 4, 5, 9]
    reader, last = prefill(model, [ids[:length] for length in starts])
    lengths = np.array(starts)
    expected = logits_in_windows(model, ids)
    for step in range(12):
        logits = reader.read(last)
        for row, length in enumerate(lengths):
            np.testing.assert_allclose(logits[row], expected[length + step - 1], atol=1e-6)
        if step == 5:
            reader.keep([4, 2, 0])
            lengths = lengths[[4, 2, 0]]
        last = np.array([ids[length + step] for length in lengths])

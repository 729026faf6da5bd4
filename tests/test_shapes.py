"""The lesson's three looks at shapes, and what every recorded tensor promises."""

import numpy as np
import pytest

from charseq.arrays import SeededDraw
from charseq.cells import CELLS
from charseq.network import Network
from charseq.shapes import Recorder, Row, trace
from charseq.vocabulary import Vocabulary


def rows_of(*texts: str, cell: str = "lstm", layers: int = 1, embedding: int = 0) -> tuple[Row, ...]:
    vocabulary = Vocabulary.of(["helo"])
    network = Network(cell, len(vocabulary), hidden_size=2, layers=layers, embedding_size=embedding)
    return trace(network, vocabulary, network.arrange(network.draw(SeededDraw(0))), texts)


def named(rows: tuple[Row, ...], name: str) -> list[Row]:
    return [row for row in rows if row.name == name]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("texts", "entering", "leaving"),
    [
        (["h"], (1, 1, 4), (1, 1, 2)),
        (["hello"], (1, 5, 4), (1, 5, 2)),
        (["hello", "eolll", "lleel"], (3, 5, 4), (3, 5, 2)),
    ],
)
def test_the_lessons_three_cases(
    cell: str, texts: list[str], entering: tuple[int, ...], leaving: tuple[int, ...]
) -> None:
    rows = rows_of(*texts, cell=cell)
    assert rows[0].name == "input"
    assert rows[0].shape == entering
    assert rows[0].axes == ("batch", "sequence", "input")
    (output,) = named(rows, "output")
    assert output.shape == leaving
    assert output.axes == ("batch", "sequence", "hidden")
    assert output.step is None


def test_an_lstm_has_two_states_beside_the_output() -> None:
    rows = rows_of("hello")
    (h,) = named(rows, "state.h")
    (c,) = named(rows, "state.c")
    assert h.shape == c.shape == (1, 2)
    (output,) = named(rows, "output")
    np.testing.assert_array_equal(output.values[:, -1], h.values)


def test_unequal_lengths_end_in_exact_zeros_and_the_state_of_the_last_character() -> None:
    rows = rows_of("hello", "hel", "hell")
    (output,), (entered,) = named(rows, "output"), named(rows, "input")
    assert (output.values[1, 3:] == 0).all()
    assert (output.values[2, 4:] == 0).all()
    assert (entered.values[1, 3:] == 0).all()
    for field in ("state.h", "state.c"):
        (together,) = named(rows, field)
        (alone,) = named(rows_of("hel"), field)
        np.testing.assert_allclose(together.values[1], alone.values[0], atol=1e-7)


def test_tensors_stand_in_the_order_of_execution() -> None:
    names = [(row.name, row.step) for row in rows_of("he", cell="gru")]
    step = ["from_x", "from_h", "r", "z", "n", "h"]
    assert names == [
        ("input", None),
        *((name, 0) for name in step),
        *((name, 1) for name in step),
        ("output", None),
        ("state.h", None),
    ]


def test_every_layer_is_recorded_with_its_own_final_state() -> None:
    rows = rows_of("hello", cell="rnn", layers=3)
    assert {row.layer for row in rows if row.step is not None} == {0, 1, 2}
    assert [row.layer for row in named(rows, "state.h")] == [0, 1, 2]
    assert len(named(rows, "h")) == 15


def test_an_embedding_is_what_enters() -> None:
    assert rows_of("hello", embedding=3)[0].shape == (1, 5, 3)


def test_a_tensor_that_belies_its_axes_is_found() -> None:
    recorder = Recorder({"B": 2, "H": 3})
    with pytest.raises(ValueError, match=r"r has shape \(3, 2\), but \[B H\] is \(2, 3\)"):
        recorder("r", np.zeros((3, 2)), "B H")

"""The shapes of the lesson's examples, and the promises of every recorded tensor."""

from typing import Any

import numpy as np
import pytest

from charseq.cells import CELLS
from charseq.inspection.tracing import Recorder, TracedTensor, TraceInput, trace, trace_bidirectional
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.text.vocabulary import Vocabulary


def input_of(*texts: str, cell: str = "lstm", lines: bool = False, **plan: Any) -> TraceInput:
    vocabulary = Vocabulary.of(["helo"], boundary=lines)
    network = Network(cell, len(vocabulary), **{"hidden_size": 2, **plan})
    return TraceInput.of(network, vocabulary, network.draw(SeededDraw(0)), texts)


def rows_of(*texts: str, read_out: bool = False, **plan: Any) -> tuple[TracedTensor, ...]:
    return trace(input_of(*texts, **plan), read_out=read_out)


def named(rows: tuple[TracedTensor, ...], name: str) -> list[TracedTensor]:
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


def test_an_lstm_has_two_states() -> None:
    rows = rows_of("hello")
    (h,) = named(rows, "state.h")
    (c,) = named(rows, "state.c")
    assert h.shape == c.shape == (1, 2)
    (output,) = named(rows, "output")
    np.testing.assert_array_equal(output.values[:, -1], h.values)


def test_shorter_texts_are_padded_with_zeros_and_keep_their_final_state() -> None:
    rows = rows_of("hello", "hel", "hell")
    (output,), (entered,) = named(rows, "output"), named(rows, "input")
    assert (output.values[1, 3:] == 0).all()
    assert (output.values[2, 4:] == 0).all()
    assert (entered.values[1, 3:] == 0).all()
    for field in ("state.h", "state.c"):
        (together,) = named(rows, field)
        (alone,) = named(rows_of("hel"), field)
        np.testing.assert_allclose(together.values[1], alone.values[0], atol=1e-7)


def test_tensors_are_in_the_order_of_execution() -> None:
    names = [(row.name, row.step) for row in rows_of("he", cell="gru")]
    step = ["x_gates", "h_gates", "r", "z", "n", "h"]
    assert names == [
        ("input", None),
        ("initial.h", None),
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


def test_the_input_is_the_embedding() -> None:
    assert rows_of("hello", embedding_size=3)[0].shape == (1, 5, 3)


def test_a_tensor_with_other_axes_than_declared_is_an_error() -> None:
    recorder = Recorder({"B": 2, "H": 3})
    with pytest.raises(ValueError, match=r"r has shape \(3, 2\), but \[B H\] is \(2, 3\)"):
        recorder("r", np.zeros((3, 2)), "B H")


def values(rows: tuple[TracedTensor, ...], name: str) -> Any:
    (row,) = named(rows, name)
    return row.values


def test_the_initial_state_is_recorded_and_zero() -> None:
    rows = rows_of("hello", "he", cell="mlstm", layers=2)
    first = [row for row in rows if row.name.startswith("initial.")]
    assert [(row.name, row.layer) for row in first] == [
        (f"initial.{field}", layer) for layer in (0, 1) for field in "hCnm"
    ]
    assert all(row.step is None and not row.values.any() for row in first)
    assert first[1].axes == ("batch", "hidden", "hidden")
    assert first[1].shape == (2, 2, 2)


@pytest.mark.parametrize("cell", CELLS)
def test_outputs_after_the_end_of_a_text_are_zero(cell: str) -> None:
    rows = rows_of("hello", "he", cell=cell, layers=3, residual=True, layer_norm=True)
    assert (values(rows, "output")[1, 2:] == 0).all()
    alone = rows_of("he", cell=cell, layers=3, residual=True, layer_norm=True)
    np.testing.assert_allclose(values(rows, "output")[1, :2], values(alone, "output")[0], atol=1e-6)


def test_residual_sums_and_normalized_outputs_match_their_equations() -> None:
    rows = rows_of("hello", cell="rnn", layers=2, hidden_size=7, residual=True, layer_norm=True)
    (added,) = named(rows, "sum")
    assert added.layer == 1
    below, above = ([r.values for r in rows if r.name == "h" and r.layer == layer] for layer in (0, 1))
    np.testing.assert_allclose(added.values, np.stack(below, 1) + np.stack(above, 1), atol=1e-6)
    first, last = (row.values for row in named(rows, "normalized"))
    np.testing.assert_allclose(first.mean(-1), 0, atol=1e-6)
    np.testing.assert_allclose(first.std(-1), 1, atol=1e-2)
    np.testing.assert_array_equal(values(rows, "output"), last)


def test_the_head_is_a_linear_layer_over_all_positions() -> None:
    rows = rows_of("hello", "he", read_out=True)
    assert values(rows, "flattened").shape == (10, 2)
    assert named(rows, "flattened")[0].axes == ("batch*sequence", "hidden")
    assert values(rows, "flat_logits").shape == (10, 4)
    assert values(rows, "logits").shape == (2, 5, 4)
    np.testing.assert_array_equal(values(rows, "flat_logits")[5:7], values(rows, "logits")[1, :2])
    np.testing.assert_allclose(values(rows, "probabilities").sum(-1), 1, atol=1e-6)


def test_without_a_head_the_output_is_the_logits() -> None:
    rows = rows_of("hello", hidden_size=4, head="none", read_out=True)
    assert not named(rows, "flattened")
    np.testing.assert_array_equal(values(rows, "logits"), values(rows, "output"))


def test_the_loss_is_the_mean_over_the_positions_with_a_target() -> None:
    rows = rows_of("hello", "he", read_out=True)
    p, losses = values(rows, "probabilities"), values(rows, "losses")
    np.testing.assert_array_equal(values(rows, "targets"), [[0, 2, 2, 3, 0], [0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(values(rows, "weights"), [[1, 1, 1, 1, 0], [1, 0, 0, 0, 0]])
    assert losses[0, 1] == pytest.approx(-np.log(p[0, 1, 2]), rel=1e-5)
    assert (losses[:, 4] == 0).all()
    loss = values(rows, "loss")
    assert loss.shape == named(rows, "loss")[0].axes == ()
    assert loss == pytest.approx(losses.sum() / 5, rel=1e-6)


def test_the_loss_of_the_lesson_is_reproduced() -> None:
    """The lesson's figure: logits of two classes, target 1 1 1 at equal weights, 0.596759."""
    inputs = TraceInput.of(
        Network("none", 2, 2, head="none"),
        Vocabulary.of(["ab"]),
        {"layers.0.W_x": np.array([[0.2, 0.6], [0.7, 0.2]]), "layers.0.b_x": np.zeros(2)},
        ("abbb",),
    )
    rows = trace(inputs, read_out=True)
    np.testing.assert_allclose(values(rows, "logits")[0, :2], [[0.2, 0.7], [0.6, 0.2]])
    costs = values(rows, "losses")[0]
    third = np.log(np.exp(0.2) + np.exp(0.9)) - 0.9
    assert (costs[0] + costs[1] + third) / 3 == pytest.approx(0.596759, abs=1e-6)


def test_a_single_character_has_no_loss() -> None:
    assert not named(rows_of("h", read_out=True), "loss")


def test_a_line_is_read_from_its_boundary_and_predicted_up_to_it() -> None:
    rows = rows_of("he", "h", lines=True, read_out=True)
    assert values(rows, "input").shape == (2, 3, 5)
    np.testing.assert_array_equal(values(rows, "targets"), [[2, 1, 0], [2, 0, 0]])
    np.testing.assert_array_equal(values(rows, "weights"), [[1, 1, 1], [1, 1, 0]])


@pytest.mark.parametrize("cell", CELLS)
def test_a_bidirectional_run_gives_two_outputs_and_both_joined(cell: str) -> None:
    inputs = input_of("hello", "eol", cell=cell, layers=2)
    backward = inputs.network.draw(SeededDraw(1))
    rows = trace_bidirectional(inputs, backward)
    forward = trace(inputs)
    np.testing.assert_array_equal(values(rows, "output.forward"), values(forward, "output"))
    reversed_texts = TraceInput.of(inputs.network, inputs.vocabulary, backward, ("olleh", "loe"))
    other = values(trace(reversed_texts), "output")
    there = values(rows, "output.backward")
    np.testing.assert_allclose(there[0], other[0, ::-1], atol=1e-6)
    np.testing.assert_allclose(there[1, :3], other[1, 2::-1], atol=1e-6)
    assert (there[1, 3:] == 0).all()
    assert values(rows, "output").shape == (2, 5, 4)
    assert {row.direction for row in rows if row.step is not None} == {"forward", "backward"}
    finals = [row for row in rows if row.name == "state.h"]
    assert [(row.direction, row.layer) for row in finals] == [
        (way, layer) for way in ("forward", "backward") for layer in (0, 1)
    ]

"""The initial weights of every cell, gate by gate, for longer text and for memorized texts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from charseq.cells import CELLS
from charseq.cells.cell import shape_of
from charseq.model.numpy_ops import SeededDraw

SIZES = {"I": 3, "H": 6}
STEPS = 50
Matrix = npt.NDArray[np.float32]

BIASES: dict[tuple[str, str], Sequence[float]] = {
    ("rnn", "b_x"): (0,),
    ("rnn", "b_h"): (0,),
    ("rnn-relu", "b_x"): (0,),
    ("rnn-relu", "b_h"): (0,),
    ("rnn-norm", "b_x"): (0,),
    ("rnn-norm", "b_h"): (0,),
    ("lstm", "b_x"): (0, 1, 0, 0),
    ("lstm", "b_h"): (0, 0, 0, 0),
    ("gru", "b_x"): (0, 0, 0),
    ("gru", "b_h"): (0, 0, 0),
    ("slstm", "b_x"): (0, 1, 0, 0),
    ("mlstm", "b_x"): (0, 0, 0, 0),
    ("mingru", "b_x"): (0, 0),
    ("minlstm", "b_x"): (1, 0, 0),
    ("none", "b_x"): (0,),
}
"""The bias of each gate, for longer text."""

SLOW: dict[str, tuple[Sequence[int], Sequence[float]]] = {
    "lstm": ((-1, 1, 0, 0), (0, 1, 0, 0)),
    "gru": ((0, 1, 0), (0, 0, 0)),
    "slstm": ((-1, 1, 0, 0), (0, 1, 0, 0)),
    "mingru": ((-1, 0), (0, 0)),
    "minlstm": ((1, -1, 0), (0, 0, 0)),
}
"""For memorized texts: the sign of log(time scale) for half the units, and the bias of the other half."""

RECURRENT: dict[str, tuple[Sequence[float], Sequence[float]]] = {
    "rnn": ((1,), (1.2,)),
    "lstm": ((1, 1, 1, 1), (1, 1, 3, 1)),
    "gru": ((1, 1, 1), (1, 1, 3)),
    "slstm": ((1, 1, 1, 1), (1, 1, 3, 1)),
}
"""The gain of each orthogonal matrix in W_h: for longer text, and for memorized texts."""


def initial(cell: str, name: str, *, memorize: bool = False) -> Matrix:
    param = CELLS[cell].params[name]
    init = (param.init_to_memorize if memorize else None) or param.init
    drawn: Matrix = init(SeededDraw(1, steps=STEPS), shape_of(param.axes, SIZES), SIZES["H"])
    return drawn


def test_the_table_has_every_gate_bias() -> None:
    units = {
        (cell.name, name)
        for cell in CELLS.values()
        for name, param in cell.params.items()
        if name.startswith("b_") and "H" in param.axes
    }
    assert units == set(BIASES)
    assert {cell for cell, name in BIASES if CELLS[cell].params[name].init_to_memorize} == set(SLOW)


@pytest.mark.parametrize(("cell", "name"), BIASES)
def test_a_gate_starts_with_its_bias(cell: str, name: str) -> None:
    np.testing.assert_array_equal(initial(cell, name), np.repeat(BIASES[cell, name], SIZES["H"]))


@pytest.mark.parametrize("cell", SLOW)
def test_half_the_units_remember_over_times_up_to_the_sequence_length(cell: str) -> None:
    signs, fast = SLOW[cell]
    biases = initial(cell, "b_x", memorize=True).reshape(len(signs), SIZES["H"])
    for gate, sign, bias in zip(biases, signs, fast, strict=True):
        np.testing.assert_array_equal(gate[3:], bias)
        if sign:
            assert np.unique(gate[:3]).size == 3
            assert (gate[:3] * sign > 0).all()
            assert (gate[:3] * sign <= np.log(STEPS)).all()
        else:
            assert not gate[:3].any()
    remembered = [gate[:3] * sign for gate, sign in zip(biases, signs, strict=True) if sign]
    for times in remembered:  # forget and input gates of a unit share a time scale
        np.testing.assert_array_equal(times, remembered[0])


@pytest.mark.parametrize("cell", RECURRENT)
@pytest.mark.parametrize("memorize", [False, True])
def test_recurrent_matrices_are_orthogonal_times_a_gain(cell: str, memorize: bool) -> None:
    gains = RECURRENT[cell][memorize]
    matrices = initial(cell, "W_h", memorize=memorize).reshape(len(gains), SIZES["H"], SIZES["H"])
    for matrix, gain in zip(matrices, gains, strict=True):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(SIZES["H"]) * gain**2, atol=1e-5)


@pytest.mark.parametrize("cell", ["rnn-relu", "rnn-norm"])
def test_the_identity_matrix_is_scaled_for_longer_text(cell: str) -> None:
    np.testing.assert_allclose(initial(cell, "W_h"), np.eye(SIZES["H"]) * 0.1, rtol=1e-6)
    np.testing.assert_array_equal(initial(cell, "W_h", memorize=True), np.eye(SIZES["H"]))


def test_the_forget_gate_of_mlstm_starts_open() -> None:
    np.testing.assert_array_equal(initial("mlstm", "b_g"), [0, 4])


@pytest.mark.parametrize("cell", CELLS)
def test_input_matrices_are_uniform_up_to_one_over_the_root_of_the_hidden_size(cell: str) -> None:
    drawn = np.concatenate(
        [initial(cell, name).ravel() for name in CELLS[cell].params if name in ("W_x", "W_g")]
    )
    bound = SIZES["H"] ** -0.5
    assert np.abs(drawn).max() <= bound
    assert np.abs(drawn).max() > 0.8 * bound
    assert drawn.min() < 0 < drawn.max()


LEARNED = {
    "rnn": ("h",),
    "rnn-relu": ("h",),
    "rnn-norm": ("h",),
    "lstm": ("h", "c"),
    "gru": ("h",),
    "slstm": ("h",),
    "mlstm": ("C",),
    "mingru": ("h",),
    "minlstm": ("h",),
    "none": (),
}


def test_the_fields_of_the_initial_state_that_can_be_learned() -> None:
    assert {name: cell.learned_start for name, cell in CELLS.items()} == LEARNED

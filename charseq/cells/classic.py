"""The classic cells, in torch's conventions: weights can be copied from and to torch.nn."""

from collections.abc import Mapping
from typing import NamedTuple

from charseq.cells.cell import Cell, H, Param
from charseq.cells.initializers import Orthogonal, chrono, gates, identity, zeros
from charseq.cells.ops import UNTAPPED, Array, Ops, Tap

CEILING = 1e6
"""The largest value of a unit of rnn-relu."""


class HC(NamedTuple):
    """The state of an LSTM: the output h and the memory c."""

    h: Array
    c: Array


def rnn_step(ops: Ops, w: Mapping[str, Array], x: Array, state: H, tap: Tap = UNTAPPED) -> H:
    """Advance one step.  x [B I], state.h [B H] -> H.

        x_proj = W_x x + b_x
        h_proj = W_h h[t-1] + b_h
        h = tanh(x_proj + h_proj)

    Source: Elman 1990, "Finding structure in time"; the same as torch.nn.RNN.
    """
    x_proj = tap("x_proj", x @ w["W_x"].T + w["b_x"], "B H")
    h_proj = tap("h_proj", state.h @ w["W_h"].T + w["b_h"], "B H")
    return H(tap("h", ops.tanh(x_proj + h_proj), "B H"))


def rnn_relu_step(ops: Ops, w: Mapping[str, Array], x: Array, state: H, tap: Tap = UNTAPPED) -> H:
    """Advance one step.  x [B I], state.h [B H] -> H.

        x_proj = W_x x + b_x
        h_proj = W_h h[t-1] + b_h
        h = min(relu(x_proj + h_proj), 1000000)

    With the ceiling, the state stays finite for any input; states of trained networks are far below it.
    Otherwise the step is that of torch.nn.RNN with relu, which has no ceiling.
    Source: Le, Jaitly & Hinton 2015, arXiv:1504.00941, who initialize W_h as the identity.
    """
    x_proj = tap("x_proj", x @ w["W_x"].T + w["b_x"], "B H")
    h_proj = tap("h_proj", state.h @ w["W_h"].T + w["b_h"], "B H")
    h = ops.relu(x_proj + h_proj)
    return H(tap("h", ops.where(h > CEILING, ops.zeros(h.shape, h) + CEILING, h), "B H"))


def lstm_step(ops: Ops, w: Mapping[str, Array], x: Array, state: HC, tap: Tap = UNTAPPED) -> HC:
    """Advance one step.  x [B I], state.h and state.c [B H] -> HC.

        x_gates = W_x x + b_x, split into x_i, x_f, x_g, x_o
        h_gates = W_h h[t-1] + b_h, split into h_i, h_f, h_g, h_o
        i = sigmoid(x_i + h_i)
        f = sigmoid(x_f + h_f)
        g = tanh(x_g + h_g)
        o = sigmoid(x_o + h_o)
        c = f * c[t-1] + i * g
        h = o * tanh(c)

    Source: Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000; the same as torch.nn.LSTM.
    """
    x_gates = tap("x_gates", x @ w["W_x"].T + w["b_x"], "B 4H")
    h_gates = tap("h_gates", state.h @ w["W_h"].T + w["b_h"], "B 4H")
    i, f, g, o = ops.split(x_gates + h_gates, 4)
    i = tap("i", ops.sigmoid(i), "B H")
    f = tap("f", ops.sigmoid(f), "B H")
    g = tap("g", ops.tanh(g), "B H")
    o = tap("o", ops.sigmoid(o), "B H")
    c = tap("c", f * state.c + i * g, "B H")
    return HC(tap("h", o * ops.tanh(c), "B H"), c)


def gru_step(ops: Ops, w: Mapping[str, Array], x: Array, state: H, tap: Tap = UNTAPPED) -> H:
    """Advance one step.  x [B I], state.h [B H] -> H.  As in torch, r multiplies W_hn h + b_hn.

        x_gates = W_x x + b_x, split into x_r, x_z, x_n
        h_gates = W_h h[t-1] + b_h, split into h_r, h_z, h_n
        r = sigmoid(x_r + h_r)
        z = sigmoid(x_z + h_z)
        n = tanh(x_n + r * h_n)
        h = (1 - z) * n + z * h[t-1]

    Source: Cho et al. 2014, arXiv:1406.1078; the variant of torch.nn.GRU.
    """
    x_gates = tap("x_gates", x @ w["W_x"].T + w["b_x"], "B 3H")
    h_gates = tap("h_gates", state.h @ w["W_h"].T + w["b_h"], "B 3H")
    xr, xz, xn = ops.split(x_gates, 3)
    hr, hz, hn = ops.split(h_gates, 3)
    r = tap("r", ops.sigmoid(xr + hr), "B H")
    z = tap("z", ops.sigmoid(xz + hz), "B H")
    n = tap("n", ops.tanh(xn + r * hn), "B H")
    return H(tap("h", (1 - z) * n + z * state.h, "B H"))


def none_step(ops: Ops, w: Mapping[str, Array], x: Array, state: H, tap: Tap = UNTAPPED) -> H:
    """Advance one step.  x [B I] -> H; the previous state is not read.

        h = W_x x + b_x

    Source: the linear baseline.  If h are the logits (head none), it is multinomial logistic regression.
    """
    return H(tap("h", x @ w["W_x"].T + w["b_x"], "B H"))


RNN = Cell(
    "rnn",
    state=H,
    step=rnn_step,
    params={
        "W_x": Param("H I"),
        "W_h": Param("H H", Orthogonal(1), Orthogonal(1.2)),
        "b_x": Param("H", zeros),
        "b_h": Param("H", zeros),
    },
    summary="plain recurrent network: the smallest, with the shortest memory",
    source="Elman 1990",
)

RNN_RELU = Cell(
    "rnn-relu",
    state=H,
    step=rnn_relu_step,
    params={
        "W_x": Param("H I"),
        "W_h": Param("H H", identity(0.1), identity(1)),
        "b_x": Param("H", zeros),
        "b_h": Param("H", zeros),
    },
    summary="plain ReLU network, initialized near the identity: can count, but can explode",
    source="Le, Jaitly & Hinton 2015, arXiv:1504.00941",
)

LSTM = Cell(
    "lstm",
    state=HC,
    step=lstm_step,
    params={
        "W_x": Param("4H I"),
        "W_h": Param("4H H", Orthogonal(1, 1, 1, 1), Orthogonal(1, 1, 3, 1)),
        # The forget gate starts open, so that an untrained LSTM remembers (Jozefowicz et al. 2015).
        "b_x": Param("4H", gates(0, 1, 0, 0), chrono(-1, 1, 0, 0, fast=(0, 1, 0, 0))),
        "b_h": Param("4H", zeros),
    },
    summary="memory cell with gates: the longest memory of the three classic cells",
    source="Hochreiter & Schmidhuber 1997",
    learned_start=("h", "c"),
)

GRU = Cell(
    "gru",
    state=H,
    step=gru_step,
    params={
        "W_x": Param("3H I"),
        "W_h": Param("3H H", Orthogonal(1, 1, 1), Orthogonal(1, 1, 3)),
        "b_x": Param("3H", zeros, chrono(0, 1, 0)),
        "b_h": Param("3H", zeros),
    },
    summary="gates without a memory cell: 3/4 of an LSTM's parameters, often as good",
    source="Cho et al. 2014, arXiv:1406.1078",
)

NONE = Cell(
    "none",
    state=H,
    step=none_step,
    params={"W_x": Param("H I"), "b_x": Param("H", zeros)},
    summary="no recurrence: a baseline that sees only the current character",
    source="linear regression on the input",
    learned_start=(),
    memory=False,
)

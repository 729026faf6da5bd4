"""The three classic cells, in torch's conventions: their weights are those of torch.nn, both ways."""

from collections.abc import Mapping
from typing import NamedTuple

from charseq.cells.cell import (
    UNTAPPED,
    Array,
    Cell,
    Draw,
    Ops,
    Param,
    Tap,
    orthogonal,
    zeros,
)


class H(NamedTuple):
    """The state of a cell whose output is all it remembers."""

    h: Array


class HC(NamedTuple):
    """The state of an LSTM: the output, and the memory behind it."""

    h: Array
    c: Array


def rnn_step(ops: Ops, w: Mapping[str, Array], x: Array, state: H, tap: Tap = UNTAPPED) -> H:
    """Advance one step.  x [B I], state.h [B H] -> H.

        h = tanh(W_x x + b_x + W_h h + b_h)

    Source: Elman 1990, "Finding structure in time"; the same as torch.nn.RNN.
    """
    from_x = tap("from_x", x @ w["W_x"].T + w["b_x"], "B H")
    from_h = tap("from_h", state.h @ w["W_h"].T + w["b_h"], "B H")
    return H(tap("h", ops.tanh(from_x + from_h), "B H"))


def lstm_step(ops: Ops, w: Mapping[str, Array], x: Array, state: HC, tap: Tap = UNTAPPED) -> HC:
    """Advance one step.  x [B I], state.h and state.c [B H] -> HC.  Gates in torch's order: i f g o.

        i = sigmoid(W_xi x + b_xi + W_hi h + b_hi)
        f = sigmoid(W_xf x + b_xf + W_hf h + b_hf)
        g =    tanh(W_xg x + b_xg + W_hg h + b_hg)
        o = sigmoid(W_xo x + b_xo + W_ho h + b_ho)
        c = f * c + i * g
        h = o * tanh(c)

    Source: Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000; the same as torch.nn.LSTM.
    """
    from_x = tap("from_x", x @ w["W_x"].T + w["b_x"], "B 4H")
    from_h = tap("from_h", state.h @ w["W_h"].T + w["b_h"], "B 4H")
    i, f, g, o = ops.split(from_x + from_h, 4)
    i = tap("i", ops.sigmoid(i), "B H")
    f = tap("f", ops.sigmoid(f), "B H")
    g = tap("g", ops.tanh(g), "B H")
    o = tap("o", ops.sigmoid(o), "B H")
    c = tap("c", f * state.c + i * g, "B H")
    return HC(tap("h", o * ops.tanh(c), "B H"), c)


def gru_step(ops: Ops, w: Mapping[str, Array], x: Array, state: H, tap: Tap = UNTAPPED) -> H:
    """Advance one step.  x [B I], state.h [B H] -> H.  Torch's convention: reset after the product.

        r = sigmoid(W_xr x + b_xr + W_hr h + b_hr)
        z = sigmoid(W_xz x + b_xz + W_hz h + b_hz)
        n = tanh(W_xn x + b_xn + r * (W_hn h + b_hn))
        h = (1 - z) * n + z * h

    Source: Cho et al. 2014, arXiv:1406.1078; the variant of torch.nn.GRU.
    """
    from_x = tap("from_x", x @ w["W_x"].T + w["b_x"], "B 3H")
    from_h = tap("from_h", state.h @ w["W_h"].T + w["b_h"], "B 3H")
    xr, xz, xn = ops.split(from_x, 3)
    hr, hz, hn = ops.split(from_h, 3)
    r = tap("r", ops.sigmoid(xr + hr), "B H")
    z = tap("z", ops.sigmoid(xz + hz), "B H")
    n = tap("n", ops.tanh(xn + r * hn), "B H")
    return H(tap("h", (1 - z) * n + z * state.h, "B H"))


def open_forget_gate(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
    """Zero, but 1 for the forget gate of i f g o: a new LSTM remembers.  Source: Jozefowicz et al. 2015."""
    none = draw.constant((hidden,), 0.0)
    return draw.join([none, none + 1, none, none])


def lstm_memory(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
    """Biases of the gates i f g o: half the units remember for times of every scale, half for a few steps.

    Source: Tallec & Ollivier 2018, arXiv:1804.11188, for the first half; `open_forget_gate` for the second.
    """
    slow, fast = hidden // 2, hidden - hidden // 2
    memory = draw.logarithm(draw.time_scales(slow))
    none = draw.constant((fast,), 0.0)
    rest = draw.constant((2 * hidden,), 0.0)
    return draw.join([-memory, none, memory, none + 1, rest])


def gru_memory(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
    """Biases of the gates r z n: half the units remember for times of every scale, as in `lstm_memory`."""
    slow, fast = hidden // 2, hidden - hidden // 2
    memory = draw.logarithm(draw.time_scales(slow))
    edge = draw.constant((hidden,), 0.0)
    return draw.join([edge, memory, draw.constant((fast,), 0.0), edge])


RNN = Cell(
    "rnn",
    state=H,
    step=rnn_step,
    params={
        "W_x": Param("H I"),
        "W_h": Param("H H", orthogonal(1), orthogonal(1.2)),
        "b_x": Param("H", zeros),
        "b_h": Param("H", zeros),
    },
    summary="the plain recurrent network: smallest, and the first to forget",
    source="Elman 1990",
)

LSTM = Cell(
    "lstm",
    state=HC,
    step=lstm_step,
    params={
        "W_x": Param("4H I"),
        "W_h": Param("4H H", orthogonal(1, 1, 1, 1), orthogonal(1, 1, 3, 1)),
        "b_x": Param("4H", open_forget_gate, lstm_memory),
        "b_h": Param("4H", zeros),
    },
    summary="a memory behind gates: remembers longest of the three",
    source="Hochreiter & Schmidhuber 1997",
)

GRU = Cell(
    "gru",
    state=H,
    step=gru_step,
    params={
        "W_x": Param("3H I"),
        "W_h": Param("3H H", orthogonal(1, 1, 1), orthogonal(1, 1, 3)),
        "b_x": Param("3H", zeros, gru_memory),
        "b_h": Param("3H", zeros),
    },
    summary="gates without a separate memory: three quarters of an LSTM, often as good",
    source="Cho et al. 2014, arXiv:1406.1078",
)

"""The cells with exponential gates: sLSTM and mLSTM, of Beck et al. 2024, "xLSTM", arXiv:2405.04517.

They have one head.  Their gates are computed in logarithms, minus the running maximum m (the stabilizer): the
output does not depend on m, and no exponential overflows.
"""

from collections.abc import Mapping
from typing import NamedTuple

from charseq.cells.cell import Cell, Param
from charseq.cells.initializers import Orthogonal, chrono, gates, zeros
from charseq.cells.ops import UNTAPPED, Array, Ops, Tap


class SLSTMState(NamedTuple):
    """The state of an sLSTM: output, memory, normalizer and stabilizer, all [B H]."""

    h: Array
    c: Array
    n: Array
    m: Array


class MLSTMState(NamedTuple):
    """The state of an mLSTM: output [B H], memory C [B H H], normalizer n [B H], stabilizer m [B]."""

    h: Array
    C: Array
    n: Array
    m: Array


def slstm_step(
    ops: Ops, w: Mapping[str, Array], x: Array, state: SLSTMState, tap: Tap = UNTAPPED
) -> SLSTMState:
    """Advance one step.  x [B I], every field of state [B H] -> SLSTMState.

        x_gates = W_x x + b_x, split into x_i, x_f, x_z, x_o
        h_gates = W_h h[t-1], split into h_i, h_f, h_z, h_o
        log_i = x_i + h_i
        log_f = log(sigmoid(x_f + h_f))
        z = tanh(x_z + h_z)
        o = sigmoid(x_o + h_o)
        m = max(log_f + m[t-1], log_i); log_i at the first step
        i = exp(log_i - m)
        f = exp(min(log_f + m[t-1] - m, 0))
        c = f * c[t-1] + i * z
        n = f * n[t-1] + i
        h = o * c / n

    Source: sLSTM, arXiv:2405.04517, equations 8 to 17, with the sigmoid forget gate; the order of the gates
    and the first step are those of the package xlstm.
    """
    x_gates = tap("x_gates", x @ w["W_x"].T + w["b_x"], "B 4H")
    h_gates = tap("h_gates", state.h @ w["W_h"].T, "B 4H")
    log_i, f, z, o = ops.split(x_gates + h_gates, 4)
    log_i = tap("log_i", log_i, "B H")
    log_f = tap("log_f", ops.log_sigmoid(f), "B H")
    z = tap("z", ops.tanh(z), "B H")
    o = tap("o", ops.sigmoid(o), "B H")
    log_fm = log_f + state.m
    m = tap("m", ops.where(state.n > 0, ops.maximum(log_fm, log_i), log_i), "B H")
    i = tap("i", ops.exp(log_i - m), "B H")
    f = tap("f", ops.exp(-ops.relu(m - log_fm)), "B H")
    c = tap("c", f * state.c + i * z, "B H")
    n = tap("n", f * state.n + i, "B H")
    return SLSTMState(tap("h", o * c / n, "B H"), c, n, m)


def mlstm_inputs(
    ops: Ops, w: Mapping[str, Array], x: Array, tap: Tap = UNTAPPED
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Compute what depends on x alone: x [... I] -> q, k, v, o [... H], log_i, log_f [...]."""
    q, k, v, o = ops.split(tap("x_proj", x @ w["W_x"].T + w["b_x"], "B 4H"), 4)
    raw = tap("gates", x @ w["W_g"].T + w["b_g"], "B 2")
    return (
        tap("q", q, "B H"),
        tap("k", k * q.shape[-1] ** -0.5, "B H"),
        tap("v", v, "B H"),
        tap("o", ops.sigmoid(o), "B H"),
        tap("log_i", raw[..., 0], "B"),
        tap("log_f", ops.log_sigmoid(raw[..., 1]), "B"),
    )


def mlstm_step(
    ops: Ops, w: Mapping[str, Array], x: Array, state: MLSTMState, tap: Tap = UNTAPPED
) -> MLSTMState:
    """Advance one step.  x [B I], state (h [B H], C [B H H], n [B H], m [B]) -> MLSTMState.

        x_proj = W_x x + b_x, split into q, x_k, v, x_o
        gates = W_g x + b_g, split into g_i, g_f
        q = query, a part of x_proj
        k = x_k / sqrt(H)
        v = value, a part of x_proj
        o = sigmoid(x_o)
        log_i = g_i
        log_f = log(sigmoid(g_f))
        m = max(log_f + m[t-1], log_i)
        i = exp(log_i - m)
        f = exp(log_f + m[t-1] - m)
        C = f * C[t-1] + i * v k^T
        n = f * n[t-1] + i * k
        h = o * C q / max(|n^T q|, exp(-m))

    Source: mLSTM, arXiv:2405.04517, equations 19 to 27, stabilized as in its appendix, with the sigmoid
    forget gate.
    """
    q, k, v, o, log_i, log_f = mlstm_inputs(ops, w, x, tap)
    m = tap("m", ops.maximum(log_f + state.m, log_i), "B")
    i = tap("i", ops.exp(log_i - m), "B")
    f = tap("f", ops.exp(log_f + state.m - m), "B")
    C = tap("C", f[:, None, None] * state.C + i[:, None, None] * v[:, :, None] * k[:, None, :], "B H H")  # noqa: N806
    n = tap("n", f[:, None] * state.n + i[:, None] * k, "B H")
    weight = ops.maximum(abs((n * q).sum(-1)), ops.exp(-m))
    h = o * (C @ q[:, :, None])[:, :, 0] / weight[:, None]
    return MLSTMState(tap("h", h, "B H"), C, n, m)


SLSTM = Cell(
    "slstm",
    state=SLSTMState,
    step=slstm_step,
    params={
        "W_x": Param("4H I"),
        "W_h": Param("4H H", Orthogonal(1, 1, 1, 1), Orthogonal(1, 1, 3, 1)),
        "b_x": Param("4H", gates(0, 1, 0, 0), chrono(-1, 1, 0, 0, fast=(0, 1, 0, 0))),
    },
    summary="LSTM with an exponential input gate, which lets it revise stored values",
    source="Beck et al. 2024, arXiv:2405.04517",
    learned_start=("h",),
)

MLSTM = Cell(
    "mlstm",
    state=MLSTMState,
    step=mlstm_step,
    params={
        "W_x": Param("4H I"),
        "b_x": Param("4H", zeros),
        "W_g": Param("2 I"),
        "b_g": Param("2", gates(0, 4)),
    },
    summary="matrix memory of keys and values: trains on all steps at once",
    source="Beck et al. 2024, arXiv:2405.04517",
    state_axes={"C": "B H H", "m": "B"},
    learned_start=("C",),
)

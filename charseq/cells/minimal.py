"""The minimal cells: their gates depend on x alone, so all steps of a sequence can be computed at once.

Source: Feng et al. 2024, "Were RNNs all we needed?", arXiv:2410.01201, with the positive candidate of its
appendix B.  Two deviations: gates have biases, and the scan runs in linear space instead of logarithms.  So
the state may be negative, and the scan is exact from any state.
"""

from collections.abc import Mapping

from charseq.cells.cell import Cell, H, Param
from charseq.cells.initializers import chrono, gates
from charseq.cells.ops import UNTAPPED, Array, Ops, Tap


def mingru_gates(ops: Ops, w: Mapping[str, Array], x: Array, tap: Tap = UNTAPPED) -> tuple[Array, Array]:
    """Compute the coefficients of `mingru_step`: x [... I] -> keep, add [... H]."""
    x_z, x_n = ops.split(tap("x_gates", x @ w["W_x"].T + w["b_x"], "B 2H"), 2)
    z = tap("z", ops.sigmoid(x_z), "B H")
    n = tap("n", candidate(ops, x_n), "B H")
    return 1 - z, z * n


def mingru_step(ops: Ops, w: Mapping[str, Array], x: Array, state: H, tap: Tap = UNTAPPED) -> H:
    """Advance one step.  x [B I], state.h [B H] -> H.

        x_gates = W_x x + b_x, split into x_z, x_n
        z = sigmoid(x_z)
        n = x_n + 0.5 where x_n >= 0, else sigmoid(x_n)
        h = (1 - z) * h[t-1] + z * n

    Source: minGRU, arXiv:2410.01201.
    """
    keep, add = mingru_gates(ops, w, x, tap)
    return H(tap("h", keep * state.h + add, "B H"))


def minlstm_gates(ops: Ops, w: Mapping[str, Array], x: Array, tap: Tap = UNTAPPED) -> tuple[Array, Array]:
    """Compute the coefficients of `minlstm_step`: x [... I] -> keep, add [... H]."""
    x_f, x_i, x_n = ops.split(tap("x_gates", x @ w["W_x"].T + w["b_x"], "B 3H"), 3)
    balance = ops.log_sigmoid(x_f) - ops.log_sigmoid(x_i)
    f = tap("f", ops.sigmoid(balance), "B H")
    i = tap("i", ops.sigmoid(-balance), "B H")
    n = tap("n", candidate(ops, x_n), "B H")
    return f, i * n


def minlstm_step(ops: Ops, w: Mapping[str, Array], x: Array, state: H, tap: Tap = UNTAPPED) -> H:
    """Advance one step.  x [B I], state.h [B H] -> H.

        x_gates = W_x x + b_x, split into x_f, x_i, x_n
        f = sigmoid(x_f) / (sigmoid(x_f) + sigmoid(x_i))
        i = sigmoid(x_i) / (sigmoid(x_f) + sigmoid(x_i))
        n = x_n + 0.5 where x_n >= 0, else sigmoid(x_n)
        h = f * h[t-1] + i * n

    Source: minLSTM, arXiv:2410.01201.  The quotients are computed through logarithms, so that neither is 0/0.
    """
    keep, add = minlstm_gates(ops, w, x, tap)
    return H(tap("h", keep * state.h + add, "B H"))


def candidate(ops: Ops, x: Array) -> Array:
    """Apply the paper's g: x + 0.5 if x >= 0, else sigmoid(x).  It is continuous and never negative."""
    return ops.where(x >= 0, x + 0.5, ops.sigmoid(x))


MINGRU = Cell(
    "mingru",
    state=H,
    step=mingru_step,
    params={"W_x": Param("2H I"), "b_x": Param("2H", gates(0, 0), chrono(-1, 0))},
    summary="one gate, from x alone: trains on all steps at once; use at least two layers",
    source="Feng et al. 2024, arXiv:2410.01201",
    gates=mingru_gates,
)

MINLSTM = Cell(
    "minlstm",
    state=H,
    step=minlstm_step,
    params={"W_x": Param("3H I"), "b_x": Param("3H", gates(1, 0, 0), chrono(1, -1, 0))},
    summary="two gates, from x alone: trains on all steps at once; use at least two layers",
    source="Feng et al. 2024, arXiv:2410.01201",
    gates=minlstm_gates,
)

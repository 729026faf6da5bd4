"""A cell from outside charseq: leaky integration, written as charseq's own cells are."""

from collections.abc import Mapping

from charseq.cells.cell import Cell, H, Param
from charseq.cells.initializers import Orthogonal, zeros
from charseq.cells.ops import UNTAPPED, Array, Ops, Tap


def leaky_step(ops: Ops, w: Mapping[str, Array], x: Array, state: H, tap: Tap = UNTAPPED) -> H:
    """Advance one step.  x [B I], state.h [B H] -> H.

        leak = sigmoid(a)
        n = tanh(W_x x + W_h h[t-1] + b)
        h = (1 - leak) * h[t-1] + leak * n

    Source: Jaeger et al. 2007, "Optimization and applications of echo state networks with leaky-integrator
    neurons"; here every unit learns a leak of its own.
    """
    leak = tap("leak", ops.sigmoid(w["a"]), "H")
    n = tap("n", ops.tanh(x @ w["W_x"].T + state.h @ w["W_h"].T + w["b"]), "B H")
    return H(tap("h", (1 - leak) * state.h + leak * n, "B H"))


LEAKY = Cell(
    "leaky",
    state=H,
    step=leaky_step,
    params={
        "W_x": Param("H I"),
        "W_h": Param("H H", Orthogonal(1.2)),
        "b": Param("H", zeros),
        "a": Param("H"),
    },
    summary="units that forget at a pace of their own",
    source="Jaeger et al. 2007",
)

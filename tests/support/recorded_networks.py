"""Networks to export: every cell, every architecture, and weights like those of training."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from charseq.cells import CELLS
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from tests.example_package.charseq_example_cells import LEAKY
from tests.support.command import SIZES

EVERY_CELL = [*CELLS.values(), LEAKY]
"""The cells of charseq, and the one of the example package."""
NETWORKS: dict[str, dict[str, Any]] = {
    "one-hot": {},
    "embedding": {"embedding_size": SIZES["I"]},
    "tied": {"embedding_size": SIZES["H"], "tie_weights": True},
    "residual": {"embedding_size": SIZES["H"], "layers": 2, "residual": True, "layer_norm": True},
    "no head": {"hidden_size": SIZES["V"], "head": "none", "layers": 2},
    "learned": {"initial_state": "learned", "layers": 2},
}
"""Options of networks by name."""


def register_leaky(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the cell of the example package."""
    monkeypatch.setattr("charseq.model.network.cell_named", lambda name: {**CELLS, "leaky": LEAKY}[name])


def network_of(cell: str, options: dict[str, Any]) -> Network:
    """Return a small network; a test is skipped if the cell has no initial state to learn."""
    if options.get("initial_state") == "learned" and cell == "none":
        pytest.skip("the cell has no state")
    return Network(cell, SIZES["V"], **{"hidden_size": SIZES["H"], **options})


def random_weights(network: Network, seed: int = 0) -> dict[str, npt.NDArray[np.float32]]:
    """Return weights without zeros; the logits differ between symbols as those of a trained network do."""
    random = np.random.default_rng(seed)
    return {
        name: (array + 0.1 * random.normal(size=array.shape)).astype(np.float32)
        * np.float32(3 if name.startswith(("head.W", "embedding")) else 1)
        for name, array in network.draw(SeededDraw(seed)).items()
    }

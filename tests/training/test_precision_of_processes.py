"""Several processes that train together have products of one precision."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from charseq import native
from charseq.cells import CELLS
from charseq.errors import UsageError
from charseq.model.model_file import read
from charseq.settings.train_settings import ChosenPrecision, TrainSettings
from charseq.text.batches import Part
from charseq.training import precision
from charseq.training.kernels.select import select_path
from charseq.training.precision import agreed_precision
from charseq.training.processes import Processes
from tests.support.torchrun import train_case, trained_together

TEXT = "".join(f"{i} times {i + 1} is {i * (i + 1)}.\n" for i in range(130))
SETTINGS: dict[str, Any] = {"hidden_size": 13, "layers": 2, "batch_size": 7, "sequence_length": 11}
UPDATES = 5
"""After more updates, rounding to bfloat16 enlarges the differences between sums in another order."""
requires_kernels = pytest.mark.skipif(native.library() is None, reason="installed without a C compiler")


class Together(Processes):
    """One of two processes, without the other: `choice` is that of process 0."""

    def __init__(self, rank: int, choice: ChosenPrecision = "bfloat16", others_lacking: float = 0.0) -> None:
        self.part = Part(rank, 2)
        self._choice, self._others_lacking = choice, others_lacking

    def shared(self, value: Any) -> Any:
        """Return the choice of process 0."""
        return value if self.leads else self._choice

    def sum(self, tensor: torch.Tensor) -> None:
        """Add whether the other process lacks bfloat16."""
        tensor += self._others_lacking


def agreed(processes: Processes, **settings: Any) -> ChosenPrecision:
    large = {"cell": "gru", "hidden_size": precision.FEWEST_UNITS, "batch_size": precision.FEWEST_ROWS}
    asked, cpu = TrainSettings(**{**large, "whole": False, **settings}), torch.device("cpu")
    return agreed_precision(asked, cpu, select_path(CELLS[asked.cell], cpu, asked.kernel), processes)


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set whether the processor of this process supports bfloat16, and whether bfloat16 is fast on it."""

    def has(supported: bool, fast: bool) -> None:
        monkeypatch.setattr(precision, "has_bfloat16", lambda: supported)
        monkeypatch.setattr(precision, "bfloat16_is_fast", lambda: fast)

    return has


@requires_kernels
def test_processes_use_bfloat16_where_process_0_chooses_it_and_all_support_it(processor: Any) -> None:
    processor(supported=True, fast=True)
    assert agreed(Together(0)) == "bfloat16"
    processor(supported=True, fast=False)
    assert agreed(Together(1)) == "bfloat16"
    processor(supported=True, fast=True)
    assert agreed(Together(1, "float32")) == "float32"


@requires_kernels
def test_auto_is_float32_in_every_process_where_one_of_them_lacks_bfloat16(processor: Any) -> None:
    processor(supported=True, fast=True)
    assert agreed(Together(0, others_lacking=1.0)) == "float32"
    assert agreed(Together(1, others_lacking=1.0)) == "float32"
    processor(supported=False, fast=False)
    assert agreed(Together(1)) == "float32"


@requires_kernels
def test_a_process_that_lacks_the_bfloat16_that_is_asked_for_says_so(processor: Any) -> None:
    processor(supported=False, fast=False)
    with pytest.raises(UsageError, match="this one lacks it"):
        agreed(Together(1), precision="bfloat16")


@pytest.mark.skipif(not native.has_bfloat16(), reason="no AVX512-BF16")
@pytest.mark.long
def test_two_processes_in_bfloat16_train_the_network_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cases: dict[str, dict[str, Any]] = {
        cell: {
            "source": {"texts": [TEXT]},
            "settings": {**SETTINGS, "cell": cell, "dropout": 0.3, "precision": "bfloat16", "ngram": 0},
            "updates": UPDATES,
        }
        for cell in ("gru", "lstm", "rnn-norm", "minlstm")
    }
    trained_together(2, tmp_path, cases)
    for cell, case in cases.items():
        train_case(f"alone/{cell}", case)
        settings = {**case["settings"], "precision": "float32"}
        train_case(f"float32/{cell}", {**case, "settings": settings})
        together, alone, in_float32 = (
            read(tmp_path / folder / cell / "model.safetensors").arrays
            for folder in (".", "alone", "float32")
        )
        differences = [
            max(float(np.abs(array - alone[name]).max()) for name, array in arrays.items())
            for arrays in (together, in_float32)
        ]
        assert differences[0] < 1e-5 < differences[1], cell

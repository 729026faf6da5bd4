"""Choose the precision of matrix products; weights, states and everything element-wise are float32."""

from typing import cast

import torch

from charseq.errors import UsageError
from charseq.native import bfloat16_is_fast, has_bfloat16, kernels
from charseq.runs.resume import SavedRun
from charseq.settings.train_settings import ChosenPrecision, TrainSettings
from charseq.training.kernels.select import UnrollPath
from charseq.training.processes import Processes

FEWEST_UNITS = 256
"""The smallest hidden size for which `auto` chooses bfloat16 on a CPU."""
FEWEST_ROWS = 8
"""The smallest batch size for which `auto` chooses bfloat16 on a CPU."""
IN_FLOAT32 = ("mlstm",)
"""Cells for which `auto` does not choose bfloat16 on a CPU.

With `mlstm` (two layers of 256), the validation loss after equal updates was higher than in float32
in 7 of 9 pairs of runs, by 0.03 nats on average over all pairs.
"""


def choose_precision(
    settings: TrainSettings, device: torch.device, path: UnrollPath, resumed: SavedRun | None = None
) -> ChosenPrecision:
    """Return the precision that settings ask for; `auto` chooses by what the device supports.

    On a CPU, `auto` chooses bfloat16 only where it was measured to be faster: on some processors, for large
    products.  Text to memorize and `mlstm` stay in float32.  A resumed run keeps its precision where it can.
    Raises UsageError for bfloat16 where it is not supported.
    """
    missing = _missing_for_bfloat16(settings, device, path)
    if settings.precision == "bfloat16" and missing:
        raise UsageError(f"--precision bfloat16 {missing}", hint="use --precision auto or float32")
    if settings.precision != "auto":
        return settings.precision
    if missing:
        return "float32"
    if device.type == "cpu" and resumed is not None:
        return earlier_precision(resumed) or "float32"  # earlier versions trained in float32 on CPUs
    large = settings.hidden_size >= FEWEST_UNITS and settings.batch_size >= FEWEST_ROWS
    suitable = not settings.whole and settings.cell not in IN_FLOAT32
    faster = large and suitable and bfloat16_is_fast()
    return "bfloat16" if device.type != "cpu" or faster else "float32"


def agreed_precision(
    settings: TrainSettings,
    device: torch.device,
    path: UnrollPath,
    processes: Processes,
    resumed: SavedRun | None = None,
) -> ChosenPrecision:
    """Return the precision that process 0 chooses, in every process, if all of them support it.

    Where `auto` chooses bfloat16, and a process does not support it, all processes use float32.
    Raises UsageError in a process that does not support bfloat16 where settings ask for it.
    """
    chosen: ChosenPrecision = processes.shared(choose_precision(settings, device, path, resumed))
    lacking = torch.tensor([float(_missing_for_bfloat16(settings, device, path) is not None)])
    processes.sum(lacking)
    return "float32" if bool(lacking) else chosen


def earlier_precision(resumed: SavedRun) -> ChosenPrecision | None:
    """Return the precision of a run before it is resumed; None if it was not saved."""
    saved = resumed.state.progress.get("precision")
    return cast(ChosenPrecision, saved) if saved in ("float32", "bfloat16") else None


def _missing_for_bfloat16(settings: TrainSettings, device: torch.device, path: UnrollPath) -> str | None:
    """Return in words what products in bfloat16 lack; None if they are supported."""
    if device.type == "cuda":
        return None if torch.cuda.is_bf16_supported() else f"requires a GPU that supports it, unlike {device}"
    if device.type != "cpu":
        return f"requires a CUDA GPU or a CPU that supports it, and the device is {device}"
    if not kernels():
        return "requires native kernels on a CPU, and charseq was installed without a C compiler"
    if settings.kernel == "torch":
        return "requires native kernels on a CPU, and --kernel is torch"
    if path.kernel != "native":
        return f"requires a native kernel on a CPU, and the cell {settings.cell} has none"
    return None if has_bfloat16() else "requires a processor with AVX512-BF16, and this one lacks it"

"""The device and the number of threads of a process."""

import torch

from charseq.errors import UsageError
from charseq.settings.train_settings import TrainSettings
from charseq.training.device import device_named
from charseq.training.kernels.select import UnrollPath
from charseq.training.processes import Processes

TORCH_WORK_PER_THREAD = 1_000_000
"""Multiplications in a step of one gate from which a second thread helps PyTorch (1.1 times, measured)."""
NATIVE_WORK_PER_THREAD = 250_000
"""The same for the native kernels, which synchronize once per sequence (1.1 to 1.9 times, measured)."""


def device_of(settings: TrainSettings, processes: Processes) -> torch.device:
    """Return the device of a process: of several, each has the GPU of its number on the machine.

    Raises UsageError for a device that is not available.
    """
    device = device_named(settings.device, short_text=settings.whole)
    if processes.are_several and device.type == "mps":
        raise UsageError(
            "several processes cannot train on one Metal GPU", hint="use --device cpu, or one process"
        )
    if not processes.are_several or device.type != "cuda":
        return device
    if settings.device not in ("auto", "cuda"):
        raise UsageError(
            f"--device {settings.device} names one GPU for several processes",
            hint="use --device cuda: every process takes the GPU of its number on the machine",
        )
    device = device_named(f"cuda:{processes.local_rank}", short_text=False)
    torch.cuda.set_device(device)
    return device


def set_threads(settings: TrainSettings, path: UnrollPath, processes: Processes) -> None:
    """Use one thread where products are too small to gain from a second one."""
    enough = NATIVE_WORK_PER_THREAD if path.kernel == "native" else TORCH_WORK_PER_THREAD
    rows = settings.batch_size // processes.count
    if settings.whole or rows * settings.hidden_size**2 < enough:
        torch.set_num_threads(1)

"""Select the device to train on."""

import torch

from charseq.errors import UsageError
from charseq.native import bfloat16_is_fast, library
from charseq.settings.network_size import (
    TWO_BFLOAT16_CORES_FLOPS,
    TWO_CORES_FLOPS,
    TWO_NATIVE_CORES_FLOPS,
)
from charseq.settings.train_settings import KernelChoice, Precision

GPU_FLOPS = 2e12
"""Floating-point operations per second assumed of a GPU; a conservative guess, never measured."""


def device_named(name: str, *, short_text: bool) -> torch.device:
    """Resolve auto, cpu, cuda, cuda:N or mps.  Raises UsageError for a device that is not available.

    `auto` selects a CUDA GPU if there is one, except for short text: a CPU memorizes it before a GPU has
    started.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() and not short_text else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and (kind != "cuda" or not number.isdecimal())):
        raise UsageError(f"unknown device {name!r}", hint="use auto, cpu, cuda, cuda:N or mps")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) >= count:
            have = f"{count} CUDA GPU{'' if count == 1 else 's'}" if count else "no CUDA GPU"
            raise UsageError(f"--device {name}: this machine has {have}", hint="use --device auto or cpu")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError("--device mps: this machine has no Metal GPU", hint="use --device auto or cpu")
    return torch.device(name)


def device_flops(name: str, precision: Precision = "auto", kernel: KernelChoice = "auto") -> float:
    """Estimate the floating-point operations per second of a device, from which sizes are chosen.

    A CPU counts by its cores, and by the precision of its products; a GPU by the constant above.
    """
    if name != "cpu" and device_named(name, short_text=False).type != "cpu":
        return GPU_FLOPS
    two_cores = TWO_CORES_FLOPS if library() is None else TWO_NATIVE_CORES_FLOPS
    if bfloat16_is_fast() and precision != "float32" and kernel != "torch":
        two_cores = TWO_BFLOAT16_CORES_FLOPS
    return two_cores / 2 * torch.get_num_threads()

"""Select the device to train on."""

import torch

from charseq.errors import UsageError
from charseq.native import library
from charseq.settings.network_size import TWO_CORES_FLOPS, TWO_NATIVE_CORES_FLOPS
from charseq.settings.train_settings import Precision

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


def device_flops(name: str) -> float:
    """Estimate the floating-point operations per second of a device, from which sizes are chosen.

    A CPU counts by its cores; a GPU by the constant above.
    """
    on_gpu = name != "cpu" and device_named(name, short_text=False).type != "cpu"
    two_cores = TWO_CORES_FLOPS if library() is None else TWO_NATIVE_CORES_FLOPS
    return GPU_FLOPS if on_gpu else two_cores / 2 * torch.get_num_threads()


def uses_bfloat16(precision: Precision, device: torch.device) -> bool:
    """Return whether to compute products in bfloat16: on a CUDA GPU that supports it, by default.

    Raises UsageError where bfloat16 is requested on another device; on a CPU it is slower.
    """
    supported = device.type == "cuda" and torch.cuda.is_bf16_supported()
    if precision == "bfloat16" and not supported:
        raise UsageError(
            f"--precision bfloat16 requires a CUDA GPU that supports it, and the device is {device}",
            hint="use --precision auto or float32",
        )
    return supported and precision != "float32"

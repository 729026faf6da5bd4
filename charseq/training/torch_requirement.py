"""A clear error where PyTorch, which only training and gradients require, is missing."""

import sys
from collections.abc import Mapping
from typing import Any

from charseq.errors import CharseqError
from charseq.runs.folder import require_current_folder
from charseq.system.suspension import running_time

UNCOUNTED_SECONDS = 1.0
"""Maximum seconds of loading PyTorch that a time limit leaves out, so that a slow disk delays no command."""

_loaded = (0.0, 0.0)
"""When PyTorch was loaded, on the clock of `running_time`, and the seconds that it took."""


def require_torch(purpose: str = "training") -> None:
    """Import torch for a purpose.  Raises CharseqError where it is not installed or cannot be loaded."""
    global _loaded
    was_loaded, began = "torch" in sys.modules, running_time()
    require_current_folder()  # without it, the libraries of torch end the process while they load
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise _broken(purpose, error) from error
        raise CharseqError(f"{purpose} requires PyTorch: pip install torch") from None
    except (ImportError, OSError) as error:
        raise _broken(purpose, error) from error
    if not was_loaded:
        _loaded = began, running_time() - began


def uncounted_seconds(began: float) -> float:
    """Return the seconds of loading PyTorch that do not count for the time limit of a run.

    `began` is when the run began, on the clock of `running_time`; before that, loading does not matter.
    """
    loaded, seconds = _loaded
    return min(seconds, UNCOUNTED_SECONDS) if loaded >= began else 0.0


def flops_of_device(asked: Mapping[str, Any], processes: int = 1) -> float:
    """Return the speed in operations per second of all processes with some settings.

    `training.device` estimates that of one process.

    Raises CharseqError where PyTorch is not installed, UsageError for a device that is not available.
    """
    require_torch()
    from charseq.training.device import device_flops

    names = ("device", "precision", "kernel")
    return processes * device_flops(*(asked.get(name) or "auto" for name in names))


def _broken(purpose: str, error: Exception) -> CharseqError:
    return CharseqError(
        f"{purpose} requires PyTorch, which cannot be loaded: {error}",
        hint="install it again: pip install --force-reinstall torch",
    )

"""A clear error where PyTorch, which only training and gradients require, is missing."""

from charseq.errors import CharseqError
from charseq.runs.folder import require_current_folder
from charseq.system.suspension import running_time

loading_seconds = 0.0
"""Seconds that loading torch has taken."""
UNCOUNTED_SECONDS = 1.0
"""The most of these seconds that a time limit leaves out; a slow disk then makes no command late."""


def require_torch(purpose: str = "training") -> None:
    """Import torch for a purpose.  Raises CharseqError where it is not installed or cannot be loaded."""
    global loading_seconds
    began = running_time()
    require_current_folder()  # without it, the libraries of torch end the process while they load
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise _broken(purpose, error) from error
        raise CharseqError(f"{purpose} requires PyTorch: pip install torch") from None
    except (ImportError, OSError) as error:
        raise _broken(purpose, error) from error
    loading_seconds += running_time() - began


def _broken(purpose: str, error: Exception) -> CharseqError:
    return CharseqError(
        f"{purpose} requires PyTorch, which cannot be loaded: {error}",
        hint="install it again: pip install --force-reinstall torch",
    )

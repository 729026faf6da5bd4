"""The number of threads of this process."""

import torch


def threads() -> int:
    """Return the number of threads that products use: OMP_NUM_THREADS, or the number of cores, by default."""
    return torch.get_num_threads()


def use_threads(number: int) -> None:
    """Let products use a number of threads."""
    torch.set_num_threads(number)

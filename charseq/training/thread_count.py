"""The threads and the GPU that the runs of a process use."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def threads() -> int:
    """Return the number of threads that products use: OMP_NUM_THREADS, or the number of cores, by default."""
    return torch.get_num_threads()


def use_threads(number: int) -> None:
    """Let products use a number of threads."""
    torch.set_num_threads(number)


@contextmanager
def single_thread() -> Iterator[None]:
    """Use one thread in this context, for operations of torch whose last digits depend on their number."""
    before = threads()
    use_threads(1)
    try:
        yield
    finally:
        use_threads(before)


def use_gpu(number: int) -> None:
    """Let `--device auto` and `--device cuda` mean one of several GPUs, which processes share evenly."""
    if torch.cuda.is_available() and (count := torch.cuda.device_count()) > 1:
        torch.cuda.set_device(number % count)

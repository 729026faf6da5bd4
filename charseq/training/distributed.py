"""Several processes that train one network together: process 0 leads, and the others follow its orders.

Process 0 alone reads the options, makes every decision, and writes the run.  Each process has all weights,
and reads its part of the rows of every batch.
"""

import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import PrefixStore
from torch.distributed.algorithms.model_averaging.utils import average_parameters

from charseq.errors import CharseqError
from charseq.system.torchrun import Place
from charseq.text.batches import Part
from charseq.training.processes import Action, Array, Order, Processes
from charseq.training.rendezvous import Abort, Rendezvous, connect
from charseq.training.watch import Watch

SECONDS_TO_CONNECT = 25.0
"""Seconds within which the processes must have connected to each other."""
LONGEST_WORK = timedelta(days=7)
"""How long a process may wait for another; a lost one is noticed by its missing signs of life."""
NUMBERS = 6
"""The numbers of an order, without the keys of dropout."""


class ProcessGroup(Processes):
    """Processes that have joined."""

    def __init__(
        self,
        place: Place,
        abort: Abort,
        signaled: Callable[[], int],
        on_signal: Callable[[int], None],
    ) -> None:
        """Join the other processes, and watch them.  Raises CharseqError if that is not possible.

        `abort` ends this process at once; `signaled` returns the signal that asks it to stop, or 0, on which
        `on_signal` is called in process 0.
        """
        self.part = Part(place.rank, place.processes)
        self.local_rank = place.local_rank
        self._rendezvous = Rendezvous(connect(place, abort), place)
        is_nccl = torch.cuda.is_available() and dist.is_nccl_available()
        try:
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if is_nccl else "gloo",
                store=PrefixStore("group", self._rendezvous.store),
                rank=place.rank,
                world_size=place.processes,
                timeout=timedelta(seconds=SECONDS_TO_CONNECT),
            )
            dist.all_reduce(torch.zeros(1))
        except (RuntimeError, ValueError) as error:
            raise _no_connection(error) from error
        dist.distributed_c10d._set_pg_timeout(LONGEST_WORK)
        self._watch = Watch(self._rendezvous, place, abort, signaled, on_signal)

    def order(self, action: Action, *numbers: float, keys: Sequence[int] = ()) -> None:
        """Send an order; its numbers are exact up to 2^53."""
        message = torch.zeros(1 + NUMBERS + 2 * self.masks, dtype=torch.float64)
        values = [float(action), *numbers]
        message[: len(values)] = torch.tensor(values, dtype=torch.float64)
        if keys:
            message[1 + NUMBERS :] = torch.tensor(keys, dtype=torch.float64)
        self.broadcast(message)

    def receive(self) -> Order:
        """Wait for the next order of process 0."""
        message = torch.zeros(1 + NUMBERS + 2 * self.masks, dtype=torch.float64)
        self.broadcast(message)
        action, *numbers = message.tolist()
        return Order(Action(int(action)), numbers[:NUMBERS], [int(key) for key in numbers[NUMBERS:]])

    def sum(self, tensor: Tensor) -> None:
        """Sum: the result has the same bits in every process."""
        with self._exchange():
            dist.all_reduce(tensor)

    def collect(self, tensor: Tensor) -> None:
        """Send a tensor to process 0, or receive those of the others."""
        every = [torch.zeros_like(tensor) for _ in range(self.count)] if self.leads else None
        with self._exchange():
            dist.gather(tensor, every, dst=0)
        if every:
            tensor.copy_(torch.stack(every).sum(0))

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Average, by the function of torch's model averagers."""
        averaged = [tensor.detach() for tensor in tensors]
        with self._exchange():
            average_parameters(iter(averaged), dist.distributed_c10d._get_default_group())  # type: ignore[arg-type]
        for tensor, value in zip(tensors, averaged, strict=True):
            tensor.copy_(value)

    def broadcast(self, tensor: Tensor) -> None:
        """Send a tensor of process 0, or receive it."""
        with self._exchange():
            dist.broadcast(tensor, src=0)

    def shared(self, value: Any) -> Any:
        """Send a value of process 0 as JSON, or receive it."""
        data = _bytes(json.dumps(value))
        size = torch.tensor([len(data)])
        self.broadcast(size)
        if not self.leads:
            data = torch.zeros(int(size), dtype=torch.uint8)
        self.broadcast(data)
        return value if self.leads else json.loads(data.numpy().tobytes())

    def array(self, value: Array) -> Array:
        """Send an array of process 0, or receive it."""
        data = torch.from_numpy(np.ascontiguousarray(value).reshape(-1).view(np.uint8).copy())
        self.broadcast(data)
        return data.numpy().view(value.dtype).reshape(value.shape)

    def joined(self, part: Array) -> Array:
        """Send an array to process 0, which receives one after the other."""
        sizes = torch.zeros(self.count, dtype=torch.int64)
        sizes[self.part.rank] = len(part)
        self.sum(sizes)
        with self._exchange():
            if not self.leads:
                if part.size:
                    dist.send(torch.from_numpy(np.ascontiguousarray(part)), dst=0)
                return part
            every = [part]
            for rank, size in enumerate(sizes.tolist()[1:], 1):
                received = torch.from_numpy(np.empty((size, *part.shape[1:]), part.dtype))
                if received.numel():
                    dist.recv(received, src=rank)
                every.append(received.numpy())
        return np.concatenate(every)

    def of_this_machine(self, value: str) -> str:
        """Exchange strings; torchrun numbers the processes of a machine one after the other."""
        mine = _bytes(value.ljust(1))
        size = torch.tensor([len(mine)])
        with self._exchange():
            dist.all_reduce(size, op=dist.ReduceOp.MAX)
            padded = torch.full((int(size),), ord(" "), dtype=torch.uint8)
            padded[: len(mine)] = mine
            every = [torch.zeros_like(padded) for _ in range(self.count)]
            dist.all_gather(every, padded)
        return every[self.part.rank - self.local_rank].numpy().tobytes().decode().rstrip(" ")

    def leave(self, exit_code: int) -> None:
        """Leave the other processes at the end; process 0 orders the exit code of the others."""
        if self.leads:
            self.order(Action.END, exit_code)
        self._close()

    def fail(self, exit_code: int) -> int | None:
        """Leave the other processes after an error; return the exit code of process 0 if that has failed."""
        try:
            return self._rendezvous.fail(exit_code)
        except RuntimeError:  # the store is gone
            return None
        finally:
            self._close()

    def _close(self) -> None:
        self._watch.stop()
        with suppress(RuntimeError):
            dist.destroy_process_group()
            self._rendezvous.leave()

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """Exchange tensors.  Raises CharseqError if a process was lost."""
        try:
            yield
        except RuntimeError as error:
            raise self._rendezvous.lost(error) from error


def _bytes(text: str) -> Tensor:
    return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)


def _no_connection(error: Exception) -> CharseqError:
    """Return the error for a network by which the processes do not reach each other."""
    names = [name for _, name in socket.if_nameindex()]
    chosen = os.environ.get("GLOO_SOCKET_IFNAME")
    if chosen and chosen not in names:
        message = (
            f"GLOO_SOCKET_IFNAME names the network interface {chosen!r}, which this machine does not have"
        )
    else:
        message = f"the processes cannot connect to each other: {str(error).splitlines()[0]}"
    return CharseqError(
        message,
        hint="set GLOO_SOCKET_IFNAME (NCCL_SOCKET_IFNAME on GPUs) on every machine to the interface "
        f"that reaches the others; this machine has {', '.join(names)}",
    )

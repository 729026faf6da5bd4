"""The main process of `charseq compare --jobs`: it starts workers, gives them trials, and collects events."""

import contextlib
import math
import os
import shlex
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import ModuleType

from charseq.cli.job_messages import (
    Comparison,
    FromWorker,
    Measured,
    Opened,
    Order,
    Request,
    ToWorker,
    decoded,
    encoded_order,
)
from charseq.cli.job_worker import BLOCKED, work
from charseq.cli.signals import Stop
from charseq.comparison import Result
from charseq.errors import CharseqError
from charseq.events import Event
from charseq.runs.folder import MODEL

SECONDS_BETWEEN_CHECKS = 0.1
"""Longest time until a request to stop reaches the workers."""
SECONDS_TO_END = 10.0
"""Longest wait for the end of a worker that saves its run."""
SECONDS_TO_ANSWER = 20.0
"""Longest wait for a worker of torchrun after a stop; torchrun ends all processes after 30 seconds."""
NO_TRIAL = -1
"""The index of the trial of a worker that has none."""


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_of_each(jobs: int) -> int | None:
    """Return the number of threads of each of several processes; None if OMP_NUM_THREADS sets it."""
    return None if "OMP_NUM_THREADS" in os.environ else max(1, cores() // jobs)


class Worker(ABC):
    """A worker as the main process sees it, and the trial that it runs."""

    def __init__(self) -> None:
        self.trial = NO_TRIAL
        self.run: str | None = None
        """The folder of its run."""
        self.has_finished = False
        """Whether it has received the message that no trials are left."""
        self.pipe: Connection | None = None
        """Where its messages arrive, if that is a pipe."""

    def has_message(self) -> bool:
        """Return whether a message has arrived otherwise than in a pipe."""
        return False

    @abstractmethod
    def send(self, order: ToWorker) -> None:
        """Send an order, unless the worker has ended."""

    @abstractmethod
    def receive(self) -> FromWorker | None:
        """Return the next message, which `ready` has announced; None if the worker has ended."""

    @abstractmethod
    def disconnect(self) -> None:
        """Let a worker that still trains save its run and end."""

    @abstractmethod
    def wait(self) -> int | None:
        """Wait for the end of the worker, and return its exit code; None if it does not end."""


class LocalWorker(Worker):
    """A worker process that this process has started."""

    def __init__(self, comparison: Comparison, threads: int | None, number: int) -> None:
        """Start it, one of several by its number; `threads` is None if the environment sets them."""
        super().__init__()
        context = get_context("spawn")
        self.pipe: Connection
        orders, self._orders = context.Pipe(duplex=False)
        self.pipe, events = context.Pipe(duplex=False)
        self._process = context.Process(target=work, args=(comparison, orders, events, number), daemon=True)
        with _threads_of_child(threads), _blocked_signals(), _no_main_module():
            self._process.start()
        orders.close()
        events.close()

    def send(self, order: ToWorker) -> None:
        """Send an order, unless the process has ended."""
        with contextlib.suppress(OSError):
            self._orders.send_bytes(encoded_order(order))

    def receive(self) -> FromWorker | None:
        """Return the next message; None if the process has ended."""
        try:
            return decoded(self.pipe.recv_bytes())
        except (EOFError, OSError):
            return None

    def disconnect(self) -> None:
        """Close the connections, as if this process had ended."""
        self._orders.close()
        self.pipe.close()

    def wait(self) -> int | None:
        """Wait for the end of the process, and return its exit code; None if it does not end."""
        self._process.join(SECONDS_TO_END)
        return self._process.exitcode


def ready(workers: Sequence[Worker]) -> list[Worker]:
    """Wait a moment, and return the workers with a message."""
    pipes = [worker.pipe for worker in workers if worker.pipe]
    announced = wait(pipes, SECONDS_BETWEEN_CHECKS)
    if not pipes:
        time.sleep(SECONDS_BETWEEN_CHECKS)
    return [worker for worker in workers if worker.pipe in announced or worker.has_message()]


def start(comparison: Comparison, jobs: int) -> Iterator[Worker]:
    """Start a number of processes."""
    threads = threads_of_each(jobs)
    return (LocalWorker(comparison, threads, number) for number in range(jobs))


class Jobs:
    """Several processes that run the trials of a comparison, in order, each one trial after another."""

    def __init__(self, comparison: Comparison, stop: Stop, open_comparison: Callable[[], Path]) -> None:
        """Prepare; `open_comparison` returns the folder of the comparison, once there is a run to save."""
        self._comparison, self._stop, self._open_comparison = comparison, stop, open_comparison
        self._results = [Result(trial) for trial in comparison.trials]
        self._next = 0
        self._workers: list[Worker] = []
        self._failures: dict[int, Exception] = {}
        self._is_stopping = False
        self._deadline = math.inf
        """When a worker that cannot be waited for counts as lost."""

    def run(self, workers: Iterator[Worker]) -> Generator[tuple[Result, Event], None, None]:
        """Run all trials, and yield events with the results of their trials; iterating starts the workers.

        The first failure of a trial, or the end of a process, stops the others, which save their runs; it is
        raised once they have ended.  So does a trial that is interrupted.
        """
        try:
            self._workers.extend(workers)
            while self._workers:
                for worker in ready(self._workers):
                    yield from self._answer(worker, worker.receive())
                if (self._stop() or self._failures) and not self._is_stopping:
                    self._is_stopping = True
                    self._deadline = time.monotonic() + SECONDS_TO_ANSWER
                    for worker in self._workers:
                        worker.send(Order.STOP)
                if time.monotonic() > self._deadline:
                    for worker in [worker for worker in self._workers if worker.pipe is None]:
                        self._remove(worker, is_lost=True)
        finally:
            for worker in self._workers:
                worker.disconnect()
            for worker in self._workers:
                worker.wait()
        if self._failures:
            raise self._failures[min(self._failures)]

    def _answer(self, worker: Worker, message: FromWorker | None) -> Iterator[tuple[Result, Event]]:
        """Do what a message of a worker asks for, and yield its event."""
        if message is None:
            self._remove(worker)
        elif message is Request.TRIAL:
            self._order_trial(worker)
        elif isinstance(message, Request):
            try:
                worker.send(self._open_comparison())
            except CharseqError as error:
                self._failures[worker.trial] = error
        elif isinstance(message, Measured):
            trial = worker.trial
            self._results[trial] = result = message.of_trial(self._results[trial].trial)
            if result.status == "interrupted" and not self._is_stopping:
                self._stop.signal = signal.SIGTERM  # the worker received it
            self._order_trial(worker)
            yield result, message.end
        elif isinstance(message, Exception):
            self._failures[worker.trial] = message
        elif isinstance(message, Opened):
            worker.run = message.run
        else:
            yield self._results[worker.trial], message

    def _order_trial(self, worker: Worker) -> None:
        """Give a worker its next trial, or let it end."""
        trials = self._comparison.trials
        worker.trial, worker.run = NO_TRIAL, None
        if self._stop() or self._is_stopping or self._next == len(trials):
            worker.has_finished = True
            worker.send(Order.FINISH)
            return
        if not trials[self._next].is_ngram:
            self._stop.training_started = True  # before the worker begins, so that a signal lets it save
        worker.trial = self._next
        self._next += 1
        worker.send(worker.trial)

    def _remove(self, worker: Worker, *, is_lost: bool = False) -> None:
        """Remove a worker that has ended, or that does not answer."""
        self._workers.remove(worker)
        worker.disconnect()
        code = worker.wait()
        if code or is_lost or not (worker.has_finished or self._is_stopping):
            self._failures.setdefault(worker.trial, self._ended(worker, None if is_lost else code))

    def _ended(self, worker: Worker, code: int | None) -> CharseqError:
        """Return the error for a worker that ended before its trial; without a code, it does not answer."""
        what = "a process of --jobs"
        if worker.trial != NO_TRIAL:
            settings = self._comparison.trials[worker.trial].settings
            what = f"the process of {settings.cell}, seed {settings.seed},"
        how, hint = "does not answer", "another message may tell how it ended"
        if code is not None:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            hint = "if memory ran out, use fewer --jobs"
        if worker.run and (Path(worker.run) / MODEL).exists():
            hint += f"; to resume its run: {shlex.join(['charseq', 'train', '--resume', worker.run])}"
        return CharseqError(f"{what} {how}", hint=hint)


@contextlib.contextmanager
def _threads_of_child(threads: int | None) -> Iterator[None]:
    """Set the number of threads of processes that start in this context."""
    if threads is None:
        yield
        return
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        yield
    finally:
        del os.environ["OMP_NUM_THREADS"]


@contextlib.contextmanager
def _blocked_signals() -> Iterator[None]:
    """Block signals that would end a process that starts in this context, until it handles them.

    The thread that handles the signals of this process receives them meanwhile.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starting it later would unblock them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _no_main_module() -> Iterator[None]:
    """Let processes that start in this context not import the main module: it may be any script."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main

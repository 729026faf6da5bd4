"""The main process of `charseq compare --jobs`: it starts workers, gives them trials, and collects events."""

import contextlib
import os
import shlex
import signal
from collections.abc import Callable, Generator, Iterator
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path

from charseq.cli.job_messages import Comparison, FromWorker, Order, Request, ToWorker
from charseq.cli.job_worker import BLOCKED, work
from charseq.cli.signals import Stop
from charseq.comparison import Result
from charseq.errors import CharseqError
from charseq.events import Event, Start
from charseq.runs.folder import MODEL

SECONDS_BETWEEN_CHECKS = 0.1
"""Longest time until a request to stop reaches the workers."""
SECONDS_TO_END = 10.0
"""Longest wait for the end of a worker that saves its run."""
NO_TRIAL = -1
"""The index of the trial of a worker that has none."""


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_of_each(jobs: int) -> int | None:
    """Return the number of threads of each of several processes; None if OMP_NUM_THREADS sets it."""
    return None if "OMP_NUM_THREADS" in os.environ else max(1, cores() // jobs)


class _Worker:
    """A worker process, and the trial that it runs."""

    def __init__(self, comparison: Comparison, threads: int | None) -> None:
        context = get_context("spawn")
        orders, self._orders = context.Pipe(duplex=False)
        self.events, events = context.Pipe(duplex=False)
        self.trial = NO_TRIAL
        self.run: str | None = None
        """The folder of its run."""
        self.process = context.Process(target=work, args=(comparison, orders, events), daemon=True)
        with _threads_of_child(threads), _blocked_signals():
            self.process.start()
        orders.close()
        events.close()

    def send(self, order: ToWorker) -> None:
        """Send an order, unless the process has ended."""
        with contextlib.suppress(OSError):
            self._orders.send(order)

    def receive(self) -> FromWorker | None:
        """Return the next message; None if the process has ended."""
        try:
            message: FromWorker = self.events.recv()
        except (EOFError, OSError):
            return None
        return message

    def disconnect(self) -> None:
        """Close the connections; a process that still trains saves its run and ends."""
        self._orders.close()
        self.events.close()

    def wait(self) -> int | None:
        """Wait for the end of the process, and return its exit code; None if it does not end."""
        self.process.join(SECONDS_TO_END)
        return self.process.exitcode


class Jobs:
    """Several processes that run the trials of a comparison, in order, each one trial after another."""

    def __init__(self, comparison: Comparison, stop: Stop, open_comparison: Callable[[], Path]) -> None:
        """Prepare; `open_comparison` returns the folder of the comparison, once there is a run to save."""
        self._comparison, self._stop, self._open_comparison = comparison, stop, open_comparison
        self._results = [Result(trial) for trial in comparison.trials]
        self._next = 0
        self._workers: list[_Worker] = []
        self._failures: dict[int, Exception] = {}
        self._is_stopping = False

    def run(self, jobs: int) -> Generator[tuple[Result, Event], None, None]:
        """Run all trials in a number of processes, and yield events with the results of their trials.

        The first failure of a trial, or the end of a process, stops the others, which save their runs; it is
        raised once they have ended.  So does a trial that is interrupted.
        """
        try:
            threads = threads_of_each(jobs)
            for _ in range(jobs):
                self._workers.append(_Worker(self._comparison, threads))
            while self._workers:
                ready = wait([worker.events for worker in self._workers], SECONDS_BETWEEN_CHECKS)
                for worker in [worker for worker in self._workers if worker.events in ready]:
                    yield from self._answer(worker, worker.receive())
                if (self._stop() or self._failures) and not self._is_stopping:
                    self._is_stopping = True
                    for worker in self._workers:
                        worker.send(Order.STOP)
        finally:
            for worker in self._workers:
                worker.disconnect()
            for worker in self._workers:
                worker.wait()
        if self._failures:
            raise self._failures[min(self._failures)]

    def _answer(self, worker: _Worker, message: FromWorker | None) -> Iterator[tuple[Result, Event]]:
        """Do what a message of a worker asks for, and yield its event."""
        if message is None:
            self._remove(worker)
        elif message is Request.TRIAL:
            self._order_trial(worker)
        elif message is Request.FOLDER:
            try:
                worker.send(self._open_comparison())
            except CharseqError as error:
                self._failures[worker.trial] = error
        elif isinstance(message, Result):
            result = self._results[worker.trial]
            result.take(message)
            if result.status == "interrupted" and not self._is_stopping:
                self._stop.signal = signal.SIGTERM  # the worker received it
            self._order_trial(worker)
            if result.end:
                yield result, result.end
        elif isinstance(message, Exception):
            self._failures[worker.trial] = message
        elif not isinstance(message, Request):
            if isinstance(message, Start):
                worker.run = message.run
            yield self._results[worker.trial], message

    def _order_trial(self, worker: _Worker) -> None:
        """Give a worker its next trial, or let it end."""
        trials = self._comparison.trials
        worker.trial, worker.run = NO_TRIAL, None
        if self._stop() or self._is_stopping or self._next == len(trials):
            worker.send(Order.FINISH)
            return
        if not trials[self._next].is_ngram:
            self._stop.training_started = True  # before the worker begins, so that a signal lets it save
        worker.trial = self._next
        self._next += 1
        worker.send(worker.trial)

    def _remove(self, worker: _Worker) -> None:
        """Remove a worker that has ended."""
        self._workers.remove(worker)
        worker.disconnect()
        code = worker.wait()
        if code or (worker.trial != NO_TRIAL and not self._is_stopping):
            self._failures.setdefault(worker.trial, self._ended(worker, code))

    def _ended(self, worker: _Worker, code: int | None) -> CharseqError:
        """Return the error for a worker that ended before its trial."""
        what = "a process of --jobs"
        if worker.trial != NO_TRIAL:
            settings = self._comparison.trials[worker.trial].settings
            what = f"the process of {settings.cell}, seed {settings.seed},"
        killed = code is not None and code < 0
        how = f"was killed by signal {-(code or 0)}" if killed else f"ended with exit code {code}"
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
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

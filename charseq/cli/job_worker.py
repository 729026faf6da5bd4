"""A worker process of `charseq compare --jobs`: it runs trials, and sends events to the main process."""

import contextlib
import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from charseq.cli import streams
from charseq.cli.job_messages import (
    Channel,
    Comparison,
    FromWorker,
    Measured,
    Opened,
    Order,
    Request,
    ToWorker,
    decoded_order,
    encoded,
)
from charseq.cli.signals import Stop, handle_signals
from charseq.comparison import Result, Trial
from charseq.events import Epoch, Progress, Start
from charseq.system.signals import install

if TYPE_CHECKING:
    from charseq.runs.folder import Run

SECONDS_BETWEEN_EVENTS = 0.1
"""Shortest time between two events that are sent for the display of the progress."""
SECONDS_BETWEEN_CHECKS = 0.1
"""Longest time until a worker without a run notices that it received SIGTERM."""
OF_THE_MAIN_PROCESS = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]
"""Signals that a terminal sends to all processes; the main process answers them."""
BLOCKED = [*OF_THE_MAIN_PROCESS, signal.SIGTERM]
"""Signals that a worker blocks from its start until it handles them."""


def work(comparison: Comparison, orders: Connection, events: Connection, number: int) -> None:
    """Run the trials that the main process orders, then end this process, one of several by its number."""
    streams.set_quiet(True)
    install(dict.fromkeys(OF_THE_MAIN_PROCESS, signal.SIG_IGN))
    with handle_signals() as stop:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)
        Worker(comparison, Pipes(orders, events), stop, number).run()
    os._exit(0)  # without a last collection of the objects of torch, which would take a second


class Pipes:
    """The connection to the main process that has started this one."""

    def __init__(self, orders: Connection, events: Connection) -> None:
        self._orders, self._events = orders, events

    def send(self, message: bytes) -> None:
        """Send a message.  Raises OSError if the main process has ended."""
        self._events.send_bytes(message)

    def receive(self) -> bytes:
        """Wait for the next message.  Raises EOFError or OSError if the main process has ended."""
        return self._orders.recv_bytes()

    def close(self) -> None:
        """Leave it to the end of this process to close the pipes."""


class _StoppedError(Exception):
    """A stop was requested before the run had a folder."""


class Worker:
    """Runs trials in the main thread; orders arrive in another, so that a stop reaches a run in progress."""

    def __init__(self, comparison: Comparison, channel: Channel, stop: Stop, number: int) -> None:
        """Prepare; `number` chooses one of several GPUs."""
        self._comparison, self._channel, self._signaled, self._number = comparison, channel, stop, number
        stop.training_started = True  # SIGTERM does not end the process, but stops the run
        self._arrived: SimpleQueue[ToWorker | None] = SimpleQueue()
        self._is_training = self._is_counting = self._is_ordered_to_stop = False
        self._threads = 1

    def run(self) -> None:
        """Run trials until the main process orders the end."""
        threading.Thread(target=self._receive, daemon=True).start()
        try:
            self._load()
        except Exception as error:
            self._send(error)
        else:
            self._send(Request.TRIAL)
        while isinstance(number := self._next_order(), int):
            trial = self._comparison.trials[number]
            try:
                result = self._counted(trial) if trial.is_ngram else self._trained(number, trial)
                self._send(result)
            except _StoppedError:
                return
            except Exception as error:
                self._send(error)

    def _stop(self) -> bool:
        """Return whether to stop, by an order or a signal."""
        return self._is_ordered_to_stop or self._signaled()

    def _load(self) -> None:
        """Load PyTorch, if a network is trained."""
        if any(not trial.is_ngram for trial in self._comparison.trials):
            from charseq.training.torch_requirement import require_torch

            require_torch()
            from charseq.training.thread_count import threads

            self._threads = threads()

    def _receive(self) -> None:
        """Receive orders until there are no more, or the main process has ended."""
        order: ToWorker | None = Order.STOP
        while order not in (None, Order.FINISH):
            try:
                order = decoded_order(self._channel.receive())
            except (EOFError, OSError):
                order = None
            if order is None and (self._stop() or not self._is_training):
                os._exit(1)  # there is nothing to save, or the main process did not wait for it
            if order in (None, Order.STOP):
                self._is_ordered_to_stop = True
                if self._is_counting:  # nothing to save
                    self._channel.close()
                    os._exit(0)
            self._arrived.put(order)

    def _next_order(self) -> ToWorker | None:
        """Wait for an order; return None if there is none because of a stop."""
        while True:
            with contextlib.suppress(Empty):
                return self._arrived.get(timeout=SECONDS_BETWEEN_CHECKS)
            if self._stop():
                return None

    def _send(self, message: FromWorker) -> None:
        """Send a message, unless the main process has ended, which the other thread notices."""
        with contextlib.suppress(OSError, EOFError):
            self._channel.send(encoded(message))

    def _counted(self, trial: Trial) -> Measured:
        """Count an n-gram model, and return its result."""
        from charseq.training.ngram import measure

        self._is_counting = True
        if self._stop():
            raise _StoppedError
        result = Result(trial)
        counted = measure(self._comparison.corpus, self._comparison.vocabulary, trial.settings)
        end = result.finish_counting(counted)
        self._is_counting = False
        return Measured.of(result, end)

    def _trained(self, number: int, trial: Trial) -> Measured:
        """Train a network, send its events, and return its result."""
        from charseq.runs.prepare import plan_run
        from charseq.training.loop import train
        from charseq.training.thread_count import use_gpu, use_threads

        def open_folder() -> "Run":
            return self._open_folder(number)

        comparison = self._comparison
        self._is_training = True
        if self._stop():
            raise _StoppedError
        use_threads(self._threads)
        if trial.settings.device in ("auto", "cuda"):
            use_gpu(self._number)
        plan = plan_run(
            comparison.corpus,
            comparison.vocabulary,
            trial.settings,
            open_folder=open_folder,
            source=comparison.source,
        )
        result, sent_at = Result(trial), 0.0
        for event in train(plan, stop=self._stop):
            result.update(event)
            if isinstance(event, Start):
                self._send(Opened(event.run))
            elif isinstance(event, Epoch | Progress):
                if time.monotonic() - sent_at >= SECONDS_BETWEEN_EVENTS:
                    self._send(_progress(event))
                    sent_at = time.monotonic()
            else:
                measured = Measured.of(result, event)
        self._is_training = False
        return measured

    def _open_folder(self, number: int) -> "Run":
        """Open the folder of a run, whose number is that of the trial among the networks."""
        from charseq.runs.folder import new_run

        if self._stop():
            raise _StoppedError
        self._send(Request.FOLDER)
        if not isinstance(folder := self._next_order(), Path):
            raise _StoppedError
        trials = self._comparison.trials
        networks = sum(not trial.is_ngram for trial in trials[: number + 1])
        return new_run(trials[number].settings.cell, comparison=folder, number=networks)


def _progress(event: Epoch | Progress) -> Progress:
    """Return an event of a run in progress as a small message."""
    speed, seconds = event.characters_per_second, event.seconds
    return Progress(event.epoch, event.done, event.loss, speed, seconds, passes=event.passes)

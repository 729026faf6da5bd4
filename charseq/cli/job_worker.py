"""A worker process of `charseq compare --jobs`: it runs trials, and sends events to the main process."""

import contextlib
import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from charseq.cli import streams
from charseq.cli.job_messages import Comparison, FromWorker, Order, Request, ToWorker
from charseq.cli.signals import Stop, handle_signals
from charseq.comparison import Result, Trial
from charseq.events import End, Start
from charseq.system.signals import install

if TYPE_CHECKING:
    from charseq.runs.folder import Run

SECONDS_BETWEEN_EVENTS = 0.1
"""Shortest time between two events that are sent for the display of the progress."""
OF_THE_MAIN_PROCESS = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]
"""Signals that a terminal sends to all processes; the main process answers them."""
BLOCKED = [*OF_THE_MAIN_PROCESS, signal.SIGTERM]
"""Signals that a worker blocks from its start until it handles them."""


def work(
    comparison: Comparison,
    orders: "Connection[FromWorker, ToWorker]",
    events: "Connection[FromWorker, ToWorker]",
) -> None:
    """Run the trials that the main process orders, then end this process."""
    streams.set_quiet(True)
    install(dict.fromkeys(OF_THE_MAIN_PROCESS, signal.SIG_IGN))
    with handle_signals() as stop:
        stop.training_started = True  # at SIGTERM, save the run
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)
        _Worker(comparison, orders, events, stop).run()
    os._exit(0)  # without a last collection of the objects of torch, which would take a second


class _StoppedError(Exception):
    """A stop was requested before the run had a folder."""


class _Worker:
    """Runs trials in the main thread; orders arrive in another, so that a stop reaches a run in progress."""

    def __init__(self, comparison: Comparison, orders: Connection, events: Connection, stop: Stop) -> None:
        self._comparison, self._orders, self._events, self._stop = comparison, orders, events, stop
        self._arrived: SimpleQueue[ToWorker | None] = SimpleQueue()
        self._is_training = self._is_counting = False
        self._threads = 1

    def run(self) -> None:
        """Run trials until the main process orders the end."""
        threading.Thread(target=self._receive, daemon=True).start()
        try:
            self._load()
        except Exception as error:
            self._send(_sendable(error))
        else:
            self._send(Request.TRIAL)
        while isinstance(number := self._arrived.get(), int):
            trial = self._comparison.trials[number]
            try:
                result = self._counted(trial) if trial.is_ngram else self._trained(number, trial)
                self._send(result)
            except _StoppedError:
                return
            except Exception as error:
                self._send(_sendable(error))

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
                order = self._orders.recv()
            except (EOFError, OSError):
                order = None
            if order is None and (self._stop() or not self._is_training):
                os._exit(1)  # there is nothing to save, or the main process did not wait for it
            if order in (None, Order.STOP):
                self._stop.signal = signal.SIGTERM
                if self._is_counting:  # nothing to save
                    os._exit(0)
            self._arrived.put(order)

    def _send(self, message: FromWorker) -> None:
        """Send a message, unless the main process has ended, which the other thread notices."""
        with contextlib.suppress(OSError):
            self._events.send(message)

    def _counted(self, trial: Trial) -> Result:
        """Count an n-gram model, and return its result."""
        from charseq.training.ngram import measure

        self._is_counting = True
        if self._stop():
            raise _StoppedError
        result = Result(trial)
        result.finish_counting(measure(self._comparison.corpus, self._comparison.vocabulary, trial.settings))
        self._is_counting = False
        return result

    def _trained(self, number: int, trial: Trial) -> Result:
        """Train a network, send its events, and return its result."""
        from charseq.runs.prepare import plan_run
        from charseq.training.loop import train
        from charseq.training.thread_count import use_threads

        def open_folder() -> "Run":
            return self._open_folder(number)

        comparison = self._comparison
        self._is_training = True
        if self._stop():
            raise _StoppedError
        use_threads(self._threads)
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
            if isinstance(event, End):
                break
            if isinstance(event, Start) or time.monotonic() - sent_at >= SECONDS_BETWEEN_EVENTS:
                self._send(event)
                sent_at = time.monotonic()
        self._is_training = False
        return result

    def _open_folder(self, number: int) -> "Run":
        """Open the folder of a run, whose number is that of the trial among the networks."""
        from charseq.runs.folder import new_run

        if self._stop():
            raise _StoppedError
        self._send(Request.FOLDER)
        if not isinstance(folder := self._arrived.get(), Path):
            raise _StoppedError
        trials = self._comparison.trials
        networks = sum(not trial.is_ngram for trial in trials[: number + 1])
        return new_run(trials[number].settings.cell, comparison=folder, number=networks)


def _sendable(error: Exception) -> Exception:
    """Return an error, with its traceback as a note, or a description of one that cannot be sent."""
    import traceback

    error.add_note("".join(traceback.format_exception(error)))
    try:
        ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error

"""Continuous batching: one thread steps the choices of all clients side by side."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from charseq.model.model_file import Model
from charseq.model.numpy_ops import ignore_overflow
from charseq.serving.batch import Batch
from charseq.serving.choice import Choice
from charseq.serving.errors import APIError, failed, invalid, overloaded, stopping
from charseq.serving.prompt_reading import PromptReader

PUBLISH_SECONDS = 0.05
"""The interval at which new text is handed to streams."""
IDLE_SECONDS = 1.0
"""The time after which the idle thread looks for work by itself."""
WAITING_SYMBOLS = 1 << 24
"""Maximum number of symbols of all prompts that wait."""

Publish = Callable[[Sequence[Choice]], None]
"""Tells the thread of the connections which choices have something new."""


class Engine:
    """The only thread that reads with the model.

    At most `capacity` choices are continued side by side; at most `queue` more wait.
    """

    def __init__(self, model: Model, *, capacity: int = 64, queue: int = 256) -> None:
        self.model, self.capacity, self.queue = model, capacity, queue
        self.publish: Publish = lambda choices: None
        self.report: Callable[[BaseException], None] = lambda error: None
        """Reports an error that is a bug."""
        self._batch = Batch(model, capacity)
        self._prompts = PromptReader(model)
        self._lock = threading.Lock()
        self._waiting: deque[Choice] = deque()
        self._waiting_symbols = 0
        self._running: set[Choice] = set()
        self._wake = threading.Event()
        self._canceled = False
        self._accepts = True
        self._stop_at: float | None = None
        self._published_at = 0.0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, grace: float = 0.0) -> None:
        """Refuse new choices, and end after `grace` seconds, or when no choice is left."""
        self._accepts = False
        self._stop_at = time.monotonic() + grace
        self._wake.set()

    def join(self, timeout: float) -> None:
        """Wait for the end of the thread."""
        self._thread.join(timeout)

    @property
    def load(self) -> tuple[int, int]:
        """The number of choices that are continued, and of those that wait."""
        return len(self._running), len(self._waiting)

    def submit(self, choices: Sequence[Choice]) -> None:
        """Queue choices; all of them or none.  Raises APIError if the queue is full, or too small."""
        if len(choices) > self.queue + self.capacity:
            most = f"{len(choices):,} completions, and the server takes {self.queue + self.capacity:,}"
            raise invalid(f"the request has {most}", "n")
        symbols = sum(len(choice.prompt) for choice in choices)
        with self._lock:
            if not self._accepts:
                raise stopping()
            free = self.queue + self.capacity - len(self._running) - len(self._waiting)
            if len(choices) > free or (self._waiting and self._waiting_symbols + symbols > WAITING_SYMBOLS):
                waiting = f"{len(self._waiting):,} completions wait and {len(self._running):,} are running"
                raise overloaded(f"the server is overloaded, try again later: {waiting}")
            self._waiting.extend(choices)
            self._waiting_symbols += symbols
        self._wake.set()

    def cancel(self, choices: Sequence[Choice]) -> None:
        """Drop choices that nobody waits for any more."""
        with self._lock:
            for choice in choices:
                choice.canceled = True
            kept = [choice for choice in self._waiting if not choice.canceled]
            if len(kept) < len(self._waiting):
                self._waiting = deque(kept)
                self._waiting_symbols = sum(len(choice.prompt) for choice in kept)
            self._canceled = True
        self._wake.set()

    def _run(self) -> None:
        with ignore_overflow():
            while not self._should_end():
                try:
                    self._advance()
                except Exception as error:
                    self._recover(error)
        self._fail(self._clear(), stopping())

    def _should_end(self) -> bool:
        if self._stop_at is None:
            return False
        return time.monotonic() >= self._stop_at or not (self._running or self._waiting)

    def _advance(self) -> None:
        """Admit choices, read a part of their prompts, and add a symbol to every row."""
        if self._canceled:
            self._canceled = False
            self._leave([*self._batch.hand_out(), *self._prompts.drop_ended()])
        if self._waiting:
            self._admit()
        if len(self._prompts):
            self._read_prompts()
        if self._batch.choices:
            self._leave(self._batch.step())
            now = time.monotonic()
            if now - self._published_at >= PUBLISH_SECONDS:
                self._published_at = now
                self._publish_streams()
        elif not len(self._prompts):
            self._wake.wait(IDLE_SECONDS if self._stop_at is None else 0.01)
            self._wake.clear()

    def _admit(self) -> None:
        """Move choices from the queue to the prompts that are read."""
        admitted = []
        with self._lock:
            while self._waiting and len(self._running) < self.capacity:
                choice = self._waiting.popleft()
                self._waiting_symbols -= len(choice.prompt)
                self._running.add(choice)
                admitted.append(choice)
        for choice in admitted:
            self._prompts.add(choice)

    def _read_prompts(self) -> None:
        if read := self._prompts.read_short():
            self._leave(self._batch.join(*read))
        for reading in self._prompts.read_long(others_wait=bool(self._batch.choices)):
            choice = reading.choice
            choice.finish_if_empty()
            if choice.ended:
                self._leave([choice])
            else:
                self._leave(self._batch.join(*reading.joining, [choice]))

    def _publish_streams(self) -> None:
        if any(choice.streamed for choice in self._batch.choices):
            self._leave(self._batch.hand_out())
            self.publish([choice for choice in self._batch.choices if choice.streamed])

    def _leave(self, ended: Sequence[Choice]) -> None:
        """Free the places of choices that ended, and publish them."""
        if ended:
            with self._lock:
                self._running.difference_update(ended)
            self.publish(ended)

    def _recover(self, error: Exception) -> None:
        """Let all running choices fail, and begin anew with those that wait."""
        with contextlib.suppress(Exception):
            self.report(error)
        message = "out of memory" if isinstance(error, MemoryError) else f"a bug: {type(error).__name__}"
        self._batch = Batch(self.model, self.capacity)
        self._prompts = PromptReader(self.model)
        with self._lock:
            running = [*self._running]
            self._running.clear()
        self._fail(running, failed(f"the completion failed: {message}"))

    def _clear(self) -> list[Choice]:
        """Remove all choices, and return them."""
        with self._lock:
            self._accepts = False
            choices = [*self._running, *self._waiting]
            self._waiting.clear()
            self._running.clear()
        return choices

    def _fail(self, choices: Sequence[Choice], error: APIError) -> None:
        for choice in choices:
            if choice.finish is None:
                choice.error = error
        if choices:
            self.publish(choices)

"""Read a request from a connection, and answer it while its choices are generated."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from charseq.serving.completion import Completion
from charseq.serving.engine import Engine
from charseq.serving.errors import OVERLOADED_SECONDS, APIError, overloaded, timed_out
from charseq.serving.responses import DONE, ChoiceOutput, completion_object, encoded, event

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY = 16 << 20
"""Maximum number of bytes of a request."""
MAX_BODIES = 64 << 20
"""Maximum number of bytes of all requests that are being read."""
DRAINED = 64 << 20
"""Bytes of a request that is too large that are read before it is refused, so that the client reads why."""
BODY_SECONDS = 30.0
"""The time for sending a request."""
ERROR_SECONDS = 1.0
"""The time for sending the error that ends a stream."""


class Disconnected(Exception):
    """The client has closed the connection."""


class BodyReader:
    """Reads the bodies of requests, within limits on each and on all of them together."""

    def __init__(self, seconds: float = BODY_SECONDS) -> None:
        self._seconds = seconds
        self._total = 0

    async def read(self, receive: Receive, announced: str = "") -> bytes:
        """Return a body, whose `announced` size is the header content-length.

        Raises APIError if it is too large or too slow, and Disconnected.
        """
        if announced.isdecimal() and int(announced[:20]) > DRAINED:
            raise _too_large()
        pieces: list[bytes] = []
        try:
            async with asyncio.timeout(self._seconds):
                return await self._read(receive, pieces)
        except TimeoutError:
            message = f"the request was not received within {self._seconds:g} s"
            raise APIError(408, message, kind="timeout_error", code="timeout") from None
        finally:
            self._total -= sum(map(len, pieces))

    async def _read(self, receive: Receive, pieces: list[bytes]) -> bytes:
        more, size = True, 0
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            piece = message.get("body", b"")
            more, size = message.get("more_body", False), size + len(piece)
            if size <= MAX_BODY:
                pieces.append(piece)
                self._total += len(piece)
                if self._total > MAX_BODIES:
                    raise overloaded("the server is overloaded by large requests, try again later")
            elif size > DRAINED:
                break
        if size > MAX_BODY:
            raise _too_large()
        return b"".join(pieces)


def _too_large() -> APIError:
    message = f"the request has more than {MAX_BODY >> 20} MiB"
    return APIError(413, message, code="request_too_large")


async def send_json(send: Send, status: int, value: Any, headers: Mapping[str, str] = {}) -> None:
    """Send a whole response."""
    body = encoded(value)
    fields = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    await send(_start(status, fields))
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, error: APIError) -> None:
    """Send an error as a whole response."""
    headers = {"retry-after": str(OVERLOADED_SECONDS)} if error.status in (429, 503) else {}
    if error.status in (408, 413):
        headers["connection"] = "close"
    if error.status == 504:  # another attempt would take as long
        headers["x-should-retry"] = "false"
    await send_json(send, error.status, error.body, headers)


def _start(status: int, headers: dict[str, str]) -> Message:
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": fields}


class Answer:
    """The answer to a request; an ASGI application.

    The choices are dropped when the client closes the connection, and after `seconds`.
    """

    def __init__(self, engine: Engine, completion: Completion, name: str, seconds: float) -> None:
        """Queue the choices.  Raises APIError if the queue is full."""
        self._engine, self._completion, self._name, self._seconds = engine, completion, name, seconds
        self._changed = asyncio.Event()
        self._gone = self._started = False
        vocabulary, echo = engine.model.vocabulary, completion.parameters.echo
        self._outputs = [
            ChoiceOutput(vocabulary, choice, index, echo=echo)
            for index, choice in enumerate(completion.choices)
        ]
        waiting = completion.waiting
        for choice in waiting:
            choice.notify = self._changed.set
        engine.submit(waiting)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Send the answer, or an error."""
        watcher = asyncio.ensure_future(self._watch(receive))
        error: APIError | None = None
        stream = self._completion.parameters.stream
        try:
            async with asyncio.timeout(self._seconds):
                await (self._send_stream if stream else self._send_whole)(send)
        except TimeoutError:
            error = timed_out(self._seconds)
        except APIError as raised:
            error = raised
        finally:
            watcher.cancel()
            if left := [choice for choice in self._completion.choices if not choice.ended]:
                self._engine.cancel(left)
        if error and self._started:
            with contextlib.suppress(TimeoutError):  # the server then closes the connection
                async with asyncio.timeout(ERROR_SECONDS):
                    await send({"type": "http.response.body", "body": event(error.body)})
        elif error:
            await send_error(send, error)

    async def _watch(self, receive: Receive) -> None:
        """Wait until the client closes the connection."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._changed.set()

    async def _send_whole(self, send: Send) -> None:
        while not self._gone and not all(choice.ended for choice in self._completion.choices):
            await self._next_change()
        if self._gone:
            return
        self._raise_error()
        choices = filter(None, (output.take() for output in self._outputs))
        usage = self._completion.usage
        await send_json(send, 200, completion_object(self._completion, self._name, choices, usage=usage))

    async def _send_stream(self, send: Send) -> None:
        include_usage = self._completion.parameters.include_usage
        more: dict[str, Any] = {"usage": None} if include_usage else {}
        while not self._gone:
            self._raise_error()
            chunks = [
                event(completion_object(self._completion, self._name, [taken], **more))
                for output in self._outputs
                if (taken := output.take())
            ]
            ended = all(output.ended for output in self._outputs)
            if ended and include_usage:
                usage = self._completion.usage
                chunks.append(event(completion_object(self._completion, self._name, [], usage=usage)))
            if ended:
                chunks.append(DONE)
            if chunks:
                await self._send_chunk(send, b"".join(chunks), more=not ended)
            if ended:
                return
            await self._next_change()

    async def _send_chunk(self, send: Send, body: bytes, *, more: bool) -> None:
        if not self._started:
            self._started = True
            headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
            await send(_start(200, headers))
        await send({"type": "http.response.body", "body": body, "more_body": more})

    async def _next_change(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    def _raise_error(self) -> None:
        """Raise the error of a choice, if there is one."""
        for choice in self._completion.choices:
            if choice.error:
                raise choice.error

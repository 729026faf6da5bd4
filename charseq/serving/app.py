"""The application: the paths of the completions interface."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from charseq.errors import quoted
from charseq.serving.choice import Choice
from charseq.serving.completion import Completion, resolve
from charseq.serving.engine import Engine
from charseq.serving.errors import APIError, failed
from charseq.serving.exchange import (
    Answer,
    BodyReader,
    Disconnected,
    Message,
    Receive,
    Send,
    send_error,
    send_json,
)
from charseq.serving.fields import json_object
from charseq.serving.local_only import LocalOnly
from charseq.serving.parameters import Parameters

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

LARGE_BODY = 1 << 14
"""Bytes of a request from which it is parsed in a thread of its own."""
LONGEST_QUOTE = 100
"""Characters of a name that a message quotes."""


@dataclass(frozen=True)
class ServedModel:
    """The names of the model: the one that clients see, and others that they may send."""

    name: str
    others: frozenset[str] = frozenset()
    created: int = 0
    """Unix time."""

    @property
    def object(self) -> dict[str, Any]:
        """The model as an object of the interface."""
        return {"id": self.name, "object": "model", "created": self.created, "owned_by": "charseq"}

    def check(self, name: str | None) -> None:
        """Raise APIError unless a name is that of the model; None is."""
        if name not in (None, self.name, *self.others):
            shown = quoted(str(name)[:LONGEST_QUOTE])
            message = f"the model {shown} does not exist; this server has {quoted(self.name)}"
            raise APIError(404, message, param="model", code="model_not_found")


class Service:
    """Answers the requests of the interface."""

    def __init__(self, engine: Engine, model: ServedModel, timeout: float, bodies: BodyReader) -> None:
        self._engine, self._model, self._timeout, self._bodies = engine, model, timeout, bodies
        self._loop: asyncio.AbstractEventLoop | None = None

    async def complete(self, request: "Request") -> Any:
        """Answer POST /v1/completions."""
        self._connect()
        announced = request.headers.get("content-length", "")
        body = await self._bodies.read(request.receive, announced)
        parse = self._parsed
        completion = await asyncio.to_thread(parse, body) if len(body) > LARGE_BODY else parse(body)
        return Answer(self._engine, completion, self._model.name, self._timeout)

    async def models(self, request: "Request") -> Any:
        """Answer GET /v1/models."""
        return _Reply({"object": "list", "data": [self._model.object]})

    async def one_model(self, request: "Request") -> Any:
        """Answer GET /v1/models/NAME."""
        self._model.check(request.path_params["name"])
        return _Reply(self._model.object)

    async def health(self, request: "Request") -> Any:
        """Answer GET /health."""
        running, waiting = self._engine.load
        return _Reply({"status": "ok", "model": self._model.name, "running": running, "waiting": waiting})

    def _parsed(self, body: bytes) -> Completion:
        parameters = Parameters.of(json_object(body))
        self._model.check(parameters.model)
        return resolve(self._engine.model, parameters)

    def _connect(self) -> None:
        """Let the engine report new text to this event loop."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop

            def publish(choices: Sequence[Choice]) -> None:
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(_notify, choices)

            self._engine.publish = publish


def _notify(choices: Sequence[Choice]) -> None:
    for choice in choices:
        if choice.notify:
            choice.notify()


class _Reply:
    """A whole response; an ASGI application."""

    def __init__(self, value: Any) -> None:
        self._value = value

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await send_json(send, 200, self._value)


class _Refusal:
    """An error as a response; an ASGI application."""

    def __init__(self, error: APIError, headers: Mapping[str, str] = {}) -> None:
        self._error, self._headers = error, headers

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if self._headers:
            await send_json(send, self._error.status, self._error.body, self._headers)
        else:
            await send_error(send, self._error)


class _Nothing:
    """No response, to a client that has closed the connection; an ASGI application."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 499, "headers": []})
        await send({"type": "http.response.body", "body": b""})


PATHS = "POST /v1/completions, GET /v1/models and GET /health"


def app(
    engine: Engine,
    model: ServedModel,
    *,
    timeout: float = 600.0,
    bodies: BodyReader | None = None,
    local_only: bool = False,
) -> "Starlette":
    """Return the application; a completion takes at most `timeout` seconds.

    With `local_only`, requests that web pages of other sites may have sent are refused.
    """
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.routing import Route

    service = Service(engine, model, timeout, bodies or BodyReader())

    async def refuse(request: "Request", error: Exception) -> Any:
        return _Refusal(error if isinstance(error, APIError) else failed("this is a bug in charseq"))

    async def refuse_path(request: "Request", error: Exception) -> Any:
        status = getattr(error, "status_code", 500)
        path = f"{request.method} {quoted(request.url.path[:LONGEST_QUOTE])}"
        refusal = APIError(status, f"{path} is not supported; this server has {PATHS}", code="unknown_url")
        return _Refusal(refusal, dict(getattr(error, "headers", None) or {}))

    async def report(request: "Request", error: Exception) -> Any:
        engine.report(error)
        return await refuse(request, error)

    async def ignore(request: "Request", error: Exception) -> Any:
        return _Nothing()

    application = Starlette(
        routes=[
            Route("/v1/completions", service.complete, methods=["POST"]),
            Route("/v1/models", service.models, methods=["GET"]),
            Route("/v1/models/{name:path}", service.one_model, methods=["GET"]),
            Route("/health", service.health, methods=["GET"]),
        ],
        exception_handlers={
            APIError: refuse,
            HTTPException: refuse_path,
            Disconnected: ignore,
            Exception: report,
        },
        middleware=[Middleware(LocalOnly)] if local_only else [],
    )
    application.router.redirect_slashes = False
    return application

"""A server in threads of its own: the connections by uvicorn, and the engine."""

import asyncio
import importlib.util
import logging
import os
import socket
import threading
from typing import Any

from charseq.errors import CharseqError, UsageError
from charseq.serving.app import ServedModel, app
from charseq.serving.engine import Engine
from charseq.serving.exchange import BODY_SECONDS
from charseq.system.file_errors import reason

KEEP_ALIVE_SECONDS = 75
"""The time that an idle connection stays open; longer than clients keep theirs."""
GRACE_SECONDS = 0.8
"""The time that running requests have to finish when the server stops."""
END_SECONDS = 1.0
"""The time that connections have to end after that."""
BACKLOG = 1024
PACKAGES = ("starlette", "uvicorn")


def require_packages() -> None:
    """Raise UsageError if a package that a server needs is missing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        named = " and ".join(missing)
        plural = "s" if len(missing) > 1 else ""
        raise UsageError(
            f"charseq serve needs the package{plural} {named}", hint=f"pip install {' '.join(missing)}"
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 picks a free one.  Raises CharseqError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        raise CharseqError(
            f"cannot listen on {host} port {port}: {_reason(error)}",
            hint="choose another --port (0 picks a free one), or another --host",
        ) from None


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "it is not the name of a host"
    known = isinstance(error, socket.gaierror) or error.errno is None
    return (reason(error) if known else os.strerror(error.errno or 0)).lower()


def url_of(listening: socket.socket) -> str:
    """Return the address that clients use."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"


class Server:
    """A server that runs until it is stopped."""

    def __init__(
        self, engine: Engine, model: ServedModel, *, timeout: float = 600.0, local_only: bool = False
    ) -> None:
        import uvicorn

        for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi", "asyncio"):
            logger = logging.getLogger(name)  # they would print tracebacks, and what clients sent
            logger.handlers = [logging.NullHandler()]
            logger.propagate = False
        self._engine = engine
        config = uvicorn.Config(
            app(engine, model, timeout=timeout, local_only=local_only),
            http=_protocol(),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=int(END_SECONDS),
        )
        self._uvicorn = uvicorn.Server(config)
        self.ended = threading.Event()
        """Set when the server does not accept connections any more."""
        self.failure: BaseException | None = None
        """The error that ended the server without being asked to."""

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._uvicorn.server_state.connections)

    def start(self, listening: socket.socket) -> None:
        """Start both threads; the socket is closed in the end."""
        self._engine.start()
        options: dict[str, Any] = {"target": self._serve, "args": (listening,), "daemon": True}
        self._thread = threading.Thread(name="connections", **options)
        self._thread.start()

    def stop(self) -> None:
        """Accept no more requests; running ones have a moment to finish, then they get an error."""
        self._engine.stop(GRACE_SECONDS)
        self._uvicorn.should_exit = True

    def join(self, timeout: float = GRACE_SECONDS + END_SECONDS) -> None:
        """Wait until both threads have ended, or for a number of seconds."""
        self._thread.join(timeout)
        self._engine.join(0.1)

    def _serve(self, listening: socket.socket) -> None:
        try:
            self._uvicorn.run([listening])
        except (Exception, SystemExit) as error:
            self.failure = error
        finally:
            listening.close()
            self.ended.set()


def _protocol() -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with errors in the interface's form, and with limits on silent clients."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Protocol(H11Protocol):
        _timer: asyncio.TimerHandle | None = None
        _stalled: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._await_request()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            try:
                super().data_received(data)
            except Exception:  # such as a path that is not ASCII
                self.transport.abort()
                return
            if self.cycle is None or self.cycle.response_complete:
                self._await_request()
            else:
                self._cancel()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._stalled = self.loop.call_later(BODY_SECONDS, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._stalled is not None:
                self._stalled.cancel()

        def send_400_response(self, msg: str) -> None:
            from charseq.serving.errors import invalid
            from charseq.serving.responses import encoded

            body = encoded(invalid("the request is not valid HTTP").body)
            head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close"
            self.transport.write(f"HTTP/1.1 400 Bad Request\r\n{head}\r\n\r\n".encode("ascii") + body)
            self.transport.close()

        def _await_request(self) -> None:
            """Close the connection unless the head of a request comes soon."""
            if self._timer is None and not self.transport.is_closing():
                self._timer = self.loop.call_later(BODY_SECONDS, self.transport.abort)

        def _cancel(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return Protocol

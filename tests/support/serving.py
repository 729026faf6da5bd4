"""A server of a model in this process, and a plain client of it."""

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from charseq.inference.decoding import Decoding
from charseq.inference.requests import Request, encode_prompt
from charseq.model.model_file import Model, write
from charseq.serving.app import ServedModel
from charseq.serving.engine import Engine
from charseq.serving.server import Server, listen
from charseq.settings.generation_settings import GenerationSettings
from tests.support.models import cycling_model

SECONDS = 30.0
"""The time limit of every wait."""


@dataclass(frozen=True)
class Response:
    """A response: its status, its headers, and its JSON."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The JSON value of the body, which has no NaN."""
        return json.loads(self.body, parse_constant=_refuse)

    @property
    def error(self) -> Any:
        """The error, in the form of the interface."""
        assert self.status >= 400
        assert [*self.json] == ["error"]
        assert [*self.json["error"]] == ["message", "type", "param", "code"]
        return self.json["error"]

    @property
    def events(self) -> list[Any]:
        """The events of a stream that ended as it should."""
        *events, done, rest = self.body.decode("ascii").split("\n\n")
        assert (done, rest) == ("data: [DONE]", "")
        return [json.loads(event.removeprefix("data: "), parse_constant=_refuse) for event in events]

    @property
    def streamed_text(self) -> str:
        """The text of a stream of one choice."""
        return "".join(choice["text"] for event in self.events for choice in event["choices"])


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


@dataclass(frozen=True)
class Served:
    """A server that runs in threads of this process."""

    engine: Engine
    server: Server
    port: int

    def request(self, method: str, path: str, body: bytes | None = None) -> Response:
        """Send a request, and read the whole response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body, {"content-type": "application/json"})
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, headers, response.read())
        finally:
            connection.close()

    def post(self, **parameters: Any) -> Response:
        """Ask for a completion."""
        return self.request("POST", "/v1/completions", json.dumps(parameters).encode())

    def text(self, prompt: Any, **parameters: Any) -> str:
        """Return the text of a completion that succeeds."""
        response = self.post(prompt=prompt, **parameters)
        assert response.status == 200, response.body
        text: str = response.json["choices"][0]["text"]
        return text

    def socket(self, body: bytes) -> socket.socket:
        """Send a request for a completion, and return the connection."""
        connection = socket.create_connection(("127.0.0.1", self.port), SECONDS)
        head = f"POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode("ascii") + body)
        return connection

    def wait_for_load(self, *load: int) -> None:
        """Wait until these numbers of choices are running and waiting."""
        wait_until(lambda: self.engine.load == load)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _sleep_a_moment(seconds: float) -> Any:
    """Return a coroutine that waits for a twentieth of the time."""
    return asyncio.sleep(seconds / 20)


@contextmanager
def serving(
    model: Model, *, timeout: float = SECONDS, local_only: bool = False, **options: Any
) -> Iterator[Served]:
    """Serve a model under the name "run".  The server ends at once: uvicorn sleeps for 0.2 seconds before."""
    import uvicorn.server

    engine = Engine(model, **options)
    listening = listen("127.0.0.1", 0)
    names = ServedModel("run", frozenset({"runs/run"}))
    server = Server(engine, names, timeout=timeout, local_only=local_only)
    bugs: list[BaseException] = []
    engine.report = bugs.append
    port = listening.getsockname()[1]
    hasty = SimpleNamespace(**{**vars(asyncio), "sleep": _sleep_a_moment})
    with mock.patch.object(uvicorn.server, "asyncio", hasty):
        server.start(listening)
        try:
            yield Served(engine, server, port)
        finally:
            server.stop()
            server.join()
            assert server.ended.is_set()
    assert not bugs


def cycling_run(folder: Path) -> Path:
    """Write a run whose model memorized abcab, and return its folder."""
    run = folder / "runs" / "0001-rnn"
    run.mkdir(parents=True)
    write(run / "model.safetensors", cycling_model("abcab"))
    return run


def predicted(model: Model, prompt: str, **settings: Any) -> list[str]:
    """Return the continuations that predict generates."""
    decoding = Decoding.of(model, GenerationSettings(**{"top": None, **settings}))
    request = Request.of(
        model,
        encode_prompt(model.vocabulary, prompt),
        seed=decoding.settings.seed,
        length=decoding.settings.length,
        label=decoding.settings.label,
    )
    answers = decoding.answers(model, [request])
    return [model.vocabulary.joined(step.character for step in answer.steps) for answer in answers]

"""Overload, time limits, huge prompts and closed connections lose nothing of other clients."""

import contextlib
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from charseq.model.model_file import Model
from charseq.serving import exchange
from charseq.serving.batch import Batch
from tests.support.models import cycling_model, gru_model
from tests.support.served_models import TEXT, plain
from tests.support.serving import Served, predicted, serving, wait_until

LONG: dict[str, Any] = {"prompt": "a", "max_tokens": 65_536, "temperature": 0}
"""A request that takes seconds."""


def body(**parameters: Any) -> bytes:
    return json.dumps(parameters).encode()


def received(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(1 << 16):
            data += piece
    return data


def test_a_full_queue_refuses_more_until_there_is_room() -> None:
    with serving(cycling_model(), capacity=2, queue=3) as served, contextlib.ExitStack() as opened:
        slow = body(**LONG, logprobs=3)
        connections = [opened.enter_context(served.socket(slow)) for _ in range(5)]
        served.wait_for_load(2, 3)
        refused = served.post(prompt="a")
        assert refused.status == 503
        assert refused.error["code"] == "overloaded"
        assert refused.headers["retry-after"] == "1"
        assert served.request("GET", "/health").json["waiting"] == 3
        for connection in connections:
            connection.close()
        served.wait_for_load(0, 0)
        assert served.text("a", max_tokens=3, temperature=0) == "bca"
        never = served.post(prompt="a", n=6)
        assert never.status == 400
        assert "6 completions; the server accepts at most 5" in never.error["message"]


def test_waiting_requests_are_answered_in_the_end() -> None:
    with serving(cycling_model(), capacity=1, queue=31) as served, ThreadPoolExecutor(29) as pool:
        texts = [*pool.map(lambda row: served.text("a", max_tokens=row, temperature=0), range(29))]
    assert texts == [("bca" * 10)[:row] for row in range(29)]


def test_a_request_that_takes_too_long_ends_with_an_error() -> None:
    with serving(cycling_model(), timeout=0.2) as served:
        late = served.post(**LONG)
        assert late.status == 504
        assert late.error["code"] == "timeout"
        assert late.headers["x-should-retry"] == "false"
        streamed = served.post(**LONG, stream=True)
        assert streamed.status == 200
        last = json.loads(streamed.body.decode().strip().rpartition("data: ")[2])
        assert last["error"]["code"] == "timeout"
        served.wait_for_load(0, 0)
        assert served.text("a", max_tokens=2, temperature=0) == "bc"


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_closes_its_connection_is_dropped(stream: bool) -> None:
    with serving(cycling_model(), capacity=3) as served:
        with served.socket(body(**LONG, stream=stream, n=31)) as connection:
            served.wait_for_load(3, 28)
            if stream:
                assert connection.recv(100).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        served.wait_for_load(0, 0)
        assert time.monotonic() - began < 3.0
        assert served.text("a", max_tokens=2, temperature=0) == "bc"


def test_a_client_that_does_not_read_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(cycling_model()) as served:
        request = body(**LONG, stream=True, logprobs=1)
        with served.socket(request), served.socket(request):
            served.wait_for_load(2, 0)
            for _ in range(11):
                assert served.text("a", max_tokens=3, temperature=0) == "bca"


def test_a_client_that_never_reads_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.serving.server.BODY_SECONDS", 0.2)
    more = {**LONG, "max_tokens": 10_000, "n": 13, "logprobs": 3}  # more than the system buffers
    with serving(cycling_model()) as served, served.socket(body(**more, stream=True)):
        served.wait_for_load(13, 0)
        wait_until(lambda: not served.server.connections)
        served.wait_for_load(0, 0)


def test_a_huge_prompt_is_read_while_others_go_on() -> None:
    model = plain()
    text = (TEXT * 6000)[:700_001]
    with serving(model) as served, ThreadPoolExecutor(1) as pool:
        huge = pool.submit(served.post, prompt=text, max_tokens=7, seed=1)
        served.wait_for_load(1, 0)
        began, count = time.monotonic(), 0
        while not huge.done() and count < 50:
            assert len(served.text("the", max_tokens=5, seed=1)) == 5
            count += 1
        assert (time.monotonic() - began) / count < 0.5
        response = huge.result()
    assert response.json["choices"][0]["text"] == predicted(model, text, seed=1, length=7, temperature=1.0)[0]
    assert response.json["usage"]["prompt_tokens"] == 700_001


def test_a_prompt_beyond_the_limits_is_refused() -> None:
    with serving(plain()) as served:
        long = served.post(prompt="t" * (1 << 20) + "t")
        assert long.status == 400
        assert long.error["code"] == "context_length_exceeded"
        large = served.request("POST", "/v1/completions", b" " * (exchange.MAX_BODY + 1))
        assert large.status == 413
        assert large.error["code"] == "request_too_large"
        assert served.text("the", max_tokens=0) == ""


def test_a_size_that_is_announced_is_refused_before_it_is_sent() -> None:
    with (
        serving(cycling_model()) as served,
        socket.create_connection(("127.0.0.1", served.port), 10) as connection,
    ):
        connection.sendall(b"POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\n")
        assert received(connection).startswith(b"HTTP/1.1 413")


def test_a_request_that_is_not_sent_to_its_end_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange.BodyReader.__init__, "__defaults__", (0.1,))
    monkeypatch.setattr("charseq.serving.server.BODY_SECONDS", 0.2)
    with serving(cycling_model()) as served:
        head = b"POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{"
        with socket.create_connection(("127.0.0.1", served.port), 10) as connection:
            connection.sendall(head)
            assert received(connection).startswith(b"HTTP/1.1 408")
        for beginning in (b"", b"POST /v1/comp"):
            with socket.create_connection(("127.0.0.1", served.port), 10) as connection:
                connection.sendall(beginning)
                assert received(connection) == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n\x00\xff",
        b"GET /\xff HTTP/1.1\r\nhost: a\r\n\r\n",
        b"POST /v1/completions HTTP/1.1\r\ncontent-length: -5\r\nhost: a\r\n\r\n",
        b"POST /v1/completions HTTP/9.9\r\nhost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET /v1/models HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 50_000 + b"\r\n",
    ],
)
def test_what_is_no_http_is_refused(sent: bytes) -> None:
    with serving(cycling_model()) as served:
        connection = socket.create_connection(("127.0.0.1", served.port), 10)
        with connection, contextlib.suppress(OSError):  # the server may have closed it
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            answer = received(connection)
            assert not answer or json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
        assert served.text("a", max_tokens=2, temperature=0) == "bc"


def test_many_clients_that_vanish_lose_nothing_of_others() -> None:
    model = gru_model()
    request = {"prompt": "abc", "max_tokens": 211, "seed": 9, "temperature": 1.0}
    (expected,) = predicted(model, "abc", length=211, seed=9, temperature=1.0)

    def vanish(served: Served, number: int) -> None:
        sent = body(**{**request, "max_tokens": 5000}, stream=number % 2 == 0)
        connection = served.socket(sent[: len(sent) if number % 3 else 20])
        time.sleep(0.01 * (number % 5))
        connection.close()

    with serving(model, capacity=13) as served, ThreadPoolExecutor(40) as pool:
        vanishing = [pool.submit(vanish, served, number) for number in range(47)]
        texts = [pool.submit(served.text, **request) for _ in range(40)]
        assert {future.result() for future in texts} == {expected}
        assert all(future.exception() is None for future in vanishing)
        served.wait_for_load(0, 0)


def poisoned() -> Model:
    """Return a model with NaN for the symbol b, which a file could not have."""
    model = cycling_model()
    arrays = {name: array.copy() for name, array in model.arrays.items()}
    arrays["layers.0.W_x"][:, 1] = np.nan
    return replace(model, arrays=arrays)


def test_a_model_that_is_not_finite_fails_alone() -> None:
    with serving(poisoned()) as served:
        failed = served.post(prompt="a", max_tokens=5, temperature=0)
        assert failed.status == 500
        assert failed.error["type"] == "server_error"
        assert "NaN or infinite" in failed.error["message"]
        scored = served.post(prompt="abab", max_tokens=0, echo=True, logprobs=0)
        assert scored.status == 500
        assert served.text("c", max_tokens=2, temperature=0) == "ab"


def test_the_server_survives_a_bug_in_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    step, reported = Batch.step, threading.Event()

    def broken(self: Batch) -> Any:
        if any(choice.request.seed == 13 for choice in self.choices):
            raise ZeroDivisionError
        return step(self)

    monkeypatch.setattr(Batch, "step", broken)
    with serving(cycling_model()) as served:
        served.engine.report = lambda error: reported.set()
        failed = served.post(prompt="a", seed=13)
        assert failed.status == 500
        assert failed.error["message"] == "the completion failed: a bug: ZeroDivisionError"
        assert reported.is_set()
        assert served.text("a", max_tokens=2, temperature=0) == "bc"


def test_a_server_that_stops_ends_its_streams_with_an_error() -> None:
    with serving(cycling_model(), capacity=1) as served:
        with served.socket(body(**LONG, stream=True, n=31)) as connection:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            served.server.stop()
            began = time.monotonic()
            assert b'"code":"stopping"' in received(connection)[-500:]
        assert time.monotonic() - began < 2.0
        with pytest.raises(OSError, match=r"refused|reset"):
            wait_until(lambda: served.post(prompt="a").status == 0)

"""charseq serve as a command: its address, its signals and exit codes, and its errors."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from charseq.cli.serve import EXAMPLES
from charseq.model.model_file import write
from tests.support.command import Command
from tests.support.models import cycling_model
from tests.support.processes import CHARSEQ

LONG = b'{"prompt": "a", "max_tokens": 65536, "temperature": 0, "stream": true, "n": 128}'
"""A request that takes many seconds."""


@pytest.fixture
def run(empty_folder: Path) -> Path:
    """Return the folder of a run with a model."""
    folder = empty_folder / "runs" / "0001-rnn"
    folder.mkdir(parents=True)
    write(folder / "model.safetensors", cycling_model("abcab"))
    return folder


@contextmanager
def started(*options: str, **more: Any) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Start the command, and yield its process and its port."""
    command = [*CHARSEQ, "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more) as process:
        assert process.stderr is not None
        line = process.stderr.readline().decode()
        try:
            assert line.startswith("charseq: serving runs/0001-rnn on http://127.0.0.1:"), line
            yield process, int(line.rpartition(":")[2].removesuffix("/v1\n"))
        finally:
            process.kill()


def post(port: int, body: bytes) -> bytes:
    """Send a request for a completion, and return the connection's response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/v1/completions", body)
    answer = connection.getresponse().read()
    connection.close()
    return answer


def is_open(port: int) -> bool:
    """Return whether a port accepts connections."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def ended(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    """Wait for the end of a process; return its exit code and the rest of its standard error."""
    _, errors = process.communicate(timeout=10)
    return process.returncode, errors.decode()


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 143)])
def test_a_signal_stops_an_idle_server(number: str, code: int) -> None:
    with started() as (process, port):
        assert json.loads(post(port, b'{"prompt": "a"}'))["choices"][0]["text"] == "bcab"
        began = time.monotonic()
        process.send_signal(getattr(signal, number))
        assert ended(process) == (code, "\nstopping; press Ctrl-C again to quit immediately\n")
        assert time.monotonic() - began < 2.5


@pytest.mark.usefixtures("run")
def test_a_stream_that_runs_ends_with_an_error_within_two_seconds() -> None:
    with started() as (process, port), socket.create_connection(("127.0.0.1", port), 10) as connection:
        head = f"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(LONG)}\r\n\r\n"
        connection.sendall(head.encode() + LONG)
        assert connection.recv(20).startswith(b"HTTP/1.1 200")
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        assert b'"code":"stopping"' in received[-500:]
        assert ended(process)[0] == 130
        assert time.monotonic() - began < 2.5


@pytest.mark.usefixtures("run")
def test_a_client_that_does_not_read_does_not_delay_the_end() -> None:
    with started() as (process, port), socket.create_connection(("127.0.0.1", port), 10) as connection:
        body = LONG.replace(b"65536", b"9999").replace(b'"n": 128', b'"n": 13, "logprobs": 3')
        head = f"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        time.sleep(1.0)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert ended(process)[0] == 143
        assert time.monotonic() - began < 2.5


@pytest.mark.usefixtures("run")
def test_a_second_interrupt_ends_the_server_at_once() -> None:
    with started() as (process, port), socket.create_connection(("127.0.0.1", port), 10) as connection:
        head = f"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(LONG)}\r\n\r\n"
        connection.sendall(head.encode() + LONG)
        assert connection.recv(20)
        process.send_signal(signal.SIGINT)
        time.sleep(0.15)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert ended(process)[0] == 130
        assert time.monotonic() - began < 0.6


@pytest.mark.usefixtures("run")
def test_signals_that_are_ignored_stay_ignored() -> None:
    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    with started(preexec_fn=ignore) as (process, port):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert post(port, b'{"prompt": "a"}')
        process.send_signal(signal.SIGTERM)
        assert ended(process)[0] == 143


@pytest.mark.usefixtures("run")
def test_a_port_in_use_is_an_error_in_two_lines(charseq: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = charseq("serve", "--port", str(port))
    assert result.status == 1
    message, hint = result.errors.splitlines()
    assert message == f"charseq: cannot listen on 127.0.0.1 port {port}: address already in use"
    assert "0 picks a free one" in hint


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "65536"], "65536 is out of range; it must be from 0 to 65,535"),
        (["--port", "http"], "'http' is not a whole number"),
        (["--timeout", "0"], "'0' must be greater than zero"),
        (["--model", "runs/0002"], "there is no model 'runs/0002'"),
        (["--batch-size", "0"], "0 is out of range"),
        (["--host", ""], "the value is empty"),
    ],
)
def test_nonsense_is_refused_before_anything_listens(
    charseq: Command, options: list[str], message: str
) -> None:
    result = charseq("serve", *options)
    assert result.status == 2
    assert message in result.errors


@pytest.mark.usefixtures("run")
def test_a_host_that_does_not_exist_is_an_error(charseq: Command) -> None:
    result = charseq("serve", "--host", "999.999.1.1")
    assert result.status == 1
    assert result.errors.startswith("charseq: cannot listen on 999.999.1.1 port 8000: ")


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ({"uvicorn"}, "charseq serve needs the package uvicorn\n  pip install uvicorn\n"),
        (
            {"starlette", "uvicorn"},
            "charseq serve needs the packages starlette and uvicorn\n  pip install starlette uvicorn\n",
        ),
    ],
)
def test_a_missing_package_is_named_with_its_command(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, missing: set[str], message: str
) -> None:
    from importlib.util import find_spec

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in missing else find_spec(name))
    result = charseq("serve")
    assert (result.status, result.errors) == (2, f"charseq: {message}")


@pytest.mark.usefixtures("run")
def test_another_host_is_warned_of_and_quiet_prints_nothing() -> None:
    command = [*CHARSEQ, "serve", "--port", "0", "--host", "0.0.0.0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert b"clients need no password" in process.stderr.readline()
        assert b"serving" in process.stderr.readline()
        process.terminate()
        assert ended(process)[0] == 143
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [*CHARSEQ, "serve", "--port", str(port), "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 30
        while not is_open(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.terminate()
        assert ended(process) == (143, "")


@pytest.mark.usefixtures("run")
def test_requests_are_not_logged() -> None:
    with started() as (process, port):
        post(port, b'{"prompt": "secret"}')
        post(port, b"secret")
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(b"secret\r\n\r\n")
            connection.recv(1000)
        process.terminate()
        assert ended(process) == (143, "\nstopping; press Ctrl-C again to quit immediately\n")


@pytest.mark.usefixtures("run")
def test_no_other_socket_is_opened_and_torch_is_not_loaded() -> None:
    code = (
        "import sys, threading, time, os, signal, http.client\n"
        "seen = []\n"
        "names = ('socket.bind', 'socket.connect', 'socket.sendto', 'pickle.', 'subprocess.', 'os.fork')\n"
        "sys.addaudithook(lambda name, _: seen.append(name) if name.startswith(names) else None)\n"
        "threading.Timer(2.0, os.kill, [os.getpid(), signal.SIGTERM]).start()\n"
        "from charseq.cli.app import run\n"
        "status = run(['serve', '--port', '0'])\n"
        "print(status, seen, 'torch' in sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stdout == "143 ['socket.bind'] False\n", ended.stderr


def test_without_a_model_the_message_says_how_to_train_one(charseq: Command) -> None:
    result = charseq("serve")
    assert result.status == 2
    assert "train one" in result.errors


def test_the_port_can_come_from_the_environment(run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        environment = {**os.environ, "CHARSEQ_PORT": port, "CHARSEQ_MODEL": str(run)}
        refused = subprocess.run([*CHARSEQ, "serve"], env=environment, capture_output=True, timeout=60)
    assert f"port {port}" in refused.stderr.decode()
    assert refused.returncode == 1


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_serve(example: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "CHARSEQ_PORT": str(port)}
    chosen = example.replace("--port 0", f"--port {port}")
    with subprocess.Popen(["bash", "-c", f"exec {chosen}"], env=environment) as process:
        try:
            deadline = time.monotonic() + 30
            while not is_open(port):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert json.loads(post(port, b'{"prompt": "a"}'))["choices"][0]["text"] == "bcab"
        finally:
            process.terminate()
        assert process.wait(10) == 143

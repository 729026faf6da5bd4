"""charseq serve as a command: its address, its signals and exit codes, and its errors."""

import http.client
import json
import os
import shutil
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
from tests.support.forks import Forked
from tests.support.serving import cycling_run
from tests.support.terminals import Terminal

SERVERS = [example for example in EXAMPLES if example.startswith("charseq ")]
CLIENTS = [example for example in EXAMPLES if example not in SERVERS]
LONG = b'{"prompt": "a", "max_tokens": 65536, "temperature": 0, "stream": true, "n": 128}'
"""A request that takes many seconds."""


@pytest.fixture
def run(empty_folder: Path) -> Path:
    """Return the folder of a run with a model."""
    return cycling_run(empty_folder)


@contextmanager
def started(*options: str, **more: Any) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Start the command, and yield its process and its port."""
    with Forked("serve", "--port", "0", *options, **more) as process:
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
        assert ended(process) == (code, "stopping\n")
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
@pytest.mark.parametrize("key", [b"\x03", b""], ids=["Ctrl-C", "SIGTERM"])
def test_a_terminal_is_told_of_the_second_ctrl_c_after_the_first_alone(key: bytes) -> None:
    terminal = Terminal("serve", "--port", "0")
    terminal.wait_for("charseq: serving")
    if key:
        terminal.press(key)
    else:
        os.kill(terminal.process, signal.SIGTERM)
    lines = terminal.wait_for("stopping")
    assert any("stopping; press Ctrl-C again to quit immediately" in line for line in lines) == bool(key)
    assert terminal.end() == (130 if key else 143)


@pytest.mark.usefixtures("run")
@pytest.mark.long
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
def test_another_host_is_warned_of_and_quiet_prints_nothing() -> None:
    with Forked("serve", "--port", "0", "--host", "0.0.0.0") as process:
        assert process.stderr is not None
        assert b"clients are not authenticated" in process.stderr.readline()
        assert b"serving" in process.stderr.readline()
        process.terminate()
        assert ended(process)[0] == 143
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Forked("serve", "--port", str(port), "--quiet") as process:
        deadline = time.monotonic() + 30
        while not is_open(port) and time.monotonic() < deadline:
            time.sleep(0.01)
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
        assert ended(process) == (143, "stopping\n")


@pytest.mark.usefixtures("run")
def test_no_other_socket_is_opened_and_torch_is_not_loaded() -> None:
    code = (
        "import sys, threading, time, os, signal, http.client\n"
        "seen = []\n"
        "def see(name, _):\n"
        "    if name.startswith(names):\n"
        "        seen.append(name)\n"
        "    if name == 'socket.bind':\n"
        "        threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGTERM]).start()\n"
        "names = ('socket.bind', 'socket.connect', 'socket.sendto', 'pickle.', 'subprocess.', 'os.fork')\n"
        "sys.addaudithook(see)\n"
        "from charseq.cli.app import run\n"
        "status = run(['serve', '--port', '0'])\n"
        "print(status, seen, 'torch' in sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stdout == "143 ['socket.bind'] False\n", ended.stderr


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("example", SERVERS)
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


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("example", CLIENTS)
def test_the_examples_of_clients_are_answered(example: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    with started() as (_, port):
        command = example.replace(":8000/", f":{port}/")
        answered = subprocess.run(["bash", "-c", command], capture_output=True, timeout=30, check=True)
    assert json.loads(answered.stdout)["choices"][0]["text"] == "bcab"

"""A server that runs commands with modules already loaded: `python -m tests.support.served SOCKET MODULE...`.

The server loads the modules once.  A program, which starts in 20 ms, sends it the command line, the
environment, the current folder and the three streams.  The server runs the command in a fork and answers
with its exit code.  The program is named charseq, or it is a python that runs `-m charseq ...` and
`-c CODE ...`.  The server ends when its standard input is closed.
"""

import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = """#!{python} -IS
import json, os, socket
connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
socket.send_fds(connection, [b"."], [0, 1, 2, os.open(".", os.O_RDONLY)])
connection.sendall(json.dumps([__import__("sys").argv[1:], dict(os.environ)]).encode())
connection.shutdown(socket.SHUT_WR)
os._exit(int(connection.recv(16) or 1))
"""


TRAINING = ("torch", "charseq.api", "charseq.cli.app", "charseq.cli.train", "charseq.training.builder")
"""Modules that most commands load."""


@contextmanager
def served(program: Path, *modules: str) -> Iterator[None]:
    """Start the server, and write the program."""
    address = str(program.parent / "server")
    program.write_text(PROGRAM.format(python=sys.executable, address=address), encoding="utf-8")
    program.chmod(0o755)
    command = [sys.executable, "-m", "tests.support.served", address, *modules]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield
        server.terminate()  # processes that tests forked may hold its standard input open


def serve(address: str, *modules: str) -> None:
    """Load modules, and answer every connection until standard input ends."""
    for module in modules:
        importlib.import_module(module)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        os.write(1, b"ready\n")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps them
        while 0 not in select.select([listening.fileno(), 0], [], [])[0]:
            connection, _ = listening.accept()
            with connection:
                if not os.fork():
                    listening.close()
                    answer(connection)


def answer(connection: socket.socket) -> None:
    """Run the command of one connection, in a further process, and send its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, (*streams, folder), *_ = socket.recv_fds(connection, 1, 4)
    arguments, environment = json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))
    command = os.fork()
    if command:
        for handle in (*streams, folder):
            os.close(handle)
        status = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
        connection.sendall(str(status if status >= 0 else 128 - status).encode())
        os._exit(0)
    connection.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.fchdir(folder)
    os.close(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (the stream of this process)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    status = 1
    try:
        run(arguments)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0
    except Exception:
        traceback.print_exc()
    finally:  # a normal exit would take a second to unload torch
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def run(arguments: list[str]) -> None:
    """Run a command line of charseq, or of python with -m charseq or -c."""
    if arguments[:1] == ["-c"]:
        sys.argv = ["-c", *arguments[2:]]
        exec(arguments[1], {"__name__": "__main__"})
        return
    sys.argv = ["charseq", *(arguments[2:] if arguments[:2] == ["-m", "charseq"] else arguments)]
    from charseq.__main__ import main

    main()


if __name__ == "__main__":
    serve(*sys.argv[1:])

"""A server that runs commands of charseq with torch already loaded: `python -m tests.support.served SOCKET`.

The server loads torch once.  A program named charseq, which starts in 20 ms, sends it the command line, the
environment, the current folder and the three streams.  The server runs the command in a fork and answers
with its exit code.  The server ends when its standard input is closed.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = """#!{python} -IS
import json, os, socket
connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
socket.send_fds(connection, [b"."], [0, 1, 2])
connection.sendall(json.dumps([__import__("sys").argv[1:], dict(os.environ), os.getcwd()]).encode())
connection.shutdown(socket.SHUT_WR)
os._exit(int(connection.recv(16) or 1))
"""


@contextmanager
def served(folder: Path) -> Iterator[Path]:
    """Start the server, and write the program named charseq into a folder, which is returned."""
    address = str(folder / "server")
    program = folder / "charseq"
    program.write_text(PROGRAM.format(python=sys.executable, address=address), encoding="utf-8")
    program.chmod(0o755)
    command = [sys.executable, "-m", "tests.support.served", address]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield folder
        server.terminate()  # processes that tests forked may hold its standard input open


def serve(address: str) -> None:
    """Answer every connection until standard input ends."""
    import torch  # noqa: F401 (takes seconds)

    import charseq.api
    import charseq.cli.app
    import charseq.cli.train
    import charseq.training.builder  # noqa: F401 (loaded by most commands)

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
    _, streams, *_ = socket.recv_fds(connection, 1, 3)
    arguments, environment, folder = json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))
    command = os.fork()
    if command:
        for stream in streams:
            os.close(stream)
        status = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
        connection.sendall(str(status if status >= 0 else 128 - status).encode())
        os._exit(0)
    connection.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (the stream of this process)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.argv = ["charseq", *arguments]
    from charseq.__main__ import main

    status = 1
    try:
        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0
    finally:  # a normal exit would take a second to unload torch
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])

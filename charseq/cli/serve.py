"""charseq serve: answer clients of the completions interface with a trained model.  Never imports torch."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from charseq.cli import streams
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.parsers import filled, seconds, whole
from charseq.cli.options.shared import DebugOption, ModelOption, QuietOption, option
from charseq.cli.signals import SAME_SIGNAL_SECONDS, STOP_SIGNALS
from charseq.cli.trained_model import trained_model
from charseq.errors import ExitCode
from charseq.render.visible import visible
from charseq.settings.setting import ADVANCED, Bounds
from charseq.system.signals import install

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from charseq.serving.app import ServedModel
    from charseq.serving.server import Server

EXAMPLES = [
    "charseq serve",
    "charseq serve --port 0",
    "charseq serve --timeout 1m --queue 64 --quiet",
]
STOP_SECONDS = 2.0
"""The time after which a server that is stopping ends at once."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "serve", serve, EXAMPLES)


def serve(
    model: ModelOption = None,
    host: Annotated[
        str,
        option(
            "--host",
            parser=filled,
            metavar="HOST",
            help="Address to listen on. Clients need no password, so others than this machine should not "
            "reach it.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        option("--port", parser=whole(Bounds(0, 65_535)), metavar="PORT", help="Port; 0 picks a free one."),
    ] = 8000,
    timeout: Annotated[
        float,
        option("--timeout", parser=seconds, metavar="TIME", help="Time limit of a request.", default="10m"),
    ] = 600.0,
    batch_size: Annotated[
        int,
        option(
            "--batch-size",
            metavar="N",
            parser=whole(Bounds(1, 1024)),
            help="Completions that are generated side by side; the results do not depend on it.",
            panel=ADVANCED,
        ),
    ] = 64,
    queue: Annotated[
        int,
        option(
            "--queue",
            metavar="N",
            parser=whole(Bounds(0, 100_000)),
            help="Maximum number of completions that wait; more are refused.",
            panel=ADVANCED,
        ),
    ] = 256,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Serve a trained model to clients of the completions interface of language models.

    Clients send POST /v1/completions and GET /v1/models, as to other servers of language models; their base
    URL is the address that is printed.  A text is continued as by `charseq predict` with the same prompt,
    seed and sampling options.
    """
    from charseq import native

    native.share_cores()
    from charseq.serving.engine import Engine
    from charseq.serving.local_only import is_local
    from charseq.serving.server import Server, listen, require_packages, url_of

    require_packages()
    path, trained = trained_model(model)
    engine = Engine(trained, capacity=batch_size, queue=queue)
    engine.report = _report_bug
    server = Server(engine, _served_model(path, model), timeout=timeout, local_only=is_local(host))
    with _stop_signals(server) as stopped_by:
        listening = listen(host, port)
        url = url_of(listening)
        server.start(listening)
        if not is_local(host):
            streams.report(f"{host} is open to other machines, and clients need no password", "yellow")
        streams.report(f"charseq: serving {visible(str(path.parent))} on {url}", in_one_line=True)
        server.ended.wait()
        server.join()
    if server.failure and not stopped_by:
        raise server.failure
    if stopped_by:
        raise typer.Exit(_exit_code(stopped_by[0]))


def _served_model(path: "Path", asked: str | None) -> "ServedModel":
    """Return the names of a model: its run's name, and the paths of its run and its file."""
    from charseq.runs.folder import MODEL
    from charseq.serving.app import ServedModel

    name = (path.resolve().parent.name if path.name == MODEL else path.stem) or "model"
    others = {str(path), str(path.parent), str(path.resolve()), str(path.resolve().parent)}
    if asked:
        others.add(asked)
    return ServedModel(name, frozenset(others), int(path.stat().st_mtime))


@contextlib.contextmanager
def _stop_signals(server: "Server") -> Iterator[list[int]]:
    """Let the first SIGINT, SIGTERM or SIGHUP stop a server, and the second end the process at once.

    Yields a list, to which the first signal is added.  Signals that were ignored from the start stay ignored.
    """
    received: list[int] = []
    limits: list[threading.Timer] = []
    first_at = 0.0

    def handle(number: int, frame: "FrameType | None") -> None:
        nonlocal first_at
        if received:
            if time.monotonic() - first_at >= SAME_SIGNAL_SECONDS:
                os._exit(_exit_code(received[0]))
            return
        received.append(number)
        first_at = time.monotonic()
        server.stop()
        if not streams.is_quiet():
            with contextlib.suppress(OSError):
                os.write(2, b"\nstopping; press Ctrl-C again to quit immediately\n")
        # The process ends in time, even if a client does not read its response.
        limit = threading.Timer(STOP_SECONDS, os._exit, [_exit_code(number)])
        limit.daemon = True
        limit.start()
        limits.append(limit)

    replaced = install(dict.fromkeys(STOP_SIGNALS, handle))
    try:
        yield received
    finally:
        for limit in limits:
            limit.cancel()
        install(replaced if not received else dict.fromkeys(replaced, signal.SIG_IGN))


def _exit_code(number: int) -> ExitCode:
    return ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED


def _report_bug(error: BaseException) -> None:
    """Report an error that is a bug, without what clients sent."""
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" in {frame.name}, line {frame.lineno}" for frame in last)
    message = f"charseq: this is a bug in charseq: {type(error).__name__}{where}; the server goes on"
    streams.report(message, "red", error=True)
    if os.environ.get("CHARSEQ_DEBUG"):
        traceback.print_exception(error)

"""Several processes that train together: on this machine, over loopback, without torchrun or with it.

`python -m tests.support.torchrun CASES` is one of the processes of `trained_together`.
"""

import json
import math
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

from charseq.errors import CharseqError
from charseq.system.torchrun import Place, place

SECONDS = 90.0
"""The time after which processes are killed."""


def environment(rank: int, processes: int, port: int) -> dict[str, str]:
    """Return the environment of one of several processes, with one thread."""
    places = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "MASTER_PORT": port}
    variables = {name: str(value) for name, value in places.items()}
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    fixed = {
        "MASTER_ADDR": "127.0.0.1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    return {**os.environ, **variables, **fixed}


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def started(processes: int, *command: str, cwd: Path) -> Iterator[list["subprocess.Popen[str]"]]:
    """Start a command of Python several times; at the end, kill the processes that still run."""
    port = free_port()
    every = [
        subprocess.Popen(
            [sys.executable, *command],
            cwd=cwd,
            env=environment(rank, processes, port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    try:
        yield every
    finally:
        for process in every:
            process.kill()
            process.communicate()


def trained_together(processes: int, folder: Path, cases: Mapping[str, Mapping[str, Any]]) -> None:
    """Train cases one after the other by the same processes, in folders of the names of the cases.

    A case has the fields of a TextSource in "source", settings in "settings", and may have "updates" after
    which it stops, "resume", the name of the run to resume, and "memory", the bytes of text in memory.
    """
    (folder / "cases.json").write_text(json.dumps(cases))
    with started(processes, "-m", "tests.support.torchrun", "cases.json", cwd=folder) as every:
        ended = [process.communicate(timeout=SECONDS) for process in every]
        assert [process.returncode for process in every] == [0] * processes, ended


def train_case(name: str, case: Mapping[str, Any], processes: Any = None) -> None:
    """Train one case, as process 0 or alone."""
    from charseq.runs.prepare import prepare
    from charseq.text import sources
    from charseq.training.loop import train
    from charseq.training.processes import ALONE

    sources.MAX_BYTES_IN_MEMORY = case.get("memory", 1 << 24)
    source = sources.TextSource(**{key: _tuple(value) for key, value in case["source"].items()})
    calls, updates = count(1), case.get("updates") or math.inf
    resume = case.get("resume")
    with prepare(source, case["settings"], out=None if resume else Path(name), resume=resume) as plan:
        list(train(plan, stop=lambda: next(calls) >= updates, processes=processes or ALONE))


def torchrun(*arguments: str, options: Sequence[str] = (), cwd: Path) -> "subprocess.Popen[str]":
    """Start torchrun with two processes of charseq train."""
    return subprocess.Popen(
        [
            *[sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"],
            *[*options, "-m", "charseq", "train", *arguments],
        ],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def workers(launcher: int) -> dict[int, int]:
    """Return the process ids of the workers of torchrun by rank, on Linux."""
    found = {}
    for children in Path(f"/proc/{launcher}/task").glob("*/children"):
        for pid in map(int, children.read_text().split()):
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            ranks = [v.partition(b"=")[2] for v in variables if v.startswith(b"RANK=")]
            found.update({int(rank): pid for rank in ranks})
    return found


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _abort(error: CharseqError, exit_code: int | None) -> NoReturn:
    print(error.message, file=sys.stderr, flush=True)  # noqa: T201
    os._exit(exit_code or 1)


def _main(cases: Mapping[str, Mapping[str, Any]], here: Place) -> None:
    from charseq.text import sources
    from charseq.training.distributed import ProcessGroup
    from charseq.training.following import follow
    from charseq.training.processes import Action

    group = ProcessGroup(here, _abort, lambda: 0, lambda number: signal.raise_signal(number))
    for number, (name, case) in enumerate(cases.items()):
        if group.leads:
            train_case(name, case, group)
            if number < len(cases) - 1:
                group.order(Action.END)
                group.masks = 0
        else:
            sources.MAX_BYTES_IN_MEMORY = case.get("memory", 1 << 24)
            follow(group, lambda: None)
    group.leave(0)


if __name__ == "__main__":
    _main(json.loads(Path(sys.argv[1]).read_text()), place())

"""Run charseq under an audit hook that ends it at a forbidden event.

`python -m tests.support.watched ARGUMENTS`

No socket, no process, no pickle.
"""

import sys
from typing import Any

FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "pickle.")
"""What the names of forbidden events begin with."""
STATUS = 99


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """End the process where an event is forbidden."""
    import os

    if event.startswith(FORBIDDEN):
        os.write(2, f"forbidden: {event} {arguments!r}\n".encode())
        os._exit(STATUS)


if __name__ == "__main__":
    from charseq.cli.app import run

    if "train" in sys.argv[1:2]:
        import torch  # noqa: F401 (what torch does when it is imported is its own)
    sys.addaudithook(watch)
    sys.exit(run(sys.argv[1:]))

"""Run charseq, as a command or as `python -m charseq`."""

import os
import signal
from types import FrameType

from charseq.system.signals import install

INTERRUPTED = 130


def main() -> None:
    """Run the command line of this process; Ctrl-C while it loads is no error to be traced."""
    replaced = install({signal.SIGINT: _leave})
    from charseq.cli.app import main as run

    install(replaced)
    run()


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()

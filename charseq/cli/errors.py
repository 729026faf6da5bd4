"""Errors on standard error, in one or two lines."""

import sys

from charseq.cli import environment, streams
from charseq.render.visible import visible
from charseq.system import torchrun


def print_error(message: str, hint: str, error: BaseException) -> None:
    """Print an error, with its traceback where --debug asks for it; one of several processes is named."""
    streams.report_waiting()
    if environment.debug():
        import traceback

        traceback.print_exception(error)
    print(f"charseq: {torchrun.prefix()}{visible(message)}", file=sys.stderr)  # noqa: T201
    if hint:
        print(f"  {visible(hint)}", file=sys.stderr)  # noqa: T201

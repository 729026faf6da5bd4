"""What to do with a file of a newer format."""

import re

from charseq._version import __version__


def upgrade_hint(writer: object) -> str:
    """Return what to do with a file of a newer format, which the version `writer` of charseq wrote."""
    is_version = isinstance(writer, str) and re.fullmatch(r"[\w.+-]{1,40}", writer, re.ASCII)
    if is_version and _release(str(writer)) > _release(__version__):
        return f"install charseq {writer} or later"
    return "install a later version of charseq"


def _release(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]+", version)[:3]]

"""Read a folder that `charseq export --format safetensors` wrote.  Nothing in it is trusted or executed.

Each file is read once, from one open file, and what was read is what is checked: a file that changes
meanwhile is refused.  Sizes are checked before anything of their size is allocated.
"""

import hashlib
import os
import stat
from pathlib import Path

from charseq.errors import ModelFileError, UsageError, quoted
from charseq.export.folder_config import (
    CONFIG,
    DAMAGED_HINT,
    LARGEST_CONFIG,
    MODEL,
    described,
    model_digest,
    parse_config,
    text_name,
)
from charseq.model import tensor_file
from charseq.model.description import parse_description
from charseq.model.model_file import Model, model_of
from charseq.system.file_errors import reason, remedy

LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def read_folder(folder: Path) -> Model:
    """Read and verify an exported model.  Raises ModelFileError.

    Its `training` has the origin under "imported", as `charseq.model.model_file` describes it.
    """
    path = folder / MODEL
    config = parse_config(folder / CONFIG, read_file(folder / CONFIG, LARGEST_CONFIG))
    try:
        digest, text = model_digest(config), text_name(config)
    except (KeyError, ValueError) as error:
        raise _inconsistent(folder / CONFIG, error) from error
    data = read_file(path)
    if hashlib.sha256(data).hexdigest() != digest:
        raise ModelFileError(
            f"{quoted(path)} does not match its SHA-256 in {CONFIG}: it is damaged, or of another export",
            hint=DAMAGED_HINT,
        )
    file = tensor_file.parse_tensors(path, data)
    origin = {"file": folder.resolve().name, "sha256": digest, "text": text}
    try:
        digests = {name: tensor_file.digest(file.read_unverified(name)) for name in file.entries}
        values = described(config, digests, origin)
    except (KeyError, ValueError) as error:
        raise _inconsistent(folder / CONFIG, error) from error
    try:
        return model_of(file, parse_description(file, values))
    except UsageError as error:
        raise ModelFileError(error.message, hint=error.hint or DAMAGED_HINT) from error


def read_file(path: Path, most: int | None = None) -> bytes:
    """Return the content of a regular file of at most `most` bytes.  Raises ModelFileError."""
    name = quoted(path)
    try:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise ModelFileError(
                f"{name} is not a regular file", hint="copy the folder with its files (cp -RL), not links"
            )
        with os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelFileError(f"{name} is not a regular file", hint=DAMAGED_HINT)
            if most is not None and status.st_size > most:
                raise ModelFileError(f"{name} is larger than {most:,} bytes", hint=DAMAGED_HINT)
            data = file.read(status.st_size + 1)
    except FileNotFoundError:
        raise ModelFileError(f"there is no {path.name} in {quoted(path.parent)}", hint=DAMAGED_HINT) from None
    except (OSError, ValueError) as error:
        raise ModelFileError(f"cannot read {name}: {reason(error)}", hint=remedy(error)) from None
    if len(data) != status.st_size:
        raise ModelFileError(
            f"{name} changed while it was read", hint="repeat the command once nothing writes to it"
        )
    if data.startswith(LFS_POINTER):
        raise ModelFileError(
            f"{name} is a pointer of Git LFS, not the file itself", hint="fetch the file with 'git lfs pull'"
        )
    return data


def _inconsistent(path: Path, error: Exception) -> ModelFileError:
    what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return ModelFileError(f"{quoted(path)} is inconsistent: {what}", hint=DAMAGED_HINT)

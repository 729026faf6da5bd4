"""Read a model for `charseq import`: an exported folder, or a state_dict; and name what else a path is."""

import hashlib
import os
import re
import shlex
import stat
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from charseq.errors import ModelFileError, UsageError, quoted
from charseq.export.folder_config import CONFIG, MODEL
from charseq.export.folder_reader import read_folder
from charseq.export.torch_state_dict import read_state_dict
from charseq.model import tensor_file
from charseq.model.model_file import Model
from charseq.model.tensor_file import TORCH_VOCABULARY, is_exported
from charseq.render.quantities import count
from charseq.render.visible import visible
from charseq.runs.folder import LOG, comparison_runs
from charseq.system.file_errors import reason, remedy

BEGINNING = 1 << 12
"""Bytes at the beginning of a file that tell its type."""
PICKLE = re.compile(rb"\x80[\x00-\x05]|\(?[dl]p\d|\x93NUMPY|PK[\x03\x05\x07]")
"""How pickles begin, and archives that may contain some: of torch, and of NumPy."""


class Import(NamedTuple):
    """A model, and sentences about it for standard error."""

    model: Model
    notes: tuple[str, ...]


def read_model(path: Path, vocabulary: Path | None = None, cell: str | None = None) -> Import:
    """Read the model of a folder, or of a state_dict with the file of its vocabulary.

    Raises ModelFileError, UsageError; the hint says what to do with another kind of path.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            raise ModelFileError(
                f"there is no file or folder {quoted(path)}", hint="name a folder of 'charseq export'"
            ) from None
        hint = remedy(error) or "name a folder of 'charseq export'"
        raise ModelFileError(f"cannot read {quoted(path)}: {reason(error)}", hint=hint) from None
    if stat.S_ISREG(status.st_mode):
        if vocabulary is None and path.name in (MODEL, CONFIG) and is_exported(path.parent):
            path = path.parent
        else:
            return _read_state_dict(path, vocabulary, cell)
    elif not stat.S_ISDIR(status.st_mode):
        raise ModelFileError(f"{quoted(path)} is neither a file nor a folder", hint="name a folder or a file")
    if is_torch_folder(path):
        return _read_state_dict(path / MODEL, vocabulary, cell)
    _require_exported(path)
    model = read_folder(path)
    lines = "an export does not have the digests of its training lines, which predict --novel needs"
    return Import(model, (_summary(model), *([lines] if model.vocabulary.boundary else [])))


def is_torch_folder(folder: Path) -> bool:
    """Return whether a folder has a state_dict with its vocabulary, as `export --format torch` writes it."""
    return (
        (folder / TORCH_VOCABULARY).is_file() and (folder / MODEL).is_file() and not _is_model(folder / MODEL)
    )


def _summary(model: Model) -> str:
    network, origin = model.network, model.training.get("imported", {})
    layers, units = count(network.layers, "layer"), count(network.hidden_size, "hidden unit")
    ngram = ", with its n-gram model" if model.mixture else ""
    name = visible(origin.get("file") or "a file")
    return f"imported {network.cell_name}, {layers} of {units} from {name}{ngram}"


def _require_exported(folder: Path) -> None:
    """Raise ModelFileError for a folder that is no export of --format safetensors."""
    if is_exported(folder):
        return
    name = quoted(folder)
    use = f"use it as it is: charseq predict --model {shlex.quote(str(folder))}"
    if (folder / LOG).exists() or _is_model(folder / MODEL):
        raise ModelFileError(f"{name} is a run, which needs no import", hint=use)
    if comparison_runs(folder):
        raise ModelFileError(f"{name} is a comparison, whose runs need no import", hint=use)
    if not os.path.lexists(folder / CONFIG):  # otherwise reading it says what is wrong with it
        raise ModelFileError(
            f"{name} is not an exported model: it has no {CONFIG}",
            hint="name a folder of 'charseq export' (format safetensors or torch), or a .safetensors file "
            "with --vocabulary-file",
        )


def _read_state_dict(path: Path, vocabulary: Path | None, cell: str | None) -> Import:
    """Read a model of torch.  Raises ModelFileError for any other file, which it names."""
    _require_state_dict(path)
    if vocabulary is None and not path.with_name(TORCH_VOCABULARY).is_file():
        raise UsageError(
            f"{quoted(path)} has weights, and no vocabulary",
            hint="add --vocabulary-file FILE with its symbols",
        )
    model, notes = read_state_dict(path, vocabulary, cell=cell)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    name = path.parent.resolve().name if vocabulary is None else path.name
    model = replace(model, training={**model.training, "imported": {"file": name, "sha256": sha256}})
    return Import(model, (_summary(model), *notes))


def _require_state_dict(path: Path) -> None:
    name = quoted(path)
    try:
        with path.open("rb") as file:
            data = file.read(BEGINNING)
    except OSError as error:
        raise ModelFileError(f"cannot read {name}: {reason(error)}", hint=remedy(error)) from None
    if PICKLE.match(data) or path.suffix.lower() in (".pt", ".pth", ".ckpt", ".pkl", ".pickle"):
        raise ModelFileError(
            f"{name} is not a safetensors file, and may be a pickle",
            hint="torch.save files are never opened, as loading them can execute code; save the state_dict "
            "with safetensors.torch.save_file",
        )
    if path.suffix.lower() == ".onnx" or data[: len(b"<!doctype")].lower() == b"<!doctype":
        raise ModelFileError(
            f"{name} is an export for other programs", hint="export the model again with --format safetensors"
        )
    if _is_model(path):
        use = f"use it as it is: charseq predict --model {shlex.quote(str(path))}"
        raise ModelFileError(f"{name} is a model of charseq, which needs no import", hint=use)
    if not re.match(rb".{6}\0\0\s*\{", data, re.DOTALL):
        raise ModelFileError(
            f"{name} is not a safetensors file",
            hint="name a folder of 'charseq export', or a .safetensors file with --vocabulary-file",
        )


def _is_model(path: Path) -> bool:
    """Return whether a file is a model of charseq, by its header."""
    try:
        with tensor_file.open_tensors(path):
            return True
    except ModelFileError:
        return False

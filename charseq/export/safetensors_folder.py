"""--format safetensors: a folder to share, with the weights, what they need, and a README.

The tensors are those of the model alone, without the state of the optimizer and the digests of the training
lines.
"""

import hashlib
from pathlib import PurePath

import numpy as np

from charseq.export import card
from charseq.export.folder_config import CONFIG, MODEL, config_of
from charseq.export.formats import Export
from charseq.inspection.reported_run import ReportedRun
from charseq.model import ngram_tensors
from charseq.model.model_file import Model
from charseq.render.quantities import count, size
from charseq.runs.folder import MODEL as RUN_MODEL
from charseq.runs.training_text import saved_text
from charseq.text.sources import STANDARD_INPUT

README = "README.md"
METADATA = {"format": "pt"}
"""The metadata that the loaders of other libraries expect."""


def export(run: ReportedRun, model: Model) -> Export:
    """Return the files of the folder, and notes about their sizes and contents."""
    from safetensors import numpy as safetensors  # not needed for other formats

    arrays = {name: np.ascontiguousarray(array) for name, array in model.arrays.items()}
    if model.mixture is not None:
        arrays |= ngram_tensors.tensors_of(model.mixture)
    data = safetensors.save(arrays, METADATA)
    text = text_name(run, model)
    files = {
        MODEL: data,
        CONFIG: config_of(model, hashlib.sha256(data).hexdigest(), text),
        README: card.card(run, model, text, len(data)).encode(),
    }
    return Export(files, (*_notes(run, model, len(data)),))


def text_name(run: ReportedRun, model: Model) -> str | None:
    """Return the name of the training text: of its files, without folders; None if it is not recorded."""
    imported = model.training.get("imported", {})
    if isinstance(name := imported.get("text"), str):
        return name
    path = run.folder if run.folder.is_file() else run.folder / RUN_MODEL
    source, _ = saved_text(path)
    names = [_file_name(name) for name in source.files]
    if source.texts:
        names.insert(0, count(len(source.texts), "string") + " given with --text")
    if not names:
        return None
    return names[0] + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")


def _file_name(name: str) -> str:
    if name == STANDARD_INPUT:
        return "standard input"
    return PurePath(name).name or "a folder"


def _notes(run: ReportedRun, model: Model, model_bytes: int) -> list[str]:
    sizes = f"{MODEL} {size(model_bytes)}"
    if run.model_bytes:
        sizes += f", the run's file {size(run.model_bytes)}"
    included = "the model has no n-gram model"
    if model.mixture is not None:
        ngram = model.mixture.ngram
        included = (
            f"with the n-gram model: fragments of the training text of up to "
            f"{count(ngram.order, model.vocabulary.unit)}, which sharing the folder shares"
        )
    notes = [sizes, included]
    if model.memorized:
        notes.append(f"{CONFIG} contains the memorized strings, which sharing the folder shares")
    return notes

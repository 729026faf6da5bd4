"""Runs that were not trained here: a model from elsewhere, in a folder like that of a trained run."""

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from charseq.errors import UsageError
from charseq.events import SCHEMA, End, Start
from charseq.model import model_file, ngram_tensors
from charseq.model.model_file import Model
from charseq.runs.folder import LOG, new_run, require_new, runs_folder
from charseq.settings.train_settings import TrainSettings

IMPORTED = "imported"
"""The status of the run in its last event, and the field of its first one with the origin of the model."""
MEASUREMENTS = ("loss", "accuracy", "validation_loss")


def check_destination(out: Path | None, *, force: bool) -> None:
    """Raise UsageError for a folder of the run that exists, unless `force`, or cannot be."""
    if out is not None:
        require_new(out, force=force)
    elif force:
        raise UsageError("--force replaces the run in --out, and --out is missing", hint="add --out FOLDER")
    else:
        runs_folder()


def save_imported(model: Model, out: Path | None = None, *, force: bool = False) -> Path:
    """Make a run of a model whose `training` has its origin, and return the run's folder.

    It is `out`, where `force` replaces an earlier run, or has the next number in the folder of runs.  Raises
    UsageError, or CharseqError if it cannot be written; an earlier run is then unchanged.
    """
    check_destination(out, force=force)
    is_new = out is None or not out.exists()
    run = new_run(model.network.cell_name, out, force=force)
    replaces, saved = run.replaces, False
    try:
        run.log(_start(model, run.folder))
        model_file.write(run.model, model)
        saved = True
        run.replace_log()
        run.log(_end(model, run.model))
    finally:
        run.close()
        if not saved and not replaces:
            with contextlib.suppress(OSError):
                for name in (LOG, "timing.ndjson"):
                    (run.folder / name).unlink(missing_ok=True)
                if is_new:
                    run.folder.rmdir()
    return run.folder


def _start(model: Model, folder: Path) -> dict[str, Any]:
    """Return the first event: what is known of a model without the log of its training."""
    network: dict[str, Any] = asdict(model.network)
    network["cell"] = network.pop("cell_name")
    mixture, vocabulary = model.mixture, model.vocabulary
    settings, known = model.training.get("settings", {}), {field.name for field in fields(TrainSettings)}
    tensors = ngram_tensors.tensors_of(mixture).values() if mixture else ()
    origin: Mapping[str, Any] = model.training.get(IMPORTED, {})
    return {
        **{name: value for name, value in settings.items() if name in known},
        **network,
        "event": Start.event,
        "schema": SCHEMA,
        "ngram": mixture.ngram.order if mixture else 0,
        "parameters": model.network.parameter_count(),
        "run": str(folder),
        "unit": vocabulary.unit,
        "normalization": vocabulary.normalization,
        "symbols": vocabulary.symbols,
        "lines": vocabulary.boundary,
        "labels": vocabulary.label_names,
        "ngrams": mixture.ngram.size if mixture else 0,
        "ngram_bytes": sum(tensor.nbytes for tensor in tensors),
        "text": origin.get("text"),
        IMPORTED: {name: origin[name] for name in ("file", "sha256") if name in origin},
    }


def _end(model: Model, path: Path) -> dict[str, Any]:
    """Return the last event: the measurements that the model came with."""
    training = model.training
    measured: dict[str, Any] = {name: training[name] for name in MEASUREMENTS if name in training}
    return {"event": End.event, "status": IMPORTED, "model": str(path), **measured}

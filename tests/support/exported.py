"""Models for exports, and their folders."""

import contextlib
import io
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from charseq.export import torch_folder
from charseq.export.output import write
from charseq.inspection.reported_run import ReportedRun
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import Floats, SeededDraw
from charseq.model.stepper import Reader
from charseq.runs.run_log import RunLog
from charseq.text.vocabulary import Vocabulary

SYMBOLS = "abcdefghij\n"
PLAIN: dict[str, Any] = {"hidden_size": 7}
DEEP: dict[str, Any] = {
    "hidden_size": 7,
    "layers": 3,
    "embedding_size": 5,
    "residual": True,
    "layer_norm": True,
}


def untrained(cell: str, seed: int = 0, **options: Any) -> Model:
    """Return a model of `SYMBOLS` whose parameters, biases and gains too, are random."""
    network = Network(cell, len(SYMBOLS), **{**PLAIN, **options})
    random = np.random.default_rng(seed)
    arrays = {
        name: (array + random.normal(0, 0.1, array.shape)).astype(np.float32)
        for name, array in network.draw(SeededDraw(seed)).items()
    }
    return Model(network, Vocabulary.of([SYMBOLS]), arrays, opening="a")


def export_torch(model: Model, folder: Path = Path("exported")) -> Path:
    """Write the folder of --format torch."""
    files = torch_folder.export(run_of(model), model).files
    write(folder, files, is_folder=True, force=True)
    return folder


def run_of(model: Model) -> ReportedRun:
    """Return a run that has no more than a model."""
    return ReportedRun(Path("none"), RunLog({}, (), {}), model)


def module_of(code: str) -> ModuleType:
    """Return the module of generated code."""
    module = ModuleType("model")
    exec(compile(code, "model.py", "exec"), module.__dict__)
    return module


def logits_of(model: Model, ids: Any) -> Floats:
    """Return charseq's own logits [B T V] of ids [B T]."""
    reader = Reader(model.network, model.weights, len(ids))
    return reader.read_sequence(np.asarray(ids).T).transpose(1, 0, 2)


def ids_of(rows: int, steps: int, seed: int = 0) -> Any:
    """Return random ids [B T] of `SYMBOLS`."""
    return np.random.default_rng(seed).integers(0, len(SYMBOLS), (rows, steps))


def run_script(folder: Path, *arguments: str) -> bytes:
    """Run predict.py of a folder in this process, as Python runs a file, and return what it prints."""
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
    before = (sys.argv, sys.path)
    sys.argv, sys.path = ["predict.py", *arguments], [str(folder.resolve()), *sys.path]
    try:
        with contextlib.redirect_stdout(output):
            runpy.run_path(str(folder / "predict.py"), run_name="__main__")
    finally:
        sys.argv, sys.path = before
        sys.modules.pop("model", None)
    output.flush()
    return output.buffer.getvalue()

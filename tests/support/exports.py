"""Models to export, and their folders."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from charseq.export import formats
from charseq.inspection.reported_run import ReportedRun
from charseq.model.model_file import Model, write
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.runs.run_log import RunLog
from charseq.text.vocabulary import Vocabulary
from tests.support.labeled import labeled_model
from tests.support.models import gru_model, lstm_model


def reported(model: Model, file: str = "exported-model.safetensors") -> ReportedRun:
    """Write a model file without a run, and return what an export knows of it."""
    path = Path(file)
    write(path, model)
    return ReportedRun(path, RunLog({}, (), {}), model, path.stat().st_size)


def exported(model: Model, folder: Path) -> Path:
    """Write the folder of --format safetensors, and return it."""
    folder.mkdir()
    run = reported(model, str(folder.parent / "exported-model.safetensors"))
    for name, data in formats.export("safetensors", run, model).files.items():
        (folder / name).write_bytes(data)
    run.folder.unlink()
    return folder


def _with_symbols(vocabulary: Vocabulary, **options: Any) -> Model:
    network = Network("gru", len(vocabulary), hidden_size=5, **options)
    return Model(network, vocabulary, network.draw(SeededDraw(7)), opening=vocabulary.symbols[0])


ODD_MODELS: dict[str, Callable[[], Model]] = {
    "memorized strings": lstm_model,
    "lines": lambda: gru_model("abc", boundary=True),
    "labels and n-grams": labeled_model,
    "windows": lambda: replace(
        gru_model("abc"), training={"settings": {"sequence_length": 5, "stride": 2}, "loss": 0.5}
    ),
    "bytes": lambda: _with_symbols(Vocabulary.of(["hé\udcff"], unit="byte")),
    "graphemes": lambda: _with_symbols(
        Vocabulary.of(["e\u0301ae\u0301👩\u200d🚀"], unit="grapheme", normalization="nfd")
    ),
    "an extended vocabulary": lambda: _with_symbols(Vocabulary.of(["bd"]).extended(Vocabulary.of(["abc"]))),
    "every option": lambda: _with_symbols(
        Vocabulary.of(["abc"]),
        layers=3,
        embedding_size=5,
        residual=True,
        layer_norm=True,
        tie_weights=True,
        initial_state="learned",
    ),
}
"""Models of every kind."""

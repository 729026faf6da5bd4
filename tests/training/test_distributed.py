"""The same training by one process and by several, which exchange gradients over loopback."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from charseq.model.model_file import read
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.runs.prepare import plan_run
from charseq.settings.defaults import choose_settings
from charseq.settings.train_settings import TrainSettings
from charseq.text.batches import Batch, Part
from charseq.text.corpus import Corpus
from charseq.text.vocabulary import Vocabulary
from charseq.training.builder import build
from charseq.training.data import TrainingData
from charseq.training.kernels.select import select_path
from charseq.training.learner import Learner
from charseq.training.processes import Processes
from charseq.training.reader import States
from tests.support.torchrun import train_case, trained_together

LONG = "".join(f"{i} times {i + 1} is {i * (i + 1)}.\n" for i in range(130))
NAMES = "".join(f"{name}{i}\n" for i in range(31) for name in ("ada", "grace", "alan", "barbara"))
STREAM = {"hidden_size": 13, "batch_size": 7, "sequence_length": 11, "epochs": 2, "dropout": 0.3}
LINES = {"hidden_size": 11, "batch_size": 5, "epochs": 2, "dropout": 0.2}
LOCAL: dict[str, Any] = {
    **STREAM,
    "dropout": 0.0,
    "epochs": 1,
    "cell": "gru",
    "ngram": 0,
    "sync_every": 3,
    "schedule": "constant",
    "learning_rate": 0.01,
    "average": 0.5,
}
BEGUN: dict[str, Any] = {"source": {"texts": [LONG]}, "settings": {**STREAM, "cell": "gru"}}
CASES: dict[str, dict[str, Any]] = {
    "native": {"source": {"texts": [LONG]}, "settings": {**STREAM, "cell": "gru", "layers": 2}},
    "torch": {
        "source": {"texts": [LONG]},
        "settings": {**STREAM, "cell": "lstm", "kernel": "torch", "ngram": 0, "average": 0.9},
    },
    "lines": {"source": {"texts": [NAMES], "lines": True}, "settings": {**LINES, "cell": "lstm"}},
    "mlstm": {
        "source": {"texts": [LONG]},
        "settings": {**STREAM, "cell": "mlstm", "hidden_size": 16, "ngram": 0},
    },
    "strings": {
        "source": {"texts": ["hihello", "abracadabra", "to be or not"]},
        "settings": {"hidden_size": 7, "cell": "rnn", "epochs": 101},
    },
    "fewer rows than processes": {
        "source": {"texts": [LONG]},
        "settings": {**STREAM, "cell": "mingru", "batch_size": 1, "epochs": 1, "ngram": 0},
    },
    "initial state": {
        "source": {"texts": [NAMES], "lines": True},
        "settings": {**LINES, "cell": "gru", "initial_state": "learned", "ngram": 0, "optimizer": "sgd"},
    },
    "mapped": {
        "source": {"texts": [NAMES], "lines": True},
        "settings": {**LINES, "cell": "gru", "ngram": 0},
        "memory": 1000,
    },
    "local by two": {"source": {"texts": [LONG]}, "settings": LOCAL},
    "begun by two": {**BEGUN, "updates": 29},
    "resumed by two": {"source": {}, "settings": {}, "resume": "begun by one"},
}
"""Every way in which batches are read: streams, lines, whole strings, rows that only some processes have."""

COMPARED = [name for name in CASES if not name.endswith("by two")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every case, trained by one process (in `alone`) and by two."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "temporary").mkdir()
        patch.setenv("TMPDIR", str(folder / "temporary"))
        train_case("begun by one", CASES["begun by two"])
        trained_together(2, folder, CASES)
        for name in COMPARED:
            train_case(f"alone/{name}", CASES[name])
        train_case("uninterrupted", BEGUN)
        train_case("", {"source": {}, "settings": {}, "resume": "begun by two"})
    return folder


def differences(first: Path, second: Path) -> dict[str, float]:
    """Return the largest difference of each weight in two runs."""
    arrays, others = (read(path / "model.safetensors").arrays for path in (first, second))
    assert arrays.keys() == others.keys()
    return {name: float(np.abs(array - others[name]).max()) for name, array in arrays.items()}


def records(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.ndjson").read_text().splitlines()]


@pytest.mark.parametrize("name", COMPARED)
def test_two_processes_train_the_same_network_as_one(folder: Path, name: str) -> None:
    require_equal(folder / "alone" / name, folder / name, 2)


@pytest.mark.long
@pytest.mark.parametrize("processes", [3, 4])
def test_more_processes_train_the_same_network_too(
    folder: Path, tmp_path: Path, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trained_together(processes, tmp_path, {name: CASES[name] for name in COMPARED})
    for name in COMPARED:
        require_equal(folder / "alone" / name, tmp_path / name, processes)


def require_equal(first: Path, second: Path, processes: int) -> None:
    """Require the same weights, and the same losses in the log, of one process and of several."""
    assert max(differences(first, second).values()) < 1e-5
    alone, together = records(first), records(second)
    assert (alone[0]["processes"], together[0]["processes"]) == (1, processes)
    for one, other in zip(alone[1:], together[1:], strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-5)
        assert other["accuracy"] == pytest.approx(one["accuracy"], abs=1e-3)
        if one.get("network_validation_loss") is not None:
            for field in ("validation_loss", "network_validation_loss"):
                assert other[field] == pytest.approx(one[field], rel=1e-5)


@pytest.mark.parametrize("run", ["begun by one", "begun by two"])
def test_a_run_resumes_with_any_number_of_processes(folder: Path, run: str) -> None:
    assert max(differences(folder / "uninterrupted", folder / run).values()) < 1e-5
    full, resumed = records(folder / "uninterrupted"), records(folder / run)
    assert [each["event"] for each in resumed] == [each["event"] for each in full]
    assert resumed[0]["processes"] == (2 if run == "begun by one" else 1)


def test_a_large_text_is_written_once_and_leaves_no_file(folder: Path) -> None:
    assert [*(folder / "temporary").iterdir()] == []


def test_weights_are_averaged_every_few_updates_of_each_process(folder: Path) -> None:
    corpus = Corpus((LONG,))
    vocabulary = Vocabulary.of(corpus.sequences)
    settings = choose_settings(corpus, len(vocabulary), LOCAL)
    plan = plan_run(corpus, vocabulary, settings, out=folder / "never written")
    learners, batches = [], []
    for rank in range(2):
        processes = Processes()
        processes.part = Part(rank, 2)
        batches.append(TrainingData(corpus, vocabulary, settings, processes).windows.batches())
        learners.append(build(plan, live=False, save_every=60.0).state.learner)
    states: list[States | None] = [None, None]
    flats = [learner.parameters.flat for learner in learners]
    averaged = [flat.clone() for flat in flats[0]]
    updates = 0
    for updates, parts in enumerate(zip(*batches, strict=True), 1):
        for rank, part in enumerate(parts):
            own = replace(part, other_rows=0, other_positions=0, first_row=0)
            _, _, states[rank] = learners[rank].update(own, states[rank], settings.learning_rate)
        if updates % settings.sync_every == 0:
            _average(flats)
            decay = min(settings.average**settings.sync_every, (1 + updates) / (10 + updates))
            for mean, current in zip(averaged, flats[0], strict=True):
                mean.lerp_(current, 1 - decay)
    assert updates % settings.sync_every  # the last updates are averaged before the evaluation
    expected = learners[0].parameters.arrays(averaged)
    trained = read(folder / "local by two" / "model.safetensors").arrays
    assert max(float(np.abs(expected[name] - trained[name]).max()) for name in expected) < 1e-5
    assert records(folder / "local by two")[0]["sync_every"] == 3


@torch.no_grad()
def _average(flats: list[list[torch.Tensor]]) -> None:
    for tensors in zip(*flats, strict=True):
        mean = torch.stack(tensors).mean(0)
        for tensor in tensors:
            tensor.copy_(mean)


def test_a_process_whose_rows_have_ended_keeps_its_weights_until_they_are_averaged() -> None:
    processes = Processes()
    processes.part = Part(0, 2)
    network = Network.of(settings := TrainSettings(hidden_size=7, sync_every=3), 5)
    arrays = network.draw(SeededDraw(0))
    device = torch.device("cpu")
    learner = Learner(network, arrays, settings, select_path(network.cell, device), device, processes)
    before = learner.parameters.copy()
    ids, nothing = np.zeros((2, 3), np.int64), np.zeros((2, 3), np.float32)
    ended = Batch(ids, ids, nothing, np.ones(2, np.bool_), other_rows=2, other_positions=6)
    for updates in (1, 2, 3):
        loss, _, _ = learner.update(ended, None, 0.1)
        assert float(loss) == 0.0
        assert learner.is_synchronized == (updates == 3)
    assert all(map(torch.equal, learner.parameters.flat, before))

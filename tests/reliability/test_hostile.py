"""Untrusted input: files that are not models, forged models, texts that change while they are read."""

import io
import json
import os
import pickle
import resource
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charseq.cells import CELLS
from charseq.errors import ModelFileError
from charseq.model.model_file import read, write
from charseq.model.tensor_file import open_tensors
from charseq.runs.resume import load_run
from tests.support.command import Command
from tests.support.forged_models import FORGERIES, PATH, write_forged
from tests.support.watched import STATUS, watched

ROOT = Path(__file__).parents[2]


class Trap:
    """What ends the process where it is unpickled."""

    def __reduce__(self) -> Any:
        return (os._exit, (99,))


def foreign() -> dict[str, bytes]:
    """Files of other kinds."""
    made: dict[str, bytes] = {"a pickle": pickle.dumps(Trap()), "nothing": b"", "text": b"hihello\n" * 99}
    for kind, write_to in (("zip", zipped), ("tar", tarred), ("npz", npz), ("npy", npy)):
        file = io.BytesIO()
        write_to(file)
        made[kind] = file.getvalue()
    import torch

    file = io.BytesIO()
    torch.save({"weights": torch.zeros(3), "trap": Trap()}, file)
    made["a torch file"] = file.getvalue()
    return made


def zipped(file: io.BytesIO) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Trap()))


def tarred(file: io.BytesIO) -> None:
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model/data.pkl"))


def npz(file: io.BytesIO) -> None:
    np.savez(file, a=np.zeros(3))


def npy(file: io.BytesIO) -> None:
    np.save(file, np.array([Trap()], object), allow_pickle=True)


def test_files_of_other_kinds_are_refused_within_a_second_and_never_executed() -> None:
    for kind, data in foreign().items():
        PATH.write_bytes(data)
        began = time.monotonic()
        with pytest.raises(ModelFileError, match="is not a charseq model"):
            read(PATH)
        assert time.monotonic() - began < 1, kind
    for command in (["predict"], ["score", "a"], ["runs", "show"], ["train", "--resume"]):
        PATH.write_bytes(pickle.dumps(Trap()))
        model_given = (
            [*command, str(PATH)] if command[-1] in ("show", "--resume") else [*command, "--model", str(PATH)]
        )
        done = watched(*model_given)
        assert done.returncode == 2, (command, done.stderr)
        assert "is not a charseq model" in done.stderr


def test_no_socket_is_opened_and_no_process_started() -> None:
    Path("text.txt").write_text("hihello")
    for command in (
        "train --file text.txt --epochs 3",
        "train --resume --epochs 5",
        "predict h",
        "score hihello",
        "inspect-shapes hello",
        "runs show --verify",
        "cells",
        "config show train",
        "train --help",
    ):
        done = watched(*command.split())
        assert done.returncode == 0, (command, done.stderr)


@pytest.mark.parametrize("event", ["socket.socket()", "pickle.loads(pickle.dumps(watched))"])
def test_the_audit_hook_ends_a_process_at_a_forbidden_event(event: str) -> None:
    code = "import pickle, socket, sys; from tests.support.watched import watch, watched; "
    done = subprocess.run(
        [sys.executable, "-c", f"{code}sys.addaudithook(watch); {event}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == STATUS


RESIDENT = """
import json, resource, sys
from pathlib import Path
from charseq.errors import ModelFileError
from charseq.model.model_file import read
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        read(Path(path))
    except ModelFileError:
        continue
    raise SystemExit(path)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux counts it")
def test_a_forged_file_is_refused_without_using_memory() -> None:
    names = []
    for number, lie in enumerate(FORGERIES.values()):
        write_forged(lie)
        names.append(f"{number}.safetensors")
        PATH.rename(names[-1])
    for header in (
        b'{"a":' * 100_000,
        b"[" * 500_000,
        b'{"__metadata__":{"charseq":"' + b"[" * 100_000 + b'"}}',
    ):
        names.append(f"{len(names)}.safetensors")
        Path(names[-1]).write_bytes(len(header).to_bytes(8, "little") + header)
    Path("endless.safetensors").write_bytes((2**63).to_bytes(8, "little") + b"{}")
    largest = max(Path(name).stat().st_size for name in names)
    limit = 4 << 30
    done = subprocess.run(
        [sys.executable, "-c", RESIDENT, *names, "endless.safetensors"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) * 1024 < (64 << 20) + 2 * largest


@pytest.mark.parametrize("cell", CELLS)
def test_a_run_that_diverges_saves_no_nan(charseq: Command, cell: str) -> None:
    common = ["--text", "hihello", "--cell", cell, "--hidden-size", "6", "--layers", "2", "--json"]
    result = charseq("train", *common, "--learning-rate", "1e30", "--optimizer", "sgd")
    end = result.records[-1]
    if cell == "none":  # whose single product no rate makes infinite at once
        assert result.status in (0, 1)
    else:
        assert (result.status, end["status"]) == (1, "diverged")
    with open_tensors(Path(end["model"])) as file:
        told = json.loads(file.metadata["charseq"])["tensors"]
        for name in file.entries:
            found = file.read(name, told[name])
            assert np.isfinite(found).all() or found.dtype == np.uint8
    for line in Path(end["model"]).with_name("log.ndjson").read_text().splitlines():
        json.loads(line, parse_constant=lambda constant: pytest.fail(constant))


def test_weights_that_are_nan_are_detected_by_the_next_update(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--cell", "gru", "--hidden-size", "5", "--epochs", "3")
    path = Path("runs/0001-gru/model.safetensors")
    left = load_run(path)
    tensors = {name: array.copy() for name, array in left.state.tensors.items()}
    tensors["weights.0"][0] = np.nan
    write(path, left.model, type(left.state)(left.state.progress, tensors))
    result = charseq("train", "--resume", "--epochs", "9", "--json")
    assert result.status == 1
    assert [record["event"] for record in result.records] == ["start", "end"]
    assert result.records[-1]["status"] == "diverged"
    assert all(np.isfinite(array).all() for array in read(path).arrays.values())


@pytest.mark.parametrize("kind", ["link", "folder", "fifo", "a link to a folder"])
@pytest.mark.parametrize("name", ["model.safetensors", "log.ndjson"])
def test_only_a_regular_file_is_written_to(charseq: Command, kind: str, name: str) -> None:
    elsewhere = Path("elsewhere")
    make: dict[str, Callable[[Path], object]] = {
        "link": lambda path: path.symlink_to(elsewhere.resolve()),
        "folder": lambda path: path.mkdir(),
        "fifo": os.mkfifo,
        "a link to a folder": lambda path: path.symlink_to(Path().resolve()),
    }
    elsewhere.write_bytes(b"precious")
    Path("out").mkdir()
    make[kind](Path("out") / name)
    before = sorted(Path().iterdir())
    result = charseq("train", "--text", "hihello", "--epochs", "2", "--out", "out", "--force")
    assert result.status == 1
    assert "is not a regular file" in result.errors
    assert elsewhere.read_bytes() == b"precious"
    assert sorted(Path().iterdir()) == before


def test_a_lock_is_never_a_link(charseq: Command) -> None:
    Path("precious").write_text("precious")
    Path("out").mkdir()
    Path("out/.lock").symlink_to("../precious")
    result = charseq("train", "--text", "hihello", "--epochs", "2", "--out", "out")
    assert result.status == 1
    assert Path("precious").read_text() == "precious"


def test_a_file_that_shrinks_while_it_is_read_raises_a_charseq_error(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 1000)
    monkeypatch.setattr("charseq.text.corpus.CHUNK_BYTES", 500)
    text = Path("text.txt")
    text.write_text("abcdefgh\n" * 1000)
    from charseq.text.vocabulary import Vocabulary

    known = Vocabulary.of

    def shrinking(*arguments: Any, **options: Any) -> Vocabulary:
        found = known(*arguments, **options)
        os.truncate(text, 0)
        return found

    monkeypatch.setattr(Vocabulary, "of", shrinking)
    result = charseq("train", "--file", "text.txt", "--epochs", "1")
    assert result.status == 2, result.errors
    assert len(result.errors.splitlines()) <= 3
    assert not Path("runs").exists()

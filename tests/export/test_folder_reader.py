"""Folders of strangers: damaged, forged, of other kinds, or changed while they are read."""

import contextlib
import io
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from charseq.errors import ModelFileError
from charseq.export.folder_reader import read_folder
from charseq.model.model_file import Model
from tests.support.exports import exported
from tests.support.forged_exports import HEADER_LIES, LIES, signed, with_header
from tests.support.labeled import labeled_model
from tests.support.models import lstm_model

ROOT = Path(__file__).parents[2]
FOLDER = Path("shared")
CONFIG, TENSORS = FOLDER / "config.json", FOLDER / "model.safetensors"


class Trap:
    """What ends the process where it is unpickled."""

    def __reduce__(self) -> Any:
        return (os._exit, (99,))


def same(model: Model, other: Model) -> bool:
    arrays = {name: array.tobytes() for name, array in model.arrays.items()}
    return (
        (model.network, model.vocabulary, model.memorized, model.opening, model.training)
        == (other.network, other.vocabulary, other.memorized, other.opening, other.training)
    ) and arrays == {name: array.tobytes() for name, array in other.arrays.items()}


def refused(message: str | None = None) -> str:
    with pytest.raises(ModelFileError, match=message) as caught:
        read_folder(FOLDER)
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize("bits", [1, pytest.param(8, marks=pytest.mark.long)])
@pytest.mark.parametrize("path", [CONFIG, TENSORS])
def test_every_flipped_bit_is_detected_or_changes_nothing(path: Path, bits: int) -> None:
    intact = read_folder(exported(lstm_model(), FOLDER))
    data = bytearray(path.read_bytes())
    detected = 0
    for number in range(len(data)):
        for bit in range(8) if bits == 8 else [number % 8]:
            data[number] ^= 1 << bit
            path.write_bytes(data)
            try:
                assert same(read_folder(FOLDER), intact)
            except ModelFileError:
                detected += 1
            data[number] ^= 1 << bit
    assert detected > 0.7 * bits * len(data)  # the rest is white space of the configuration
    assert path == CONFIG or detected == bits * len(data)


@pytest.mark.parametrize("path", [CONFIG, TENSORS])
def test_every_truncation_is_detected(path: Path) -> None:
    exported(lstm_model(), FOLDER)
    data = path.read_bytes()
    for size in range(len(data) - (path == CONFIG)):  # the configuration ends with a line end
        path.write_bytes(data[:size])
        with pytest.raises(ModelFileError):
            read_folder(FOLDER)


@pytest.mark.parametrize("lie", LIES)
def test_a_configuration_that_lies_is_refused(lie: str) -> None:
    signed(exported(lstm_model(), FOLDER), LIES[lie])
    refused()


@pytest.mark.parametrize("lie", HEADER_LIES)
def test_tensors_that_do_not_fit_the_configuration_are_refused(lie: str) -> None:
    with_header(exported(lstm_model(), FOLDER), HEADER_LIES[lie])
    refused()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(value: float) -> None:
    exported(lstm_model(), FOLDER)
    arrays = {name: array.copy() for name, array in load_file(TENSORS).items()}
    arrays["head.b"][1] = value
    save_file(arrays, TENSORS, {"format": "pt"})
    signed(FOLDER)
    refused("NaN or infinite")


def test_an_n_gram_model_that_is_inconsistent_is_refused() -> None:
    exported(labeled_model(), FOLDER)
    arrays = load_file(TENSORS)
    arrays["ngram.symbols"] = arrays["ngram.symbols"][::-1].copy()
    save_file(arrays, TENSORS, {"format": "pt"})
    signed(FOLDER)
    refused("n-gram model")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"[]", b"7", b'"x"', b"null", b'{"charseq_export": 1', b'{"charseq_export": NaN}',
        b'{"charseq_export": 1, "charseq_export": 1}', b"[" * 500_000, b'{"a":' * 100_000, b"\xff\xfe{\0}\0",
        b'{"charseq_export": ' + b"9" * 5000 + b"}", b"\x80\x04K\x01.", b"{" * 99,
    ],
    ids=range(15),
)  # fmt: skip
def test_a_configuration_of_another_kind_is_refused(data: bytes) -> None:
    exported(lstm_model(), FOLDER)
    CONFIG.write_bytes(data)
    refused()


def test_the_configuration_of_another_library_is_named() -> None:
    exported(lstm_model(), FOLDER)
    CONFIG.write_text(json.dumps({"architectures": ["GPT2LMHeadModel"], "vocab_size": 50257}))
    assert "was not written by 'charseq export'" in refused()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Trap()))
    return file.getvalue()


@pytest.mark.parametrize("kind", ["pickle", "zip", "nothing"])
def test_tensors_of_another_kind_are_refused_and_never_executed(kind: str) -> None:
    exported(lstm_model(), FOLDER)
    TENSORS.write_bytes({"pickle": pickle.dumps(Trap()), "zip": zipped(), "nothing": b""}[kind])
    refused("SHA-256")
    signed(FOLDER)
    refused("not a safetensors file")


def test_a_pointer_of_git_lfs_is_named() -> None:
    exported(lstm_model(), FOLDER)
    TENSORS.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n")
    assert "Git LFS" in refused()


@pytest.mark.parametrize("path", [CONFIG, TENSORS])
@pytest.mark.parametrize("kind", ["link", "folder", "fifo", "nothing"])
def test_only_regular_files_are_read(path: Path, kind: str) -> None:
    exported(lstm_model(), FOLDER)
    path.rename("elsewhere")
    make: dict[str, Callable[[], object]] = {
        "link": lambda: path.symlink_to(Path("elsewhere").resolve()),
        "folder": path.mkdir,
        "fifo": lambda: os.mkfifo(path),
        "nothing": lambda: None,
    }
    make[kind]()
    refused("is not a regular file" if kind != "nothing" else f"there is no {path.name}")


def test_a_file_that_grows_or_shrinks_while_it_is_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    exported(lstm_model(), FOLDER)
    known = os.fstat

    class Status:
        def __init__(self, handle: int, change: int) -> None:
            self.st_mode, self.st_size = known(handle).st_mode, known(handle).st_size + change

    for change in (-1, 1):
        monkeypatch.setattr("os.fstat", lambda handle, change=change: Status(handle, change))
        refused("changed while it was read")


RESIDENT = """
import resource, sys
from pathlib import Path
from charseq.errors import ModelFileError
from charseq.export.folder_reader import read_folder
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        read_folder(Path(path))
    except ModelFileError:
        continue
    raise SystemExit(path)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux counts it")
def test_a_folder_that_lies_is_refused_without_using_memory() -> None:
    exported(lstm_model(), FOLDER)
    names = []
    for number, (change, lies) in enumerate(
        [*((signed, lie) for lie in LIES.values()), *((with_header, lie) for lie in HEADER_LIES.values())]
    ):
        shutil.copytree(FOLDER, f"f{number}")
        change(Path(f"f{number}"), lies)
        names.append(f"f{number}")
    many = b'{"charseq_export":1,"x":[' + b'"ab",' * 390_000 + b'1],"y":"' + "🚀".encode() * 700_000 + b'"}'
    bombs = [b"[" * 500_000, b'{"a":' * 100_000, b"[" + b"[]," * 90_000, b"\0" * 2**25, many]
    for number, data in enumerate(bombs):
        shutil.copytree(FOLDER, f"c{number}")
        Path(f"c{number}/config.json").write_bytes(data)
        names.append(f"c{number}")
    limit = 4 << 30
    done = subprocess.run(
        [sys.executable, "-c", RESIDENT, *names],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) * 1024 < (64 << 20) + 2 * len(many)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzzed")
    return exported(lstm_model(), folder / "shared")


@settings(max_examples=40)
@given(data=st.data())
def test_no_changed_configuration_raises_anything_but_a_model_file_error(
    config: Path, data: st.DataObject
) -> None:
    intact = (config / "config.json").read_bytes()

    def change(values: dict[str, Any]) -> None:
        for _ in range(data.draw(st.integers(1, 2))):
            inside: Any = values
            while isinstance(inside, dict) and inside:
                key = data.draw(st.sampled_from(sorted(inside)))
                if not isinstance(inside[key], dict) or data.draw(st.booleans()):
                    inside[key] = data.draw(JSON)
                    break
                inside = inside[key]

    signed(config, change)
    with contextlib.suppress(ModelFileError):
        read_folder(config)
    (config / "config.json").write_bytes(intact)


def test_settings_that_no_export_writes_have_no_effect() -> None:
    def change(config: dict[str, Any]) -> None:
        config["settings"] |= {"event": "end", "symbols": [1], "run": "../x", "epochs": 7}
        config["training"] |= {"settings": {"stride": 3}, "imported": {"file": "x"}, "unknown": 1}

    signed(exported(lstm_model(training={"epoch": 3}), FOLDER), change)
    model = read_folder(FOLDER)
    assert model.training["settings"] == {}
    assert model.training["imported"]["file"] == "shared"
    assert model.training.keys() == {"epoch", "settings", "imported"}

"""State_dicts of strangers: every damage is refused with charseq's own error, and nothing is executed."""

import json
import math
import pickle
import random
import resource
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from charseq.errors import CharseqError, ModelFileError
from charseq.export.torch_state_dict import read
from tests.support.exported import SYMBOLS, export_torch, untrained
from tests.support.torch_models import CharModel, tensors_of

WEIGHTS, VOCABULARY = Path("weights.safetensors"), Path("symbols.json")


@pytest.fixture(autouse=True)
def saved(empty_folder: Path) -> bytes:
    VOCABULARY.write_text(json.dumps([*SYMBOLS]))
    save_file(tensors_of(CharModel(hidden=2)), WEIGHTS)
    return WEIGHTS.read_bytes()


def refusal() -> CharseqError | None:
    """The error of reading the file, or None if it can be read; any other error fails the test."""
    try:
        read(WEIGHTS, VOCABULARY)
    except CharseqError as error:
        return error
    return None


def test_every_truncation_is_refused(saved: bytes) -> None:
    header = 8 + int.from_bytes(saved[:8], "little")
    for size in (*range(header), *range(header, len(saved), 7)):
        WEIGHTS.write_bytes(saved[:size])
        error = refusal()
        assert isinstance(error, ModelFileError), size
        assert error.hint
    WEIGHTS.write_bytes(saved + b"\0")
    assert refusal()


def test_every_changed_byte_of_the_header_is_refused_or_read(saved: bytes) -> None:
    chosen = random.Random(0)
    size = int.from_bytes(saved[:8], "little")
    refused = 0
    for at in range(8 + size):
        damaged = bytearray(saved)
        damaged[at] ^= 1 << chosen.randrange(8)
        WEIGHTS.write_bytes(damaged)
        refused += refusal() is not None
    assert refused > size // 2


def with_header(data: bytes, change: Callable[[dict[str, Any]], Any]) -> None:
    """Write a file with a changed header."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    WEIGHTS.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :])


FORGERIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a hidden size of 2^31": lambda h: h["rnn.weight_hh_l0"].update(shape=[2**33, 2**31]),
    "sizes without elements": lambda h: h["rnn.weight_hh_l0"].update(shape=[0, 2**62]),
    "another type": lambda h: h["decoder.bias"].update(dtype="I32"),
    "an unknown type": lambda h: h["decoder.bias"].update(dtype="C64"),
    "a layer of a large number": lambda h: h.update({"rnn.weight_ih_l9999": h.pop("rnn.weight_ih_l0")}),
    "a name with folders": lambda h: h.update({"../../evil": h.pop("decoder.bias")}),
    "overlapping tensors": lambda h: h["decoder.bias"].update(
        data_offsets=h["rnn.bias_hh_l0"]["data_offsets"]
    ),
    "a tensor past the end": lambda h: h["decoder.bias"].update(data_offsets=[0, 10**9]),
    "a negative offset": lambda h: h["decoder.bias"].update(data_offsets=[-44, 0]),
    "a shape of text": lambda h: h["decoder.bias"].update(shape="x"),
    "an entry with other fields": lambda h: h["decoder.bias"].update(dtypes={}),
    "an entry that is no object": lambda h: h.update({"decoder.bias": 7}),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_header_that_lies_is_refused(saved: bytes, name: str) -> None:
    with_header(saved, FORGERIES[name])
    assert isinstance(refusal(), ModelFileError)


def test_metadata_are_strings_whose_values_do_not_matter(saved: bytes) -> None:
    values: list[tuple[Any, bool]] = [({"a": "b"}, True), ({}, True), ({"charseq": "x"}, True)]
    for value, is_valid in [*values, ([], False), (7, False), ({"a": 1}, False)]:
        with_header(saved, partial(dict.update, __metadata__=value))
        assert (refusal() is None) is is_valid


def test_a_name_that_occurs_twice_is_refused(saved: bytes) -> None:
    size = int.from_bytes(saved[:8], "little")
    text = saved[8 : 8 + size].decode().rstrip()
    entry = json.dumps(json.loads(text)["decoder.bias"])
    text = text.removesuffix("}") + f',"decoder.bias":{entry}}}'
    WEIGHTS.write_bytes(struct.pack("<Q", len(text)) + text.encode() + saved[8 + size :])
    assert "not a safetensors file" in str(refusal())


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e300])
def test_a_value_that_is_not_finite_is_refused(value: float) -> None:
    tensors = {name: tensor.double() for name, tensor in tensors_of(CharModel()).items()}
    tensors["decoder.bias"][3] = value
    save_file(tensors, WEIGHTS)
    assert "tensor 'decoder.bias' has a value that is NaN or infinite" in str(refusal())


def test_quantized_weights_are_refused() -> None:
    save_file({name: tensor.to(torch.int8) for name, tensor in tensors_of(CharModel()).items()}, WEIGHTS)
    assert "has the type I8" in str(refusal())


class Evil:
    """What a pickle would execute."""

    def __reduce__(self) -> Any:
        """Return a call that leaves a trace."""
        return Path.touch, (Path("executed"),)


def test_pickles_and_archives_are_refused_and_never_executed() -> None:
    model = CharModel()
    torch.save(model.state_dict(), WEIGHTS)
    assert "not a safetensors file" in str(refusal())
    WEIGHTS.write_bytes(pickle.dumps(Evil()))
    assert "not a safetensors file" in str(refusal())
    with zipfile.ZipFile(WEIGHTS, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Evil()))
    assert "not a safetensors file" in str(refusal())
    with WEIGHTS.open("wb") as file:
        np.savez(file, np.array([Evil()]))
    assert "not a safetensors file" in str(refusal())
    assert not Path("executed").exists()


def test_a_header_as_long_as_memory_is_refused_before_anything_is_allocated() -> None:
    for length in (2**63 - 1, 2**64 - 1, 2**40):
        WEIGHTS.write_bytes(struct.pack("<Q", length) + b"{}")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert refusal()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_an_exported_folder_with_other_tensors_is_refused() -> None:
    folder = export_torch(untrained("lstm", layers=2, residual=True))
    data = (folder / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["other"] = header.pop("head.bias")
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :])
    with pytest.raises(
        ModelFileError, match=r"model.safetensors' cannot be used: it has 2 recurrent modules"
    ):
        read(folder)


def test_a_described_network_of_other_sizes_is_refused() -> None:
    folder = export_torch(untrained("mingru"))
    values = json.loads((folder / "vocabulary.json").read_text())
    for size in (2**31, 5, 10**18):
        values["network"]["hidden_size"] = size
        (folder / "vocabulary.json").write_text(json.dumps(values))
        with pytest.raises(ModelFileError, match=r"'layers.0.W_x' has the shape \[14, 11\], where "):
            read(folder)
    values["network"] |= {"hidden_size": 7, "layers": 10**9}
    (folder / "vocabulary.json").write_text(json.dumps(values))
    with pytest.raises(ModelFileError, match="no tensors weight_ih"):
        read(folder)

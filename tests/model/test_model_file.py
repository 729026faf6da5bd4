import json
import os
import pickle
import zipfile
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import numpy as safetensors

from charseq.errors import ModelFileError
from charseq.model.model_file import Model, ResumeState, describe, read, read_state, write
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.text.vocabulary import Vocabulary
from tests.support.forged_models import FORGERIES, PATH, write_forged
from tests.support.models import lstm_model


def test_a_model_comes_back_bit_exact() -> None:
    write(PATH, lstm_model())
    found, expected = read(PATH), lstm_model()
    assert (found.network, found.vocabulary, found.memorized, found.opening, dict(found.training)) == (
        expected.network,
        expected.vocabulary,
        expected.memorized,
        expected.opening,
        expected.training,
    )
    for name, array in expected.arrays.items():
        assert found.arrays[name].tobytes() == array.tobytes()


def lined(lines: Any, *, boundary: bool = True) -> Model:
    vocabulary = Vocabulary.of(["ab"], boundary=boundary)
    network = Network("gru", len(vocabulary), hidden_size=2)
    return Model(network, vocabulary, network.draw(SeededDraw(0)), opening="a", lines=lines)


def test_the_digests_of_lines_come_back() -> None:
    digests = np.array([3, 2**40, 2**64 - 1], np.uint64)
    write(PATH, lined(digests))
    found = read(PATH)
    assert found.lines is not None
    assert found.lines.tolist() == digests.tolist()
    assert set(found.arrays) == set(found.network.parameter_specs())
    write(PATH, lined(None))
    assert read(PATH).lines is None


@pytest.mark.parametrize(
    "wrong",
    [
        lined(np.array([2, 1], np.uint64)),
        lined(np.array([1, 1], np.uint64)),
        lined(np.array([1.0, 2.0], np.float32)),
        lined(np.array([[1, 2]], np.uint64)),
        lined(np.array([1, 2], np.uint64), boundary=False),
    ],
    ids=["not sorted", "one twice", "no whole numbers", "a matrix", "no model of lines"],
)
def test_digests_that_cannot_be_are_refused(wrong: Model) -> None:
    write(PATH, wrong)
    with pytest.raises(ModelFileError, match="lines"):
        read(PATH)


def test_the_same_model_is_the_same_bytes_twenty_times() -> None:
    contents = set()
    for _ in range(20):
        write(PATH, lstm_model())
        contents.add(PATH.read_bytes())
    assert len(contents) == 1


def test_other_tools_can_open_it() -> None:
    write(PATH, lstm_model())
    assert set(safetensors.load_file(PATH)) == set(lstm_model().arrays)


def test_every_truncation_is_detected_and_reported_with_a_message_of_charseq() -> None:
    write(PATH, lstm_model())
    data = PATH.read_bytes()
    ours = {"is not a charseq model, or is damaged", "is damaged: its tensors do not match its header"}
    for size in range(len(data)):
        PATH.write_bytes(data[:size])
        with pytest.raises(ModelFileError) as caught:
            read(PATH)
        assert caught.value.message.removeprefix(f"'{PATH}' ") in ours


@pytest.mark.parametrize("bits", [1, pytest.param(8, marks=pytest.mark.long)])
def test_a_flipped_bit_of_any_byte_is_detected(bits: int) -> None:
    write(PATH, lstm_model())
    data = bytearray(PATH.read_bytes())
    for place in range(len(data)):
        for bit in range(8) if bits == 8 else [place % 8]:
            data[place] ^= 1 << bit
            PATH.write_bytes(data)
            with pytest.raises(ModelFileError):
                read(PATH)
            data[place] ^= 1 << bit


@pytest.mark.long
def test_every_flipped_bit_of_a_training_state_is_detected_or_not_read() -> None:
    kept: dict[str, npt.NDArray[Any]] = {
        "weights.0": np.arange(3, dtype=np.float32),
        "generator": np.arange(9, dtype=np.uint8),
    }
    write(PATH, lstm_model(), ResumeState({"epochs": 3}, kept))
    whole, state = read_state(PATH)
    assert state.progress == {"epochs": 3}
    assert {name: array.tolist() for name, array in state.tensors.items()} == {
        name: array.tolist() for name, array in kept.items()
    }
    data = bytearray(PATH.read_bytes())
    unread = 0
    for place in range(len(data)):
        data[place] ^= 1 << place % 8
        PATH.write_bytes(data)
        for careful in (read_state, partial(describe, verify=True)):
            with pytest.raises(ModelFileError):
                careful(PATH)
        try:
            found = read(PATH)
        except ModelFileError:
            pass
        else:
            unread += 1
            assert all((found.arrays[name] == array).all() for name, array in whole.arrays.items())
        data[place] ^= 1 << place % 8
    assert unread == sum(array.nbytes for array in kept.values())


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_arbitrary_bytes_are_refused_with_a_message_of_charseq(data: bytes) -> None:
    for content in (data, len(data).to_bytes(8, "little") + data):
        PATH.write_bytes(content)
        with pytest.raises(ModelFileError):
            read(PATH)


class Trap:
    def __reduce__(self) -> Any:
        return (os._exit, (99,))


def test_pickles_and_archives_are_refused_and_never_executed() -> None:
    PATH.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ModelFileError, match="is not a charseq model"):
        read(PATH)
    with zipfile.ZipFile(PATH, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Trap()))
    with pytest.raises(ModelFileError, match="is not a charseq model"):
        read(PATH)


@pytest.mark.parametrize("lie", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_file_is_refused(lie: Any) -> None:
    write_forged(lie)
    with pytest.raises(ModelFileError):
        read(PATH)


def test_a_description_that_is_no_object_is_refused() -> None:
    for description in ("[]", "null", "1", "{", ""):
        PATH.write_bytes(safetensors.save({}, {"charseq": description}))
        with pytest.raises(ModelFileError, match="is damaged: its description is invalid"):
            read(PATH)


def test_a_forged_file_without_a_change_is_valid() -> None:
    write_forged(lambda d, h: None)
    assert read(PATH).memorized == ("헬로",)


def test_a_newer_format_is_refused_and_names_the_version_that_reads_it() -> None:
    write_forged(lambda d, h: d.update(format=6, charseq="7.0"))
    with pytest.raises(ModelFileError, match="has format 6") as caught:
        read(PATH)
    assert "charseq 7.0" in caught.value.hint


def test_a_duplicate_name_is_refused() -> None:
    write(PATH, lstm_model())
    data = PATH.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + size].rstrip()
    doubled = header[:-1] + b',"head.b":{"dtype":"F32","shape":[6],"data_offsets":[0,24]}}'
    PATH.write_bytes(len(doubled).to_bytes(8, "little") + doubled + data[8 + size :])
    with pytest.raises(ModelFileError):
        read(PATH)


def test_a_header_of_another_kind_of_file_is_refused() -> None:
    headers: list[Any] = [[], 5, {"__metadata__": {"charseq": 5}}, {"__metadata__": {"charseq": None}}, {}]
    for header in headers:
        text = json.dumps(header).encode()
        PATH.write_bytes(len(text).to_bytes(8, "little") + text)
        with pytest.raises(ModelFileError, match="is not a charseq model"):
            read(PATH)


@pytest.mark.parametrize(
    "shape",
    [
        lambda n: [-1, -n],
        lambda n: [n, *[1] * 8],
        lambda n: [float(n)],
        lambda n: [True, n],
        lambda n: [str(n)],
        lambda n: [n + 1],
    ],
    ids=["negative", "nine axes", "a fraction", "true", "a string", "too large"],
)
def test_a_shape_that_no_tensor_has_is_refused_before_it_is_used(shape: Any) -> None:
    write_forged(lambda d, h: h["head.b"].update(shape=shape(*h["head.b"]["shape"])))
    with pytest.raises(ModelFileError, match="its tensors do not match its header"):
        read(PATH)

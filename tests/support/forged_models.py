"""Model files with invalid descriptions whose digests are valid."""

import json
from pathlib import Path
from typing import Any

from charseq.model.description import signed_json
from charseq.model.model_file import write
from tests.support.models import lstm_model

PATH = Path("model.safetensors")


def write_forged(change: Any) -> None:
    """Write a model file to PATH with a changed description and header, and with valid digests."""
    write(PATH, lstm_model())
    data = PATH.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    description = json.loads(header["__metadata__"]["charseq"])
    del description["sha256"]
    change(description, header)
    header["__metadata__"]["charseq"] = signed_json(description)
    text = json.dumps(header).encode()
    PATH.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])


FORGERIES = {
    "hidden size 2^31": lambda d, h: d["network"].update(hidden_size=2**31),
    "a million layers": lambda d, h: d["network"].update(layers=10**6),
    "negative layers": lambda d, h: d["network"].update(layers=-1),
    "no layers": lambda d, h: d["network"].update(layers=0),
    "a size that is no number": lambda d, h: d["network"].update(hidden_size="2"),
    "a size that is not whole": lambda d, h: d["network"].update(hidden_size=2.0),
    "a cell that is none": lambda d, h: d["network"].update(cell_name="../lstm"),
    "another cell": lambda d, h: d["network"].update(cell_name="gru"),
    "an unknown field": lambda d, h: d["network"].update(surprise=1),
    "a missing field": lambda d, h: d["network"].pop("hidden_size"),
    "a missing part": lambda d, h: d.pop("vocabulary"),
    "a vocabulary too small": lambda d, h: d["vocabulary"].update(symbols=["a"]),
    "a vocabulary twice the same": lambda d, h: d["vocabulary"].update(symbols=["a"] * 6),
    "a vocabulary of numbers": lambda d, h: d["vocabulary"].update(symbols=[1, 2, 3, 4, 5, 6]),
    "an unknown unit": lambda d, h: d["vocabulary"].update(unit="word"),
    "an extra tensor": lambda d, h: h.update({"../evil": h["head.b"]}),
    "a missing tensor": lambda d, h: h.pop("head.b"),
    "a tensor of another shape": lambda d, h: h["head.W"].update(shape=[2, 6]),
    "a tensor of another type": lambda d, h: h["head.b"].update(dtype="I32"),
    "a tensor that reaches past the end": lambda d, h: h["head.b"].update(data_offsets=[0, 10**9]),
    "a training that is no object": lambda d, h: d.update(training=[1]),
    "digests that are no object": lambda d, h: d.update(tensors=7),
    "no digests": lambda d, h: d.update(tensors={}),
    "a wrong digest": lambda d, h: d["tensors"].update({"head.b": "0" * 64}),
    "no format": lambda d, h: d.pop("format"),
}

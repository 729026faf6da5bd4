"""Exported folders that lie, with valid digests."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def signed(folder: Path, change: Callable[[dict[str, Any]], object] = lambda config: None) -> Path:
    """Change the configuration of a folder, and make all digests valid."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["model"]["sha256"] = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    change(config)
    config.pop("sha256", None)
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    config["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(config), encoding="utf-8")
    return folder


def with_header(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change the header of the tensors of a folder, and make all digests valid."""
    path = folder / "model.safetensors"
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])
    return signed(folder)


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "hidden size 2^31": lambda c: c["network"].update(hidden_size=2**31),
    "a million layers": lambda c: c["network"].update(layers=10**6),
    "negative layers": lambda c: c["network"].update(layers=-1),
    "a size that is no number": lambda c: c["network"].update(hidden_size="2"),
    "a size that is a huge number": lambda c: c["network"].update(hidden_size=10**400),
    "an unknown cell": lambda c: c["network"].update(cell_name="../lstm"),
    "another cell": lambda c: c["network"].update(cell_name="gru"),
    "an unknown field": lambda c: c["network"].update(surprise=1),
    "a missing field": lambda c: c["network"].pop("hidden_size"),
    "a missing vocabulary": lambda c: c.pop("vocabulary"),
    "a missing model": lambda c: c.pop("model"),
    "a missing text": lambda c: c.pop("text"),
    "missing labels": lambda c: c.pop("label_counts"),
    "another file": lambda c: c["model"].update(file="../model.safetensors"),
    "a digest that is no string": lambda c: c["model"].update(sha256=7),
    "a wrong digest": lambda c: c["model"].update(sha256="0" * 64),
    "a symbol of two characters": lambda c: c["vocabulary"]["symbols"].__setitem__(1, "ab"),
    "a symbol twice": lambda c: c["vocabulary"].update(symbols=["a"] * 6),
    "symbols that are numbers": lambda c: c["vocabulary"].update(symbols=[1, 2, 3, 4, 5, 6]),
    "too few symbols": lambda c: c["vocabulary"].update(symbols=["a"]),
    "an unknown unit": lambda c: c["vocabulary"].update(unit="word"),
    "labels without lines": lambda c: c["vocabulary"].update(labels=[1]),
    "counts without labels": lambda c: c.update(label_counts=[1]),
    "a memorized string of unknown characters": lambda c: c.update(memorized=["xyz"]),
    "memorized numbers": lambda c: c.update(memorized=[1]),
    "an opening that is a number": lambda c: c.update(opening=1),
    "a stride that is a string": lambda c: c["settings"].update(stride="1"),
    "a stride past the window": lambda c: c["settings"].update(stride=10**9),
    "settings that are a list": lambda c: c.update(settings=[]),
    "training that is a list": lambda c: c.update(training=[]),
    "a loss that is a string": lambda c: c["training"].update(loss="low"),
    "a version of the future": lambda c: c.update(charseq_export=2),
    "version 0": lambda c: c.update(charseq_export=0),
    "a version that is true": lambda c: c.update(charseq_export=True),
    "a huge version": lambda c: c.update(charseq_export=10**400),
    "no version": lambda c: c.pop("charseq_export"),
}
"""Configurations that do not fit their tensors, or are impossible."""

HEADER_LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "an extra tensor": lambda h: h.update({"../evil": h["head.b"]}),
    "a missing tensor": lambda h: h.pop("head.b"),
    "a renamed tensor": lambda h: h.update({"../head.b": h.pop("head.b")}),
    "another shape": lambda h: h["head.W"].update(shape=[2, 6]),
    "another type": lambda h: h["head.b"].update(dtype="I32"),
    "half precision": lambda h: h["head.b"].update(dtype="F16"),
    "past the end": lambda h: h["head.b"].update(data_offsets=[0, 10**9]),
    "a huge shape": lambda h: h["head.b"].update(shape=[2**62]),
    "a tensor of training": lambda h: h.update({"training.x": {**h["head.b"], "data_offsets": [0, 0]}}),
    "digests of lines": lambda h: h.update(lines={"dtype": "U64", "shape": [0], "data_offsets": [0, 0]}),
    "metadata that are no strings": lambda h: h.update(__metadata__={"format": 1}),
    "metadata that are a list": lambda h: h.update(__metadata__=[]),
}
"""Headers of tensors that do not fit the configuration, or are impossible."""

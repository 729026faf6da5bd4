"""Model files that were edited, with every checksum as it has to be."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import numpy as safetensors

from charseq.model import tensor_file


def read_description(data: bytes) -> dict[str, Any]:
    """Return the description in a model file, without its checksum."""
    size = int.from_bytes(data[:8], "little")
    description: dict[str, Any] = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["charseq"])
    del description["sha256"]
    return description


def write_signed(path: Path, description: Mapping[str, Any], tensors: Mapping[str, Any]) -> None:
    """Write a model file of a description and tensors."""
    digests = {name: tensor_file.digest(array) for name, array in tensors.items()}
    described = {**description, "tensors": digests}
    text = json.dumps(described, sort_keys=True, separators=(",", ":"))
    whole = {**described, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    path.parent.mkdir(exist_ok=True)
    metadata = {"charseq": json.dumps(whole, sort_keys=True, separators=(",", ":"))}
    path.write_bytes(safetensors.save(dict(tensors), metadata))

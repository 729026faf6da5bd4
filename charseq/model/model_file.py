"""Read and write model files.  Nothing in a model file is ever executed.

A model is one safetensors file (an 8-byte little-endian header length, a JSON header, the tensors' bytes):

Tensors
    the parameters      F32; names and shapes as `Network.parameter_specs` has them, such as "layers.0.W_x"
    "ngram." + name     the n-gram model and its gate, as `charseq.model.ngram_tensors` has them.  Optional
    "lines"             U64 [N], sorted; digests of the training lines, see `charseq.model.line_digests`.
                        Optional, and only in models of lines
    "training." + name  what only resuming needs (F32, U64 or U8): current and averaged weights, optimizer
                        state, random generator, carried states, as `charseq.training.checkpoint` names them

Metadata: one key, "charseq"; its value is a JSON object with sorted keys and no spaces
    format      the format version: 1 to 5
    charseq     the version of charseq that wrote the file
    network     the fields of `Network`
    vocabulary  symbols (sorted, then those that fine-tuning added; "" is the boundary between lines), unit,
                normalization; with labels also "labels": the ids of the symbols that are labels
    label_counts  the number of training lines of each label.  Only with labels
    learned     the memorized strings; empty for other text
    opening     the first symbol of the text
    training    `TRAINING_FIELDS`: the settings, and the measurements of the epoch whose weights are saved;
                in an imported model also "imported": the "file" that it came from, its "sha256", and the
                "text" that it learned
    place       the progress of the run: counters, and "text" (a `TextSource` and the SHA-256 of its ids);
                null if the run cannot be resumed
    lineage     the models that it was trained from, nearest first: "model" (path) and "sha256" (of the
                file).  Only in fine-tuned models
    tensors     the SHA-256 of each tensor's bytes, in hex
    sha256      the SHA-256 of this object without the key "sha256"

Versions: 1 has no "place".  2 adds "place" and the tensors of training, but its runs split their text in a
way that is no longer supported, and cannot be resumed.  3 has the same layout, and its runs can be resumed.
4 adds the n-gram model; a model without one is still written as 3.  5 adds labels, and vocabularies
that fine-tuning extended; a model without both is still written as 3 or 4.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq._version import __version__
from charseq.errors import ModelFileError, quoted
from charseq.model import ngram_tensors, tensor_file
from charseq.model.description import (
    FORMAT,
    LINE_DIGESTS,
    NETWORK_FORMAT,
    NGRAM_FORMAT,
    STATE_PREFIX,
    Ancestor,
    Description,
    read_description,
    signed_json,
)
from charseq.model.line_digests import Digests
from charseq.model.mixture import Mixture
from charseq.model.network import Network, Weights
from charseq.model.tensor_file import DAMAGED_HINT, Array, TensorFile
from charseq.text.vocabulary import Vocabulary
from charseq.text.windows import Window

Arrays = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class ResumeState:
    """The state that a run needs beside its model to resume exactly."""

    progress: Mapping[str, Any]
    """Counters and the source of the text, as JSON values."""
    tensors: Mapping[str, Array]
    """Weights, optimizer state, random generator and carried states, by name."""


@dataclass(frozen=True)
class Model:
    """A trained network with everything needed to use it."""

    network: Network
    vocabulary: Vocabulary
    arrays: Arrays
    """Parameters by name, float32."""
    memorized: tuple[str, ...] = ()
    """The training strings, if the text was short enough to be memorized."""
    opening: str = ""
    """The first symbol of the text."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """The run's settings, and the measurements of the saved epoch."""
    mixture: Mixture | None = None
    """The n-gram model, and the gate that mixes it with the network; None if there is only the network."""
    lines: Digests | None = None
    """The digests of the training lines; None if the text is not lines or has too many."""
    lineage: tuple[Ancestor, ...] = ()
    """The model that training started from, then its own ancestors; empty for a new network."""
    label_counts: tuple[int, ...] = ()
    """The number of training lines of each label of the vocabulary."""

    @property
    def window(self) -> Window | None:
        """The overlapping windows in which the model reads text; None if it carries its state."""
        settings = self.training.get("settings", {})
        length, stride = settings.get("sequence_length", 1), settings.get("stride")
        return Window(length, stride) if stride else None

    @property
    def weights(self) -> Weights:
        """The parameters grouped by part of the network."""
        return self.network.arrange(self.arrays)


def write(path: Path, model: Model, state: ResumeState | None = None) -> None:
    """Write a model file atomically: a reader sees the previous model or this one.

    Raises CharseqError if it cannot be written; the previous file is then unchanged.
    """
    arrays: dict[str, Array] = {n: np.ascontiguousarray(a) for n, a in model.arrays.items()}
    if model.mixture is not None:
        arrays |= ngram_tensors.tensors_of(model.mixture)
    if model.lines is not None:
        arrays[LINE_DIGESTS] = model.lines
    if state is not None:
        arrays |= {STATE_PREFIX + name: np.ascontiguousarray(array) for name, array in state.tensors.items()}
    vocabulary = asdict(model.vocabulary)
    description = {
        "format": _format(model),
        "charseq": __version__,
        "network": asdict(model.network),
        "vocabulary": vocabulary,
        "learned": model.memorized,
        "opening": model.opening,
        "training": dict(model.training),
        "place": None if state is None else dict(state.progress),
        "tensors": {name: tensor_file.digest(array) for name, array in arrays.items()},
    }
    if model.lineage:
        description["lineage"] = [asdict(ancestor) for ancestor in model.lineage]
    if model.vocabulary.labels:
        description["label_counts"] = model.label_counts
    else:
        del vocabulary["labels"]  # as files of earlier versions are
    tensor_file.save(path, arrays, {"charseq": signed_json(description)})


def _format(model: Model) -> int:
    """Return the lowest format version that has everything that a model has."""
    symbols = model.vocabulary.symbols
    if model.vocabulary.labels or [*symbols] != sorted(symbols):
        return FORMAT
    return NETWORK_FORMAT if model.mixture is None else NGRAM_FORMAT


def read(path: Path) -> Model:
    """Read and verify a model.  Raises ModelFileError."""
    with tensor_file.open_tensors(path) as file:
        return model_of(file, read_description(file))


def read_state(path: Path) -> tuple[Model, ResumeState]:
    """Read and verify a model and the state to resume its run from.  Raises ModelFileError."""
    with tensor_file.open_tensors(path) as file:
        description = read_description(file)
        if "imported" in description.training:
            raise ModelFileError(
                f"{quoted(path)} cannot be resumed: it was imported, without the state of its training",
                hint="train it further as a new run: --from instead of --resume",
            )
        if description.progress is None:
            raise ModelFileError(
                f"{quoted(path)} cannot be resumed: its run diverged, or an early charseq saved it",
                hint="train again, without --resume",
            )
        if description.format < NETWORK_FORMAT:
            raise ModelFileError(
                f"{quoted(path)} cannot be resumed: the charseq that saved it split text differently",
                hint="the model can still be used; to train further, train again, without --resume",
            )
        tensors = {
            name.removeprefix(STATE_PREFIX): file.read(name, description.digests.get(name))
            for name in file.entries
            if name.startswith(STATE_PREFIX)
        }
        return model_of(file, description), ResumeState(description.progress, tensors)


def describe(path: Path, *, verify: bool = False) -> Description:
    """Return the verified description of a model file; with `verify`, verify its tensors, too.

    Raises ModelFileError.
    """
    with tensor_file.open_tensors(path) as file:
        description = read_description(file)
        for name in file.entries if verify else ():
            file.read(name, description.digests.get(name))
        return description


def model_of(file: TensorFile, description: Description) -> Model:
    """Read the tensors that a description describes, verify and return the model.  Raises ModelFileError."""
    names = [name for name in file.entries if not name.startswith(STATE_PREFIX)]
    arrays = {name: file.read(name, description.digests.get(name)) for name in names}
    lines = arrays.pop(LINE_DIGESTS, None)
    if lines is not None and (lines[1:] <= lines[:-1]).any():
        raise ModelFileError(
            f"{quoted(file.path)} is inconsistent: tensor '{LINE_DIGESTS}' is not sorted", hint=DAMAGED_HINT
        )
    ngram = {name: array for name, array in arrays.items() if name.startswith(ngram_tensors.PREFIX)}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ModelFileError(
                f"{quoted(file.path)} cannot be used: tensor '{name}' has a value that is NaN or infinite",
                hint=DAMAGED_HINT,
            )
    return Model(
        description.network,
        description.vocabulary,
        {name: array for name, array in arrays.items() if name not in ngram},
        description.memorized,
        description.opening,
        description.training,
        _mixture(file, ngram, description.vocabulary) if ngram else None,
        lines,
        lineage=description.lineage,
        label_counts=description.label_counts,
    )


def _mixture(file: TensorFile, tensors: Mapping[str, Array], vocabulary: Vocabulary) -> Mixture:
    try:
        return ngram_tensors.mixture_of(tensors, len(vocabulary), vocabulary.labels)
    except ValueError as error:
        raise ModelFileError(f"{quoted(file.path)} is inconsistent: {error}", hint=DAMAGED_HINT) from error

"""One model, one file: tensors with the whole description as JSON in the metadata beside them.

The description holds the network's plan, the vocabulary, what the run knew, a SHA-256 of every tensor and
one of itself, so that a changed bit anywhere is found.  Nothing in a model file is ever executed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq._version import __version__
from charseq.errors import ModelFileError
from charseq.model import tensor_file
from charseq.model.description import (
    FORMAT,
    LINE_DIGESTS,
    STATE_PREFIX,
    Description,
    read_description,
    signed_json,
)
from charseq.model.line_digests import Digests
from charseq.model.network import Network, Weights
from charseq.model.tensor_file import AGAIN, Array, TensorFile, named
from charseq.text.vocabulary import Vocabulary
from charseq.text.windows import Window

Arrays = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class ResumeState:
    """What a run needs, beside its model, to go on as if it had never stopped."""

    progress: Mapping[str, Any]
    """How far it is, and the text that it learns, as JSON has it."""
    tensors: Mapping[str, Array]
    """Present weights, what the optimizer remembers, generators, carried states, by name."""


@dataclass(frozen=True)
class Model:
    """A trained network with all that is needed to use it."""

    network: Network
    vocabulary: Vocabulary
    arrays: Arrays
    """Parameters by name, float32."""
    memorized: tuple[str, ...] = ()
    """The strings, where the text was short and learned whole."""
    opening: str = ""
    """The first symbol of the text."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the run, and the measures of the epoch that was kept."""
    lines: Digests | None = None
    """Of a model of lines, the digests of all that its text held, unless they were too many."""

    @property
    def window(self) -> Window | None:
        """The overlapping windows that the model reads a text in; None where it carries its state."""
        settings = self.training.get("settings", {})
        length, stride = settings.get("sequence_length", 1), settings.get("stride")
        return Window(length, stride) if stride else None

    @property
    def weights(self) -> Weights:
        """The arrays arranged for use."""
        return self.network.arrange(self.arrays)


def write(path: Path, model: Model, state: ResumeState | None = None) -> None:
    """Replace the file at `path` in one step; whoever reads sees the old model or the new one.

    Raises CharseqError where it cannot be written; an old model is then untouched.
    """
    arrays: dict[str, Array] = {n: np.ascontiguousarray(a) for n, a in model.arrays.items()}
    if model.lines is not None:
        arrays[LINE_DIGESTS] = model.lines
    if state is not None:
        arrays |= {STATE_PREFIX + name: np.ascontiguousarray(array) for name, array in state.tensors.items()}
    description = {
        "format": FORMAT,
        "charseq": __version__,
        "network": asdict(model.network),
        "vocabulary": asdict(model.vocabulary),
        "learned": model.memorized,
        "opening": model.opening,
        "training": dict(model.training),
        "place": None if state is None else dict(state.progress),
        "tensors": {name: tensor_file.digest(array) for name, array in arrays.items()},
    }
    tensor_file.save(path, arrays, {"charseq": signed_json(description)})


def read(path: Path) -> Model:
    """Read and verify a model.  Raises ModelFileError, which says what is wrong with it."""
    with tensor_file.open_tensors(path) as file:
        return _model(file, read_description(file))


def read_state(path: Path) -> tuple[Model, ResumeState]:
    """Read and verify a model, and what its run needs to go on.  Raises ModelFileError."""
    with tensor_file.open_tensors(path) as file:
        told = read_description(file)
        if told.progress is None:
            raise ModelFileError(
                f"{named(path)} holds no run that could go on: it diverged, or is of an earlier charseq",
                hint="train again, without --resume",
            )
        if told.format < FORMAT:
            raise ModelFileError(
                f"{named(path)} was saved by an earlier charseq, which split its text in another way",
                hint="the model can be used as it is; to train further, train again, without --resume",
            )
        names = [name for name in file.entries if name.startswith(STATE_PREFIX)]
        tensors = {name.removeprefix(STATE_PREFIX): file.read(name, told.digests.get(name)) for name in names}
        return _model(file, told), ResumeState(told.progress, tensors)


def describe(path: Path, *, verify: bool = False) -> Description:
    """What a model file says of itself, verified; without `verify`, its tensors are not read.

    Raises ModelFileError, as `read` does.
    """
    with tensor_file.open_tensors(path) as file:
        told = read_description(file)
        for name in file.entries if verify else ():
            file.read(name, told.digests.get(name))
        return told


def _model(file: TensorFile, told: Description) -> Model:
    names = [name for name in file.entries if not name.startswith(STATE_PREFIX)]
    arrays = {name: file.read(name, told.digests.get(name)) for name in names}
    lines = arrays.pop(LINE_DIGESTS, None)
    if lines is not None and (lines[1:] <= lines[:-1]).any():
        raise ModelFileError(
            f"{named(file.path)} does not fit together: its lines are not sorted", hint=AGAIN
        )
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ModelFileError(
                f"{named(file.path)} cannot be used: tensor {name!r} has a number that is NaN or infinite",
                hint=AGAIN,
            )
    return Model(told.network, told.vocabulary, arrays, told.memorized, told.opening, told.training, lines)

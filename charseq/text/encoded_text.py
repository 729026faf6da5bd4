"""A text as ids."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class EncodedText:
    """A text as ids [N], boundary symbols included."""

    ids: Ids
    """The ids that the model reads."""
    targets: Ids
    """The ids to predict: V, which the model never predicts, in place of every replaced symbol."""
    text: str
    """The text that the model reads: the original one, or the text of `ids` if any symbol was unknown."""
    unknown: int
    """Number of symbols that were skipped or replaced."""

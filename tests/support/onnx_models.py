"""ONNX models in onnxruntime, and what they are compared with."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from charseq.model.network import Network
from charseq.model.stepper import Reader

TOLERANCE = 1e-4
"""The largest absolute difference of a logit."""
Floats = npt.NDArray[np.float32]


class Runtime:
    """A model in onnxruntime with the states of a batch, as the export's README says to use it."""

    def __init__(self, data: bytes, batch: int) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors: defaults of inputs cause a warning
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self._names = [each.name.removesuffix(".next") for each in self._session.get_outputs()[1:]]
        self.start(batch)

    def start(self, batch: int) -> None:
        """Begin a batch of texts."""
        self.states: Mapping[str, Floats] = {
            each.name: np.zeros([batch, *each.shape[1:]], np.float32)
            for each in self._session.get_inputs()
            if each.name != "ids"
        }

    def read(self, ids: Any) -> Floats:
        """Read ids, and carry the states to the next call."""
        logits, *states = self._session.run(None, {"ids": ids, **self.states})
        self.states = dict(zip(self._names, states, strict=True))
        return np.asarray(logits)


def logits_of(network: Network, arrays: Any, ids: npt.NDArray[np.int64]) -> Floats:
    """Return the logits [B T V] of charseq's own reader."""
    reader = Reader(network, network.arrange(arrays), len(ids))
    return np.stack([reader.read(column).copy() for column in ids.T], 1)


def assert_same_predictions(actual: Floats, wanted: Floats) -> None:
    """Compare logits, and the top choice where it does not depend on the tolerance."""
    assert actual.shape == wanted.shape
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=TOLERANCE)
    best = np.sort(wanted, -1)[..., -2:]
    clear = best[..., 1] - best[..., 0] > 2 * TOLERANCE
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(actual.argmax(-1)[clear], wanted.argmax(-1)[clear])

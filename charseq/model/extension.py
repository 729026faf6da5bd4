"""Extend the weights of a trained network to symbols that it does not know yet."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.model.network import Network
from charseq.model.numpy_ops import Floats, ignore_overflow
from charseq.model.stepper import Reader

SAMPLE = 2_048
"""Symbols of the new text that are read to choose the biases of new symbols."""
MAX_NEW = 0.9
"""The largest probability of all new symbols together that their biases start from."""


def extended_weights(
    arrays: Mapping[str, Floats],
    network: Network,
    counts: npt.NDArray[np.integer[Any]],
    sample: npt.NDArray[np.integer[Any]],
) -> dict[str, Floats]:
    """Return the weights of a network that knows more symbols than the one of `arrays`.

    Known symbols keep their weights, so their logits stay the same to the bit.  A new symbol starts as the
    mean of the known ones, in the input and in the head.  Its bias makes its mean probability on the `sample`
    of the new text [N] about its frequency there, by the `counts` of all symbols [V].  Initial states that
    become learned start from zero.
    """
    extended = {
        name: _extended(arrays[name], spec.shape) if name in arrays else np.zeros(spec.shape, np.float32)
        for name, spec in network.parameter_specs().items()
    }
    size = network.vocabulary_size
    known = len(arrays["head.b"]) if "head.b" in arrays else size
    if known == size:
        return extended
    ids = sample[:SAMPLE, None].astype(np.int64)
    with ignore_overflow():
        logits = Reader(network, network.arrange(extended)).read_sequence(ids)[:, 0].astype(np.float64)
        of_known = np.logaddexp.reduce(logits[:, :known], axis=1, keepdims=True)
        frequencies = (counts + 0.5) / (counts + 0.5).sum()
        share = min(MAX_NEW, float(frequencies[known:].sum()))
        wanted = np.log(share * frequencies[known:] / frequencies[known:].sum()) - np.log(1 - share)
        bias = extended["head.b"][known:] + wanted - (logits[:, known:] - of_known).mean(0)
    if np.isfinite(bias).all():
        extended["head.b"][known:] = bias
    return extended


def _extended(array: Floats, shape: tuple[int, ...]) -> Floats:
    """Append means of the known rows, or columns, of a matrix or vector, up to a shape."""
    for axis, size in enumerate(shape):
        missing = size - array.shape[axis]
        mean = array.mean(axis, dtype=np.float64, keepdims=True).astype(np.float32)
        array = np.concatenate([array, *[mean] * missing], axis)
    return np.ascontiguousarray(array)

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
NEW_SYMBOLS = 2
"""The stream of random numbers that initializes new symbols."""
MAX_NEW = 0.9
"""The largest probability of all new symbols together that their biases start from."""


def extended_weights(
    arrays: Mapping[str, Floats],
    network: Network,
    counts: npt.NDArray[np.integer[Any]],
    sample: npt.NDArray[np.integer[Any]],
    seed: int,
) -> dict[str, Floats]:
    """Return the weights of a network that knows more symbols than the one of `arrays`.

    Known symbols keep their weights, so their logits stay the same: to the bit with native kernels, to the
    rounding of BLAS with NumPy.  In the input, a new symbol is drawn from a normal distribution with the mean
    and the variance of the known ones; in the head, it starts as their mean.  Its bias makes its mean
    probability on the `sample` of the new text [N] about its frequency there, by the `counts` of all symbols
    [V].  Initial states that become learned start from zero.
    """
    random = np.random.default_rng([seed, NEW_SYMBOLS])
    extended = {}
    for name, spec in network.parameter_specs().items():
        drawn = None if name.startswith("head.") else random
        array = arrays.get(name)
        zeros = np.zeros(spec.shape, np.float32)
        extended[name] = zeros if array is None else _extended(array, spec.shape, drawn)
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


def _extended(array: Floats, shape: tuple[int, ...], random: np.random.Generator | None) -> Floats:
    """Append rows, or columns, to a matrix or vector up to a shape: the means, or draws around them."""
    for axis in [axis for axis, size in enumerate(shape) if size > array.shape[axis]]:
        added = (*shape[:axis], shape[axis] - array.shape[axis], *shape[axis + 1 :])
        values = np.broadcast_to(array.mean(axis, dtype=np.float64, keepdims=True), added)
        if random is not None:
            values = values + array.std(axis, dtype=np.float64, keepdims=True) * random.standard_normal(added)
        array = np.concatenate([array, values.astype(np.float32)], axis)
    return np.ascontiguousarray(array)

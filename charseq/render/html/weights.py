"""The parameters of a network as bytes for a page, exact or rounded.

Matrices are rounded; vectors, and learned initial states, stay float32.

float32  little-endian values
float16  little-endian values; a matrix with a value beyond the range of float16 stays float32
int8     a float32 scale for each row, then the rows; a value is the product of its number and the row's scale
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

WeightType = Literal["float32", "float16", "int8"]
Floats = npt.NDArray[np.float32]
LARGEST_INT8 = 127
"""The largest magnitude of a number in int8; -128 is not used, so that the range is symmetric."""


class EncodedWeights(NamedTuple):
    """Parameters as a page contains them."""

    parameters: list[tuple[str, list[int], WeightType]]
    """The name, shape and type of each, in the order of the bytes."""
    data: bytes
    decoded: dict[str, Floats]
    """The values with which the page computes, by name."""

    @property
    def exact(self) -> tuple[str, ...]:
        """The matrices that are float32."""
        return tuple(name for name, shape, kind in self.parameters if kind == "float32" and len(shape) > 1)


def encoded(arrays: Mapping[str, Floats], names: Sequence[str], weights: WeightType) -> EncodedWeights:
    """Encode the arrays of these names."""
    parameters: list[tuple[str, list[int], WeightType]] = []
    parts: list[bytes] = []
    decoded = {}
    for name in names:
        array = np.ascontiguousarray(arrays[name], np.float32)
        kind = _type_of(name, array, weights)
        part, decoded[name] = _ENCODERS[kind](array)
        parameters.append((name, list(array.shape), kind))
        parts.append(part)
    return EncodedWeights(parameters, b"".join(parts), decoded)


def _type_of(name: str, array: Floats, weights: WeightType) -> WeightType:
    """Return the type of a parameter, if matrices have the type `weights`."""
    if array.ndim < 2 or ".start." in name:
        return "float32"
    if weights == "float16" and np.abs(array).max(initial=0) > np.finfo(np.float16).max:
        return "float32"
    return weights


def _float32(array: Floats) -> tuple[bytes, Floats]:
    return array.astype("<f4").tobytes(), array


def _float16(array: Floats) -> tuple[bytes, Floats]:
    rounded = array.astype("<f2")
    return rounded.tobytes(), rounded.astype(np.float32)


def _int8(array: Floats) -> tuple[bytes, Floats]:
    scales = np.abs(array).max(1, keepdims=True, initial=0) / np.float32(LARGEST_INT8)
    quotients = array / np.where(scales > 0, scales, np.float32(1))
    numbers = np.clip(np.round(quotients), -LARGEST_INT8, LARGEST_INT8).astype(np.int8)
    return scales.astype("<f4").tobytes() + numbers.tobytes(), numbers * scales


_ENCODERS = {"float32": _float32, "float16": _float16, "int8": _int8}

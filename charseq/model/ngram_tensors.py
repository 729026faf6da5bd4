"""An n-gram model and its gate as tensors of a model file.

"ngram.symbols"       U8, U16 or U32 [M]; the last symbol of each n-gram, and 0 for the empty one
"ngram.counts"        U8 [M]; 255 stands for any larger count
"ngram.large_counts"  U32; the counts of 255 and more, in order
"ngram.children"      U8, U16 or U32; the number of children of each n-gram shorter than the order
"ngram.discounts"     F32 [N 3]
"ngram.totals"        U32; `NgramModel.totals`.  Only if rare n-grams were removed
"ngram.gate"          F32 [N + 7]; b and v of `charseq.model.mixture`
"ngram.gate_hidden"   F32 [H]; u of `charseq.model.mixture`
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.model.mixture import FEATURES, Gate, Mixture
from charseq.model.ngram import NgramModel, level_sizes
from charseq.settings.train_settings import LARGEST_ORDER

PREFIX = "ngram."
"""The prefix of all names."""
UNSIGNED = ("U8", "U16", "U32")
KINDS: Mapping[str, tuple[str, ...]] = {
    "symbols": UNSIGNED,
    "counts": ("U8",),
    "large_counts": ("U32",),
    "children": UNSIGNED,
    "discounts": ("F32",),
    "totals": ("U32",),
    "gate": ("F32",),
    "gate_hidden": ("F32",),
}
"""The types of the tensors, as safetensors names them, without the prefix."""
OPTIONAL = {"totals"}
LARGE_COUNT = 255
"""Stands for all counts from here on."""

Array = npt.NDArray[Any]


def tensors_of(mixture: Mixture) -> dict[str, Array]:
    """Return the tensors of a mixture, by name."""
    ngram, gate = mixture.ngram, mixture.gate
    counts = ngram.counts
    tensors: dict[str, Array] = {
        "symbols": ngram.symbols,
        "counts": np.minimum(counts, LARGE_COUNT).astype(np.uint8),
        "large_counts": counts[counts >= LARGE_COUNT],
        "children": ngram.children,
        "discounts": ngram.discounts,
        "gate": np.concatenate([gate.depths, gate.features]),
        "gate_hidden": gate.hidden,
    }
    if ngram.totals is not None:
        tensors["totals"] = ngram.totals
    return {PREFIX + name: np.ascontiguousarray(array) for name, array in tensors.items()}


def check_entries(entries: Mapping[str, tuple[str, tuple[int, ...]]], hidden_size: int) -> None:
    """Check names, types and shapes of the tensors before they are read.  Raises ValueError."""
    names = {name.removeprefix(PREFIX) for name in entries}
    if names - OPTIONAL != KINDS.keys() - OPTIONAL:
        raise ValueError(f"n-gram tensors missing or extra: {sorted(names ^ KINDS.keys())[:3]}")
    for name, (kind, shape) in entries.items():
        if kind not in KINDS[name.removeprefix(PREFIX)] or (name != PREFIX + "discounts" and len(shape) != 1):
            raise ValueError(f"tensor {name} is {kind} {shape}")
    order, *rest = entries[PREFIX + "discounts"][1] or (0,)
    if rest != [3] or not 1 <= order <= LARGEST_ORDER:
        raise ValueError(f"an n-gram model of order {order}")
    sizes = {"gate": order + len(FEATURES), "gate_hidden": hidden_size}
    for name, size in sizes.items():
        if entries[PREFIX + name][1] != (size,):
            raise ValueError(f"tensor {PREFIX}{name} has shape {entries[PREFIX + name][1]}")


def size_of(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
    """Return the order and the number of n-grams, from the shapes of a file's tensors; 0 without any."""
    if PREFIX + "symbols" not in shapes:
        return 0, 0
    return shapes[PREFIX + "discounts"][0], shapes[PREFIX + "symbols"][0] - 1


def mixture_of(tensors: Mapping[str, Array], vocabulary_size: int, labels: tuple[int, ...] = ()) -> Mixture:
    """Make a mixture of its tensors.  Raises ValueError where they are inconsistent."""
    arrays = {name.removeprefix(PREFIX): array for name, array in tensors.items()}
    symbols, children, discounts = arrays["symbols"], arrays["children"], arrays["discounts"]
    counts, large = arrays["counts"].astype(np.uint32), arrays["large_counts"]
    order, is_large = len(discounts), counts == LARGE_COUNT
    sizes = level_sizes(children)
    _require(len(sizes) == order + 1 and len(children) == sum(sizes[:-1]), "a tree of another depth")
    _require(len(symbols) == sum(sizes) == len(counts), "a tree of another size")
    _require(int(is_large.sum()) == len(large) and bool((large >= LARGE_COUNT).all()), "wrong large counts")
    counts[is_large] = large
    _require(counts[0] == 0 and symbols[0] == 0 and bool((counts[1:] > 0).all()), "counts of 0")
    _require(int(symbols.max()) < vocabulary_size, "symbols that the vocabulary lacks")
    _require(bool(((discounts >= 0) & (discounts <= [1, 2, 3])).all()), "discounts out of range")
    ngram = NgramModel(vocabulary_size, symbols, counts, children, discounts, arrays.get("totals"), labels)
    _require(bool((ngram.keys[1:] > ngram.keys[:-1]).all()), "symbols that are not sorted")
    if ngram.totals is not None:
        _require(len(ngram.totals) == len(children), "another number of totals")
        _require(bool((ngram.totals >= ngram.sums).all()), "totals that are too small")
    gate = Gate(arrays["gate"][:order], arrays["gate"][order:], arrays["gate_hidden"])
    return Mixture(ngram, gate)


def _require(condition: bool, wrong: str) -> None:
    if not condition:
        raise ValueError(f"the n-gram model has {wrong}")

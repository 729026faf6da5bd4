"""An n-gram model: interpolated, modified Kneser-Ney, stored as a tree of counts.

The probability of a symbol w after the context u, of k symbols, is

    p(w | u) = max(c(u w) - D(c(u w)), 0) / C(u) + gamma(u) p(w | u without its first symbol)
    C(u) = sum of c(u w) over all w;  gamma(u) = 1 - sum of the first term over all w

with p = 1 / V below the empty context, and gamma = 1 for a context that was not seen.  c counts occurrences
for n-grams of the highest order, and different symbols before the n-gram for shorter ones.  Each order has
three discounts D: for a count of 1, of 2, and of at least 3.

Where lines have labels, u without its first symbol keeps the label: a context is a label and the last symbols
of the line, then the label and fewer of them, at last the empty context.  The first symbol of a line, before
its text, is the label once more, so that the beginning of a line is a context, too.

Sources: Kneser & Ney 1995, "Improved backing-off for M-gram language modeling"; Chen & Goodman 1998, "An
Empirical Study of Smoothing Techniques for Language Modeling", TR-10-98.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.native import library
from charseq.native.ngram import NativeNgram
from charseq.text.sequences import Sequences

Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.uint32]
Contexts = npt.NDArray[np.int32]
"""The nodes of each row's last 0, 1, 2, ... symbols [B N]; -1 for symbols that were not seen together."""
Ids = npt.NDArray[np.integer[Any]]

DENSE_AT_ONCE = 1 << 22
"""Probabilities computed at once without native kernels: 16 MiB."""
LOSS_PIECE = 1 << 10
"""Symbols of a piece of text whose loss is computed at once."""


@dataclass(frozen=True)
class NgramModel:
    """The tree of n-grams with their counts.

    Node 0 is the empty n-gram.  The other nodes are in order of length; the children of a node, which add a
    symbol at the end, are adjacent and sorted by that symbol.
    """

    vocabulary_size: int
    symbols: Ids
    """The last symbol of each node [M]; 0 for node 0."""
    counts: Counts
    """c of each node [M]; 0 for node 0."""
    children: Ids
    """The number of children of each node that is shorter than the order."""
    discounts: Floats
    """D of each length, for a count of 1, of 2, and of at least 3 [N 3]."""
    totals: Counts | None = None
    """C of each node that has `children`, where rare n-grams were removed; None where it is the sum."""
    labels: tuple[int, ...] = ()
    """The symbols that are labels of lines; every context of a line then begins with its label."""

    @property
    def order(self) -> int:
        """N, the number of symbols of the longest n-grams: one more than those of the longest context."""
        return len(self.discounts)

    @property
    def size(self) -> int:
        """The number of n-grams."""
        return len(self.symbols) - 1

    @cached_property
    def first_child(self) -> Counts:
        """The first child of each node, where the children of the previous node end [M+1]."""
        starts = np.full(len(self.symbols) + 1, len(self.symbols), np.uint32)
        starts[0] = 1
        starts[1 : len(self.children) + 1] = 1 + np.cumsum(self.children, dtype=np.uint32)
        return starts

    @cached_property
    def _parents(self) -> npt.NDArray[np.int64]:
        """The parent of each node but node 0 [M-1]."""
        return np.repeat(np.arange(len(self.children)), self.children)

    @property
    def sums(self) -> npt.NDArray[np.float64]:
        """The sum of the children's counts, of each node that has `children`."""
        return np.bincount(self._parents, self.counts[1:], len(self.children)).astype(np.float64)

    @property
    def _discounted(self) -> npt.NDArray[np.float64]:
        """Alpha of each node but node 0, not yet rounded [M-1]."""
        counts, parents = self.counts[1:].astype(np.float64), self._parents
        lengths = np.repeat(np.arange(self.order), self.level_sizes[1:])
        discount = self.discounts[lengths, np.clip(self.counts[1:], 1, 3) - 1]
        totals = self.sums if self.totals is None else self.totals.astype(np.float64)
        return np.asarray(np.maximum(counts - discount, 0.0) / totals[parents])

    @cached_property
    def alpha(self) -> Floats:
        """The discounted probability of each node's last symbol after the others [M]."""
        return np.concatenate([np.zeros(1), self._discounted]).astype(np.float32)

    @cached_property
    def gamma(self) -> Floats:
        """The weight of the shorter context for each node as a context [M].

        Alpha is not rounded first: where one symbol follows very often, the difference from 1 would be 0.
        """
        gamma = np.ones(len(self.symbols))
        shorter = len(self.children)
        gamma[:shorter] -= np.bincount(self._parents, self._discounted, shorter)
        return np.maximum(gamma, 0.0).astype(np.float32)

    @cached_property
    def level_sizes(self) -> list[int]:
        """The number of nodes of each length, from 0 to N."""
        return level_sizes(self.children)

    @cached_property
    def keys(self) -> npt.NDArray[np.uint64]:
        """The parent and the last symbol of each node but node 0, in one rising number [M-1]."""
        size = np.uint64(self.vocabulary_size)
        return np.asarray(self._parents.astype(np.uint64) * size + self.symbols[1:].astype(np.uint64))

    @cached_property
    def native(self) -> NativeNgram | None:
        """The model for the native kernels; None without them."""
        lib = library()
        if lib is None:
            return None
        tree = (self.symbols, self.first_child, self.alpha, self.gamma)
        is_label = self._is_label if self.labels else None
        return NativeNgram(lib, self.order, self.vocabulary_size, *tree, is_label)

    @cached_property
    def _is_label(self) -> npt.NDArray[np.bool_]:
        """Whether each symbol is a label [V]."""
        return np.isin(np.arange(self.vocabulary_size), self.labels)

    def start(self, rows: int) -> Contexts:
        """Return the contexts of texts that begin [B N]."""
        contexts = np.full((rows, self.order), -1, np.int32)
        contexts[:, 0] = 0
        return contexts

    def read(self, ids: Ids, contexts: Contexts) -> tuple[Floats, npt.NDArray[np.int32]]:
        """Read ids [T B], and replace the contexts [B N], in place.

        Returns the probabilities of the next symbols [T B V], and the lengths of the longest known contexts
        [T B].
        """
        q = np.empty((*ids.shape, self.vocabulary_size), np.float32)
        depths = np.empty(ids.shape, np.int32)
        if self.native:
            self.native.read(ids, contexts, q, depths)
        else:
            nodes = self._nodes(ids, contexts).reshape(-1, self.order)
            dense, flat = q.reshape(-1, self.vocabulary_size), depths.reshape(-1)
            step = max(1, DENSE_AT_ONCE // self.vocabulary_size)
            for first in range(0, len(nodes), step):
                part = slice(first, first + step)
                dense[part], flat[part] = self._distributions(nodes[part])
        return q, depths

    def advance(self, ids: Ids, contexts: Contexts) -> None:
        """Read ids [T B] like `read`, without probabilities."""
        if not self.labels:  # a label may be further back than the longest context
            ids = ids[max(0, len(ids) - self.order) :]
        if self.native:
            self.native.read(ids, contexts, None, None)
        else:
            self._nodes(ids, contexts)

    def loss(self, sequences: Sequences) -> float:
        """Return the mean loss on sequences, in nats per symbol, each read from its start."""
        total = 0.0
        for ids in sequences.cut(LOSS_PIECE):
            q, _ = self.read(ids[:-1, None], self.start(1))
            total -= float(np.log(q[np.arange(len(q)), 0, ids[1:]]).sum(dtype=np.float64))
        return total / sequences.total

    def _nodes(self, ids: Ids, contexts: Contexts) -> Contexts:
        """Read ids [T B] -> the contexts after each [T B N]; replaces the contexts [B N]."""
        nodes = np.empty((len(ids) + 1, *contexts.shape), np.int32)
        nodes[0] = contexts
        nodes[:, :, 0] = 0
        begins = self._is_label[ids] if self.labels else np.zeros(ids.shape, np.bool_)
        for length in range(1, self.order):
            nodes[1:, :, length] = self._find(nodes[:-1, :, length - 1], ids)
            if length == 1 and self.labels:
                self._keep_labels(nodes[:, :, 1], begins)
            elif length == 2 and self.labels:
                nodes[1:, :, 2] = np.where(begins, self._find(nodes[1:, :, 1], ids), nodes[1:, :, 2])
            else:
                nodes[1:, :, length][begins] = -1
        contexts[:] = nodes[-1]
        return nodes[1:]

    def _keep_labels(self, nodes: Contexts, begins: npt.NDArray[np.bool_]) -> None:
        """Let the node of a label [T+1 B] stay until another label `begins` [T B] a line."""
        for step in range(len(begins)):
            is_label = (nodes[step] >= 0) & self._is_label[self.symbols[nodes[step]]]
            nodes[step + 1] = np.where(is_label & ~begins[step], nodes[step], nodes[step + 1])

    def _find(self, nodes: Contexts, ids: Ids) -> Contexts:
        """Return the children of nodes for ids; -1 where there is none."""
        wanted = nodes.astype(np.uint64) * np.uint64(self.vocabulary_size) + ids.astype(np.uint64)
        index = np.searchsorted(self.keys, wanted)
        found = (nodes >= 0) & (self.keys[np.minimum(index, len(self.keys) - 1)] == wanted)
        return np.where(found, index + 1, -1).astype(np.int32)

    def _distributions(self, nodes: Contexts) -> tuple[Floats, npt.NDArray[np.int32]]:
        """Contexts [P N] -> the probabilities of the next symbols [P V], the longest known contexts [P]."""
        positions = np.arange(len(nodes))
        q = np.zeros((len(nodes), self.vocabulary_size), np.float32)
        scale = np.ones(len(nodes), np.float32)
        depths = np.zeros(len(nodes), np.int32)
        for length in range(self.order - 1, -1, -1):
            node = np.maximum(nodes[:, length], 0)
            first = self.first_child[node].astype(np.int64)
            count = np.where(nodes[:, length] < 0, 0, self.first_child[node + 1] - first)
            row = np.repeat(positions, count)
            child = np.repeat(first - np.cumsum(count) + count, count) + np.arange(len(row))
            q[row, self.symbols[child]] += scale[row] * self.alpha[child]
            depths = np.maximum(depths, np.where(count > 0, length, 0)).astype(np.int32)
            scale = np.where(count > 0, scale * self.gamma[node], scale)
        return q + (scale / np.float32(self.vocabulary_size))[:, None], depths


def level_sizes(children: Ids) -> list[int]:
    """Return the number of nodes of each length, from the number of children of all but the longest.

    The last length is that of the longest, or the first without any node.
    """
    sizes, begin = [1], 0
    while begin < len(children) and sizes[-1]:
        end = begin + sizes[-1]
        sizes.append(int(children[begin:end].sum(dtype=np.int64)))
        begin = end
    return sizes

"""How far back the loss of the last character reaches: its gradient at the state after every earlier step."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from charseq.cells.cell import Cell, State
from charseq.cells.initializers import Draw, Orthogonal, uniform
from charseq.cells.ops import UNTAPPED, Ops
from charseq.errors import TextError
from charseq.inspection.gradient_flow import Reach
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import Floats, SeededDraw, require_finite
from charseq.text.vocabulary import Ids, Vocabulary
from charseq.training.kernels.torch_ops import TORCH

MOST_SYMBOLS = 10_000


def fresh_reaches(
    cells: Sequence[str],
    vocabulary: Vocabulary,
    text: str,
    *,
    hidden_size: int,
    layers: int,
    textbook: bool,
    seed: int,
) -> Iterator[Reach]:
    """What each cell passes back before it has learned anything.  Raises TextError."""
    ids = _followed(vocabulary.encode(text))
    symbols = tuple(vocabulary.symbols[i] for i in ids)
    whose = "textbook" if textbook else "charseq"
    about = f"{_size(layers, hidden_size)}, {whose} weights, seed {seed}"
    for cell in cells:
        network = Network(cell, len(vocabulary), hidden_size, layers)
        draw = SeededDraw(seed, steps=len(ids))
        arrays = textbook_weights(network, draw) if textbook else network.draw(draw, to_count=True)
        yield Reach(cell, about, symbols, *reach_of(network, arrays, ids), seed=seed)


def trained_reach(model: Model, text: str, about: str) -> Reach:
    """What a trained network passes back.  Raises TextError, UnknownCharacter."""
    vocabulary, network = model.vocabulary, model.network
    ids = _followed(vocabulary.encode_text(text, begin=True).ids)
    symbols = tuple(vocabulary.symbols[i] for i in ids)
    about = f"{_size(network.layers, network.hidden_size)}, {about}"
    return Reach(network.cell_name, about, symbols, *reach_of(network, model.arrays, ids))


def textbook_weights(network: Network, draw: Draw) -> dict[str, Floats]:
    """First weights as textbooks have them: uniform matrices where charseq starts from orthogonal ones.

    It is such matrices that let the gradient of a plain network vanish.  Source: Pascanu et al. 2013,
    arXiv:1211.5063.  The biases of gates are those for remembering a text of this length.
    """
    arrays = network.draw(draw, to_count=True)
    for name, slot in network.slots().items():
        if isinstance(slot.param.init, Orthogonal):
            arrays[name] = uniform(draw, slot.shape, slot.hidden)
    return arrays


def reach_of(network: Network, arrays: Mapping[str, Floats], ids: Ids) -> tuple[float, tuple[float, ...]]:
    """Predict the last of ids [T + 1] from all before it -> its loss in nats, and T norms of the gradient.

    The gradient of the loss is taken by the state after a step, of every layer and with all fields, through
    everything that the state leads to: it is 0 where a cell without a memory has gone on.  Computed step by
    step, in float64.
    """
    w = network.arrange({name: torch.from_numpy(array.astype("float64")) for name, array in arrays.items()})
    states: list[list[Tensor]] = [[] for _ in range(len(ids) - 1)]

    def watched(
        cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Tensor, state: Any
    ) -> tuple[Tensor, State]:
        """Unroll, and let the fields of every state be tensors of their own, to ask for gradients of."""
        hs = []
        for t in range(xs.shape[1]):
            state = cell.step(ops, w, xs[:, t], state, UNTAPPED)
            state = cell.state(
                *(f.clone() if f.requires_grad else f.detach().requires_grad_() for f in state)
            )
            states[t] += state
            hs.append(state.h)
        return torch.stack(hs, 1), state

    xs = network.embed(TORCH, w, torch.from_numpy(ids[None, :-1].astype("int64")))
    hs, _ = network.run(TORCH, w, xs, network.start(TORCH, w, 1), unroll=watched)
    logits = network.read_out(w, hs[:, -1])
    loss = functional.cross_entropy(logits, torch.tensor([int(ids[-1])]))
    fields = [field for at_step in states for field in at_step]
    gradients = iter(torch.autograd.grad(loss, fields, allow_unused=True, materialize_grads=True))
    norms = [float(torch.stack([next(gradients).square().sum() for _ in s]).sum().sqrt()) for s in states]
    require_finite(np.array([float(loss.detach()), *norms]))
    return float(loss.detach()), tuple(norms)


def _size(layers: int, hidden_size: int) -> str:
    return f"{layers} layer{'s' * (layers > 1)} of {hidden_size} hidden"


def _followed(ids: Ids) -> Ids:
    if not 2 <= len(ids) <= MOST_SYMBOLS:
        raise TextError(
            f"the text has {len(ids):,} symbol{'s' * (len(ids) != 1)}; "
            f"gradients are followed through 2 to {MOST_SYMBOLS:,}",
            hint="give a longer text, or a part of this one",
        )
    return ids

"""The gradient of the last character's loss with respect to the state after every earlier step."""

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
from charseq.inspection.gradient_flow import GradientFlow
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import Floats, SeededDraw, require_finite
from charseq.text.vocabulary import Ids, Vocabulary
from charseq.training.kernels.torch_ops import TORCH

MAX_SYMBOLS = 10_000
"""Longest text, in symbols, whose gradients are computed."""


def untrained_flows(
    cells: Sequence[str],
    vocabulary: Vocabulary,
    text: str,
    *,
    hidden_size: int,
    layers: int,
    textbook: bool,
    seed: int,
) -> Iterator[GradientFlow]:
    """Yield the gradient flow of each cell with initial weights.  Raises TextError."""
    ids = _checked_length(vocabulary.encode(text))
    symbols = tuple(vocabulary.symbols[i] for i in ids)
    whose = "textbook" if textbook else "charseq"
    about = f"{_size(layers, hidden_size)}, {whose} weights, seed {seed}"
    for cell in cells:
        network = Network(cell, len(vocabulary), hidden_size, layers)
        draw = SeededDraw(seed, steps=len(ids))
        arrays = textbook_weights(network, draw) if textbook else network.draw(draw, to_memorize=True)
        yield GradientFlow(cell, about, symbols, *loss_and_norms(network, arrays, ids), seed=seed)


def trained_flow(model: Model, text: str, about: str, label: str | None = None) -> GradientFlow:
    """Return the gradient flow of a trained network, in a text of a label if the model has labels.

    Raises TextError, UnknownCharacter, and UsageError for a missing label.
    """
    vocabulary, network = model.vocabulary, model.network
    ids = _checked_length(vocabulary.encode_text(text, begin=True, label=label).ids)
    symbols = tuple(vocabulary.symbols[i] for i in ids)
    about = f"{_size(network.layers, network.hidden_size)}, {about}"
    return GradientFlow(network.cell_name, about, symbols, *loss_and_norms(network, model.arrays, ids))


def textbook_weights(network: Network, draw: Draw) -> dict[str, Floats]:
    """Return initial weights with uniform matrices where charseq uses orthogonal ones.

    With such matrices the gradient of a plain RNN vanishes.  Source: Pascanu et al. 2013, arXiv:1211.5063.
    The gate biases are those that charseq initializes for a text of this length.
    """
    arrays = network.draw(draw, to_memorize=True)
    for name, spec in network.parameter_specs().items():
        if isinstance(spec.param.init, Orthogonal):
            arrays[name] = uniform(draw, spec.shape, spec.hidden)
    return arrays


def loss_and_norms(
    network: Network, arrays: Mapping[str, Floats], ids: Ids
) -> tuple[float, tuple[float, ...]]:
    """Return the loss of the last of ids [T + 1] in nats, and its T gradient norms.

    Each norm is that of the gradient with respect to the state after one step: every layer, all fields.  It
    is 0 for a cell without memory, except at the last step.  Computed step by step, in float64.
    """
    w = network.arrange({name: torch.from_numpy(array.astype("float64")) for name, array in arrays.items()})
    states: list[list[Tensor]] = [[] for _ in range(len(ids) - 1)]

    def unroll_with_leaves(
        cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Tensor, state: Any
    ) -> tuple[Tensor, State]:
        """Unroll with every state field as a tensor of its own, so that its gradient can be read."""
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
    hs, _ = network.forward(TORCH, w, xs, network.initial_states(TORCH, w, 1), unroll=unroll_with_leaves)
    logits = network.read_out(w, hs[:, -1])
    loss = functional.cross_entropy(logits, torch.tensor([int(ids[-1])]))
    fields = [field for at_step in states for field in at_step]
    gradients = iter(torch.autograd.grad(loss, fields, allow_unused=True, materialize_grads=True))
    norms = [float(torch.stack([next(gradients).square().sum() for _ in s]).sum().sqrt()) for s in states]
    require_finite(np.array([float(loss.detach()), *norms]))
    return float(loss.detach()), tuple(norms)


def _size(layers: int, hidden_size: int) -> str:
    return f"{layers} layer{'s' * (layers > 1)} of {hidden_size} hidden units"


def _checked_length(ids: Ids) -> Ids:
    if not 2 <= len(ids) <= MAX_SYMBOLS:
        raise TextError(
            f"the text has {len(ids):,} symbol{'s' * (len(ids) != 1)}; "
            f"gradient flow requires 2 to {MAX_SYMBOLS:,}",
            hint="use a longer text" if len(ids) < 2 else "use part of this text",
        )
    return ids

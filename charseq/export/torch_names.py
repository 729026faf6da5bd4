"""The names of a network's parameters in a state_dict of PyTorch.

A plain stack of a cell of torch.nn is one module, `rnn`.  Any other stack has a module for each layer, in
`layers`.
"""

from collections.abc import Mapping

import numpy as np

from charseq.model.network import Network
from charseq.model.numpy_ops import Floats

TORCH_CELLS = {"rnn": "RNN", "rnn-relu": "RNN", "lstm": "LSTM", "gru": "GRU"}
"""The cells that torch.nn has, and their classes."""
TORCH_PARAMETERS = {"W_x": "weight_ih", "W_h": "weight_hh", "b_x": "bias_ih", "b_h": "bias_hh"}
"""The names of the parameters of a layer, without the number of the layer."""
NORM_PARAMETERS = {"gain": "weight", "bias": "bias"}


def is_plain(network: Network) -> bool:
    """Return whether one module of torch.nn computes all layers, and nothing is between them."""
    return (
        network.cell_name in TORCH_CELLS
        and not network.residual
        and (network.layers == 1 or not network.layer_norm)
        and network.initial_state == "zero"
    )


def torch_names(network: Network) -> dict[str, str]:
    """Return the name in a state_dict of every parameter, by its name in a model file."""
    names = {"embedding.W": "embedding.weight", "head.W": "head.weight", "head.b": "head.bias"}
    plain = is_plain(network)
    for layer in range(network.layers):
        for name in network.cell.params:
            torch_name = f"layers.{layer}.{name}"
            if network.cell_name in TORCH_CELLS:
                part = "rnn" if plain else f"layers.{layer}"
                torch_name = f"{part}.{TORCH_PARAMETERS[name]}_l{layer if plain else 0}"
            names[f"layers.{layer}.{name}"] = torch_name
        for field in network.cell.learned_start:
            is_torch = network.cell_name in TORCH_CELLS
            start = f"initial_{field}.{layer}" if is_torch else f"layers.{layer}.initial_{field}"
            names[f"layers.{layer}.start.{field}"] = start
        for name, torch_name in NORM_PARAMETERS.items():
            norm = "norm" if plain else f"norms.{layer}"
            names[f"layers.{layer}.norm.{name}"] = f"{norm}.{torch_name}"
    return {name: names[name] for name in network.parameter_specs()}


def state_dict(network: Network, arrays: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the tensors of a state_dict; a tied matrix has both of its names."""
    tensors = {torch: np.ascontiguousarray(arrays[name]) for name, torch in torch_names(network).items()}
    if network.tie_weights:
        tensors["head.weight"] = tensors["embedding.weight"].copy()
    return tensors

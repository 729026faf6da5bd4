"""Models of PyTorch as other people write them, with random weights."""

from typing import Any

import torch
from torch import nn

from tests.support.exported import SYMBOLS

SIZE = len(SYMBOLS)


class CharModel(nn.Module):
    """An embedding or one-hot vectors, a recurrent module, optionally a LayerNorm, and a linear layer."""

    def __init__(
        self,
        kind: str = "LSTM",
        *,
        embedding: int = 0,
        hidden: int = 7,
        layers: int = 1,
        norm: bool = False,
        bias: bool = True,
        tied: bool = False,
        seed: int = 0,
        **options: Any,
    ) -> None:
        """Draw the weights by the seed."""
        torch.manual_seed(seed)
        super().__init__()
        self.encoder = nn.Embedding(SIZE, embedding) if embedding else None
        make = getattr(nn, kind)
        self.rnn = make(embedding or SIZE, hidden, layers, batch_first=True, bias=bias, **options)
        self.norm = nn.LayerNorm(hidden) if norm else None
        self.decoder = nn.Linear(hidden, SIZE, bias=bias)
        if tied and self.encoder:
            self.decoder.weight = self.encoder.weight
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.6, 0.6)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Ids [B T] -> logits [B T V]."""
        x = self.encoder(ids) if self.encoder else nn.functional.one_hot(ids, SIZE).float()
        hs, _ = self.rnn(x)
        logits: torch.Tensor = self.decoder(self.norm(hs) if self.norm else hs)
        return logits


def tensors_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """The state_dict, with a copy of each tensor, as save_file requires it."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}

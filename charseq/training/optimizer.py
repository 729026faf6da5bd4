"""Optimizers over flat tensors, with the results of torch.optim at its defaults.

Constructing any class of torch.optim imports torch's compiler, which takes longer than importing torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from charseq.settings.train_settings import OptimizerName


class Optimizer(ABC):
    """Updates parameters from their gradients, with `slots` tensors of state for each.

    Weight decay is decoupled from the gradient: an update first scales each weight by
    `1 - learning_rate * decay`.  Source: Loshchilov & Hutter 2017, arXiv:1711.05101.
    """

    slots = 0
    decay = 0.0

    def __init__(self, parameters: Sequence[Tensor], decay: float | None = None) -> None:
        self.parameters = parameters
        self.decay = self.decay if decay is None else decay
        self.updates = 0
        self.memory = [[torch.zeros_like(p) for _ in range(self.slots)] for p in parameters]

    def update(self, gradients: Sequence[Tensor], learning_rate: float) -> None:
        """Update every parameter in place."""
        self.updates += 1
        if self.decay:
            for parameter in self.parameters:
                parameter.mul_(1 - learning_rate * self.decay)
        self._step(gradients, learning_rate)

    @abstractmethod
    def _step(self, gradients: Sequence[Tensor], learning_rate: float) -> None:
        """Update every parameter in place, without weight decay."""


class Adam(Optimizer):
    """Adam as one fused operation, with betas 0.9 and 0.999.  Source: Kingma & Ba 2014, arXiv:1412.6980."""

    slots = 2

    def __init__(self, parameters: Sequence[Tensor], decay: float | None = None) -> None:
        super().__init__(parameters, decay)
        self._steps = [torch.zeros((), device=p.device) for p in parameters]

    def _step(self, gradients: Sequence[Tensor], learning_rate: float) -> None:
        means, squares = ([memory[i] for memory in self.memory] for i in range(self.slots))
        for steps in self._steps:
            steps.fill_(self.updates)
        torch._fused_adam_(  # what torch.optim.Adam(fused=True) calls
            [*self.parameters],
            [*gradients],
            means,
            squares,
            [],
            self._steps,
            lr=learning_rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


class AdamW(Adam):
    """Adam with a weight decay of 0.01."""

    decay = 0.01


class SGD(Optimizer):
    """Stochastic gradient descent, without momentum."""

    def _step(self, gradients: Sequence[Tensor], learning_rate: float) -> None:
        for p, g in zip(self.parameters, gradients, strict=True):
            p.add_(g, alpha=-learning_rate)


class RMSprop(Optimizer):
    """RMSprop with alpha 0.99.  Source: Tieleman & Hinton 2012, lecture 6.5."""

    slots = 1

    def _step(self, gradients: Sequence[Tensor], learning_rate: float) -> None:
        for p, g, (square,) in zip(self.parameters, gradients, self.memory, strict=True):
            square.mul_(0.99).addcmul_(g, g, value=1 - 0.99)
            p.addcdiv_(g, square.sqrt().add_(1e-8), value=-learning_rate)


OPTIMIZERS: dict[OptimizerName, type[Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": SGD,
    "rmsprop": RMSprop,
}

"""Optimizers over flat tensors.

They are our own because constructing any class of torch.optim imports torch's compiler, which costs more
than the import of torch itself.  Their numbers are those of torch.optim at its defaults.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from charseq.settings.train_settings import OptimizerName, Schedule


class Optimizer(ABC):
    """Moves parameters against their gradients; remembers `slots` tensors for each.

    Weight decay is decoupled from the gradient, whatever the optimizer: an update first takes the part
    `learning_rate * decay` away.  Source: Loshchilov & Hutter 2017, arXiv:1711.05101.
    """

    slots = 0
    decay = 0.0

    def __init__(self, parameters: Sequence[Tensor], decay: float | None = None) -> None:
        self.parameters = parameters
        self.decay = self.decay if decay is None else decay
        self.updates = 0
        self.memory = [[torch.zeros_like(p) for _ in range(self.slots)] for p in parameters]

    def update(self, gradients: Sequence[Tensor], learning_rate: float) -> None:
        """Move every parameter once."""
        self.updates += 1
        if self.decay:
            for parameter in self.parameters:
                parameter.mul_(1 - learning_rate * self.decay)
        self._move(gradients, learning_rate)

    @abstractmethod
    def _move(self, gradients: Sequence[Tensor], learning_rate: float) -> None:
        """Move all parameters in place."""


class Adam(Optimizer):
    """Source: Kingma & Ba 2014, arXiv:1412.6980; betas 0.9 and 0.999.  One fused operation moves all."""

    slots = 2

    def __init__(self, parameters: Sequence[Tensor], decay: float | None = None) -> None:
        super().__init__(parameters, decay)
        self._steps = [torch.zeros((), device=p.device) for p in parameters]

    def _move(self, gradients: Sequence[Tensor], learning_rate: float) -> None:
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

    def _move(self, gradients: Sequence[Tensor], learning_rate: float) -> None:
        for p, g in zip(self.parameters, gradients, strict=True):
            p.add_(g, alpha=-learning_rate)


class RMSprop(Optimizer):
    """Source: Tieleman & Hinton 2012, lecture 6.5; alpha 0.99."""

    slots = 1

    def _move(self, gradients: Sequence[Tensor], learning_rate: float) -> None:
        for p, g, (square,) in zip(self.parameters, gradients, self.memory, strict=True):
            square.mul_(0.99).addcmul_(g, g, value=1 - 0.99)
            p.addcdiv_(g, square.sqrt().add_(1e-8), value=-learning_rate)


OPTIMIZERS: dict[OptimizerName, type[Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": SGD,
    "rmsprop": RMSprop,
}


ONE_CYCLE_WARM_UP = 0.3
"""The part of a one-cycle schedule in which the learning rate rises, where nothing else is asked for."""
LOWEST = 0.05
"""Of the learning rate, where a schedule begins to rise and where it ends."""


def scheduled(learning_rate: float, schedule: Schedule, done: float, warm_up: float = 0.0) -> float:
    """The learning rate when `done`, 0 to 1, of the run is over.

    It rises from a twentieth in a straight line while `warm_up` of the run is not over.  Then it stays, or
    falls to a twentieth along a cosine (Loshchilov & Hutter 2016, arXiv:1608.03983).  One-cycle is a cosine
    with a long rise (Smith & Topin 2017, arXiv:1708.07120).
    """
    if schedule == "one-cycle":
        warm_up = warm_up or ONE_CYCLE_WARM_UP
    low = LOWEST * learning_rate
    done = min(done, 1.0)
    if done < warm_up:
        return low + (learning_rate - low) * done / warm_up
    if schedule == "constant":
        return learning_rate
    done = (done - warm_up) / (1 - warm_up)
    return low + (learning_rate - low) * 0.5 * (1 + math.cos(math.pi * done))

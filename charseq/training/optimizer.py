"""Optimizers over flat tensors.

They are our own because constructing any class of torch.optim imports torch's compiler, which costs more
than the import of torch itself.  Their numbers are those of torch.optim at its defaults.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from charseq.settings import OptimizerName, Schedule


class Optimizer(ABC):
    """Moves parameters against their gradients; remembers `slots` tensors for each."""

    slots = 0

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = parameters
        self.updates = 0
        self.memory = [[torch.zeros_like(p) for _ in range(self.slots)] for p in parameters]

    def update(self, gradients: Sequence[Tensor], learning_rate: float) -> None:
        """Move every parameter once."""
        self.updates += 1
        for parameter, gradient, memory in zip(self.parameters, gradients, self.memory, strict=True):
            self._move(parameter, gradient, memory, learning_rate)

    @abstractmethod
    def _move(self, p: Tensor, g: Tensor, memory: list[Tensor], learning_rate: float) -> None:
        """Move one parameter in place."""


class Adam(Optimizer):
    """Source: Kingma & Ba 2014, arXiv:1412.6980; betas 0.9 and 0.999."""

    slots = 2
    decay = 0.0

    def _move(self, p: Tensor, g: Tensor, memory: list[Tensor], learning_rate: float) -> None:
        mean, square = memory
        if self.decay:
            p.mul_(1 - learning_rate * self.decay)
        mean.lerp_(g, 1 - 0.9)
        square.mul_(0.999).addcmul_(g, g, value=1 - 0.999)
        scale = square.sqrt().div_(math.sqrt(1 - 0.999**self.updates)).add_(1e-8)
        p.addcdiv_(mean, scale, value=-learning_rate / (1 - 0.9**self.updates))


class AdamW(Adam):
    """Adam with decoupled weight decay 0.01.  Source: Loshchilov & Hutter 2017, arXiv:1711.05101."""

    decay = 0.01


class SGD(Optimizer):
    """Stochastic gradient descent, without momentum."""

    def _move(self, p: Tensor, g: Tensor, memory: list[Tensor], learning_rate: float) -> None:
        p.add_(g, alpha=-learning_rate)


class RMSprop(Optimizer):
    """Source: Tieleman & Hinton 2012, lecture 6.5; alpha 0.99."""

    slots = 1

    def _move(self, p: Tensor, g: Tensor, memory: list[Tensor], learning_rate: float) -> None:
        (square,) = memory
        square.mul_(0.99).addcmul_(g, g, value=1 - 0.99)
        p.addcdiv_(g, square.sqrt().add_(1e-8), value=-learning_rate)


OPTIMIZERS: dict[OptimizerName, type[Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": SGD,
    "rmsprop": RMSprop,
}


WARM_UP = 0.3
"""The part of a one-cycle schedule in which the learning rate rises."""


def scheduled(learning_rate: float, schedule: Schedule, done: float) -> float:
    """The learning rate when `done`, 0 to 1, of the run is over.

    Cosine falls to a twentieth (Loshchilov & Hutter 2016, arXiv:1608.03983); one-cycle rises from a twentieth
    first (Smith & Topin 2017, arXiv:1708.07120).
    """
    if schedule == "constant":
        return learning_rate
    low = 0.05 * learning_rate
    done = min(done, 1.0)
    if schedule == "one-cycle":
        if done < WARM_UP:
            return low + (learning_rate - low) * done / WARM_UP
        done = (done - WARM_UP) / (1 - WARM_UP)
    return low + (learning_rate - low) * 0.5 * (1 + math.cos(math.pi * done))

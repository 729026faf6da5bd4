"""The trainable parameters of a network, in few and large tensors."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from charseq.model.network import Network
from charseq.settings.train_settings import Freeze

SUMS = 3
"""Numbers of an update that processes add up, beside the gradients."""
ALIGNMENT = 16
"""The number of elements to a multiple of which each gradient is padded in memory."""

TRAINED: Mapping[Freeze, Callable[[str], bool]] = {
    "none": lambda name: True,
    "all-but-head": lambda name: name.startswith("head."),
    "all-but-initial-state": lambda name: ".start." in name,
}
"""Whether a parameter is trained, by the value of --freeze."""


class Parameters:
    """Parameters and gradients as views into one flat tensor per layer.

    The optimizer works on the flat tensors.  cuDNN accepts a layer without a copy, because its weights are
    contiguous in the order of their declaration.
    """

    def __init__(
        self,
        network: Network,
        arrays: Mapping[str, npt.NDArray[np.float32]],
        device: torch.device,
        freeze: Freeze = "none",
    ):
        """Make the parameters of a network; `freeze` says which of them have no gradient."""
        self.is_partly_trained = freeze == "all-but-initial-state"
        """Whether an update may change nothing: one in which no sequence begins."""
        self.flat: list[Tensor] = []
        self.trained: list[Tensor] = []
        """Those tensors of `flat` that training changes."""
        self.gradients: list[Tensor] = []
        """The gradients of `trained`, views into `buffer`."""
        self.buffer = torch.zeros(0, device=device)
        """All gradients, and at the end SUMS numbers: what processes add up in one exchange."""
        self.named: dict[str, Tensor] = {}
        self._groups: dict[str, list[str]] = {}
        for name in network.parameter_specs():
            self._groups.setdefault(name.rpartition(".")[0], []).append(name)
        values = self.flattened(arrays)
        self.buffer = torch.zeros(sum(_padded(flat.numel()) for flat in values) + SUMS, device=device)
        used = 0
        for names, joined in zip(self._groups.values(), values, strict=True):
            flat = joined.to(device)
            trained = TRAINED[freeze](names[0])
            gradient = self.buffer[used : used + len(flat)]
            used += _padded(len(flat)) if trained else 0
            start = 0
            for name in names:
                size, shape = arrays[name].size, arrays[name].shape
                leaf = flat[start : start + size].view(shape).requires_grad_(trained)
                if trained:
                    leaf.grad = gradient[start : start + size].view(shape)
                self.named[name] = leaf
                start += size
            self.flat.append(flat)
            if trained:
                self.trained.append(flat)
                self.gradients.append(gradient)
        self.buffer = self.buffer[: used + SUMS]
        self.weights = network.arrange(self.named)

    @property
    def sums(self) -> Tensor:
        """The numbers [SUMS] at the end of `buffer`."""
        return self.buffer[-SUMS:]

    def flattened(self, arrays: Mapping[str, npt.NDArray[np.float32]]) -> list[Tensor]:
        """Convert arrays by name to flat tensors; `arrays` is the inverse."""
        groups = self._groups.values()
        return [torch.from_numpy(np.concatenate([np.ravel(arrays[name]) for name in g])) for g in groups]

    def zero_gradients(self) -> None:
        """Set all gradients to zero."""
        for gradient in self.gradients:
            gradient.zero_()

    def clip_gradients(self, max_norm: float) -> None:
        """Scale all gradients so that their common norm is at most `max_norm`.

        Source: Pascanu et al. 2013, arXiv:1211.5063.
        """
        norm = torch.stack([gradient.norm() for gradient in self.gradients]).norm()
        factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
        for gradient in self.gradients:
            gradient.mul_(factor)

    def copy(self) -> list[Tensor]:
        """Return a copy of the flat tensors."""
        return [flat.clone() for flat in self.flat]

    @torch.no_grad()
    def restore(self, values: list[Tensor]) -> None:
        """Overwrite the parameters with a copy made by `copy`."""
        for flat, value in zip(self.flat, values, strict=True):
            flat.copy_(value)

    @torch.no_grad()
    def exchange(self, values: list[Tensor]) -> None:
        """Swap the parameters with other flat tensors."""
        for flat, value in zip(self.flat, values, strict=True):
            current = flat.clone()
            flat.copy_(value)
            value.copy_(current)

    def arrays(self, values: list[Tensor]) -> dict[str, npt.NDArray[np.float32]]:
        """Convert flat tensors to NumPy arrays by name, in the layout of the network."""
        arrays = {}
        names = iter(self.named.items())
        for flat in values:
            left: npt.NDArray[np.float32] = flat.cpu().numpy()
            while left.size:
                name, leaf = next(names)
                arrays[name] = left[: leaf.numel()].reshape(tuple(leaf.shape))
                left = left[leaf.numel() :]
        return arrays


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT

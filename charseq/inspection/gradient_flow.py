"""The norms of the last loss's gradient over the steps of a text."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GradientFlow:
    """The loss of a text's last symbol, and the norms of its gradient with respect to earlier states."""

    cell: str
    description: str
    """The network's size and the origin of its weights."""
    symbols: tuple[str, ...]
    """The whole text, T + 1 symbols."""
    loss: float
    """In nats."""
    norms: tuple[float, ...]
    """The norm of the gradient with respect to the state after each of T steps."""
    seed: int | None = None
    """The seed of the weights; None for trained ones."""

    @property
    def share_at_first_step(self) -> float:
        """The norm at the first step, divided by that at the last step; 0 if that is 0."""
        return self.norms[0] / self.norms[-1] if self.norms[-1] else 0.0

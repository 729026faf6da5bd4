"""How far back the loss of a text's last character reaches in one network."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reach:
    """The loss of the last symbol, in nats, and the norm of its gradient after each of T steps before."""

    cell: str
    about: str
    """Which network, and which weights."""
    symbols: tuple[str, ...]
    """The whole text, T + 1 symbols."""
    loss: float
    norms: tuple[float, ...]
    seed: int | None = None
    """The seed of the weights; None for trained ones."""

    @property
    def arriving(self) -> float:
        """The part of the last step's gradient that arrives at the first."""
        return self.norms[0] / self.norms[-1] if self.norms[-1] else 0.0

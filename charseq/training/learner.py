"""A network that learns: one update from a batch, and measures of what it now predicts."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from charseq.cells.cell import State, beside
from charseq.model.network import Network
from charseq.settings.train_settings import TrainSettings
from charseq.text.batches import Batch, padded
from charseq.text.vocabulary import Ids
from charseq.training.device import uses_bfloat16
from charseq.training.evaluation import Evaluation, ValidationSet
from charseq.training.kernels import native
from charseq.training.kernels.select import Way
from charseq.training.kernels.torch_ops import TORCH
from charseq.training.loss import row_losses, sequence_loss
from charseq.training.optimizer import OPTIMIZERS
from charseq.training.parameters import Parameters

States = tuple[State, ...]

EVALUATED_AT_ONCE = 64


class Measure(NamedTuple):
    """Loss in nats per place, the part of places predicted right, and the predictions [B T] if kept."""

    loss: float
    accuracy: float
    predictions: list[list[int]]


class Learner:
    """The network, its parameters on a device, and its optimizer."""

    def __init__(
        self,
        network: Network,
        arrays: dict[str, npt.NDArray[np.float32]],
        settings: TrainSettings,
        way: Way,
        device: torch.device,
    ) -> None:
        self.network = network
        self.parameters = Parameters(network, arrays, device)
        self.optimizer = OPTIMIZERS[settings.optimizer](self.parameters.flat, settings.weight_decay)
        self.device = device
        self._way = way
        self._clip = settings.clip
        self._dropout = settings.dropout
        self._average = settings.average
        self._averaged = self.parameters.copy() if settings.average else []
        self.random = torch.Generator(device).manual_seed(settings.seed)
        """What dropout draws from."""
        self._in_bfloat16 = uses_bfloat16(settings.precision, device)

    def update(
        self, batch: Batch, states: States | None, learning_rate: float
    ) -> tuple[Tensor, Tensor, States]:
        """Learn from one batch.  Returns its loss, the number of places that were right, the states."""
        inputs, targets, weights = self._moved(batch.inputs, batch.targets, batch.weights)
        dropout = self._drop if self._dropout else _keep
        logits, states = self._forward(inputs, self._carried(states, batch), dropout)
        loss = sequence_loss(logits, targets, weights)
        self.parameters.zero_gradients()
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            if self._clip:
                self.parameters.clip_gradients(self._clip)
            self.optimizer.update(self.parameters.gradients, learning_rate)
            self._take_into_average()
            right = ((logits.argmax(-1) == targets) & (weights > 0)).sum()
        return loss.detach(), right, tuple(type(s)(*(f.detach() for f in s)) for s in states)

    @torch.no_grad()
    def evaluate(self, validation: ValidationSet) -> Evaluation:
        """Measure held-out sequences, each from the initial state."""
        count = len(validation.sequences)
        costs, correct = np.zeros(count), np.zeros(count, np.int64)
        for numbers, batches in validation.groups():
            states: States | None = None
            for batch in batches:
                inputs, targets, weights = self._moved(batch.inputs, batch.targets, batch.weights)
                logits, states = self._forward(inputs, states, _keep)
                row_costs, row_correct = row_losses(logits, targets, weights)
                costs[numbers] += row_costs
                correct[numbers] += row_correct
        return Evaluation(costs, correct, validation.sequences.positions, validation.lines)

    @torch.no_grad()
    def measure_whole(self, sequences: Sequence[Ids]) -> Measure:
        """Loss, accuracy and predicted ids over strings, each read from the zero state."""
        cost, right, places = 0.0, 0, 0
        predictions: list[list[int]] = []
        for first in range(0, len(sequences), EVALUATED_AT_ONCE):
            ids, lengths = padded(sequences[first : first + EVALUATED_AT_ONCE])
            live = (np.arange(ids.shape[1] - 1) < (lengths - 1)[:, None]).astype(np.float32)
            inputs, targets, weights = self._moved(ids[:, :-1], ids[:, 1:], live)
            logits, _ = self._forward(inputs, None, _keep)
            predicted = logits.argmax(-1)
            count = int(lengths.sum() - len(lengths))
            cost += float(sequence_loss(logits, targets, weights)) * count
            right += int(((predicted == targets) & (weights > 0)).sum())
            places += count
            rows = predicted.tolist()
            predictions += [row[: n - 1] for row, n in zip(rows, lengths.tolist(), strict=True)]
        return Measure(cost / places, right / places, predictions)

    def kept(self) -> dict[str, Tensor]:
        """The tensors that learning goes on from, by name; to be copied, or to be written over."""
        groups = {"weights": self.parameters.flat, "average": self._averaged}
        for i in range(self.optimizer.slots):
            groups[f"optimizer.{i}"] = [slots[i] for slots in self.optimizer.memory]
        return {f"{name}.{i}": tensor for name, group in groups.items() for i, tensor in enumerate(group)}

    @property
    def is_finite(self) -> bool:
        """Whether every parameter is a finite number."""
        return all(bool(torch.isfinite(flat).all()) for flat in self.parameters.flat)

    def first_states(self, rows: int) -> States:
        """The states that so many rows start from."""
        return self.network.start(TORCH, self.parameters.weights, rows)

    def recover(self, values: list[Tensor]) -> None:
        """Go back to earlier weights, and forget what the optimizer remembers."""
        self.parameters.restore(values)
        self.optimizer = type(self.optimizer)(self.parameters.flat, self.optimizer.decay)
        self._averaged = self.parameters.copy() if self._average else []

    @contextlib.contextmanager
    def settled(self) -> Iterator[None]:
        """While measuring and keeping, let the averaged weights stand in for the present ones."""
        if not self._average:
            yield
            return
        self.parameters.exchange(self._averaged)
        try:
            yield
        finally:
            self.parameters.exchange(self._averaged)

    def _take_into_average(self) -> None:
        """Move the average towards the present weights, quickly while it is young.

        Source: Polyak & Juditsky 1992; the warm-up of the decay is the one common with such averages.
        """
        if not self._average:
            return
        decay = min(self._average, (1 + self.optimizer.updates) / (10 + self.optimizer.updates))
        for averaged, present in zip(self._averaged, self.parameters.flat, strict=True):
            averaged.lerp_(present, 1 - decay)

    def _forward(
        self, inputs: Tensor, states: States | None, dropout: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, States]:
        """Inputs [B T] -> logits [B T V], every layer's final state."""
        weights = self.parameters.weights
        if states is None:
            states = self.first_states(len(inputs))
        read = self.network.look_up if self._way.path == "fused" else self.network.embed
        xs = read(TORCH, weights, inputs)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._in_bfloat16):
            hs, states = self.network.run(
                TORCH, weights, xs, states, unroll=self._way.unroll, dropout=dropout
            )
            logits = self.network.read_out(weights, hs.transpose(0, 1)).transpose(0, 1)  # as hs lie in memory
        return logits.float(), states

    def _carried(self, states: States | None, batch: Batch) -> States | None:
        """The states that a batch starts from: the network's first ones in its fresh rows."""
        if states is None or batch.fresh.all():
            return None
        if not batch.fresh.any():
            return states
        (fresh,) = self._moved(batch.fresh)
        starts = self.first_states(len(batch.fresh))
        return tuple(
            type(s)(*(torch.where(beside(fresh, f), first, f) for first, f in zip(start, s, strict=True)))
            for start, s in zip(starts, states, strict=True)
        )

    def _moved(self, *arrays: npt.NDArray[Any]) -> list[Tensor]:
        return [torch.from_numpy(array).to(self.device, non_blocking=True) for array in arrays]

    def _drop(self, hs: Tensor) -> Tensor:
        """Inverted dropout, from the run's own generator.  Source: Srivastava et al. 2014."""
        if self._way.kernel == "native":
            return native.dropout(hs, self._dropout, self.random)
        kept = 1 - self._dropout
        return hs * torch.empty_like(hs).bernoulli_(kept, generator=self.random).div_(kept)


def _keep(hs: Tensor) -> Tensor:
    return hs

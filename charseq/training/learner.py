"""One training update from a batch, alone or with other processes."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from charseq.model.network import Network
from charseq.settings.train_settings import ChosenPrecision, TrainSettings
from charseq.text.batches import Batch
from charseq.training.kernels.dropout import draw_keys, dropout
from charseq.training.kernels.select import UnrollPath
from charseq.training.loss import summed_loss
from charseq.training.optimizer import OPTIMIZERS
from charseq.training.processes import ALONE, Action, Processes
from charseq.training.reader import Reader, States, no_dropout


class Learner(Reader):
    """A network that learns: its parameters, its optimizer, and the updates of both."""

    def __init__(
        self,
        network: Network,
        arrays: dict[str, npt.NDArray[np.float32]],
        settings: TrainSettings,
        path: UnrollPath,
        device: torch.device,
        processes: Processes = ALONE,
        precision: ChosenPrecision = "float32",
    ) -> None:
        super().__init__(network, arrays, settings, path, device, processes, precision)
        self.optimizer = OPTIMIZERS[settings.optimizer](self.parameters.trained, settings.weight_decay)
        self._clip = settings.clip
        self._dropout = settings.dropout
        self._average = settings.average
        self._averaged = self.parameters.copy() if settings.average else []
        self.random = torch.Generator().manual_seed(settings.seed)
        """The random generator of dropout, on the CPU for any device."""
        self.masks = (network.layers - (network.head == "none")) if settings.dropout else 0
        """The number of masks of dropout in an update."""
        self._sync_every = settings.sync_every if processes.are_several else 1
        self.rows = 0
        """The rows of the last batch, with those of other processes."""
        self.is_synchronized = True
        """Whether the weights of all processes are equal."""

    def update(
        self, batch: Batch, states: States | None, learning_rate: float
    ) -> tuple[Tensor, Tensor, States]:
        """Update the weights from one batch, with the other processes.

        Returns its mean loss in nats per position, its number of correct predictions, and the final states of
        the rows of this process.
        """
        keys = draw_keys(self.masks, self.random)
        place = batch.epoch, batch.number
        self.processes.order(Action.UPDATE, *place, learning_rate, states is None, keys=keys)
        return self.take_part(batch, states, learning_rate, keys)

    def take_part(
        self, batch: Batch, states: States | None, learning_rate: float, keys: Sequence[int]
    ) -> tuple[Tensor, Tensor, States]:
        """Do this process's part of an update; `keys` are those of the masks of dropout."""
        self.rows = batch.rows
        loss, correct, states = self._gradients(batch, states, keys)
        trains = loss.requires_grad
        loss = loss.detach()
        with torch.no_grad():
            if self.processes.are_several:
                loss, correct, trains = self._summed(batch, loss, correct, trains)
            if trains:
                if self._clip:
                    self.parameters.clip_gradients(self._clip)
                self.optimizer.update(self.parameters.gradients, learning_rate)
            self._after_update(trains)
        return loss, correct, tuple(type(s)(*(f.detach() for f in s)) for s in states)

    def _gradients(
        self, batch: Batch, states: States | None, keys: Sequence[int]
    ) -> tuple[Tensor, Tensor, States]:
        """Compute the gradients of the rows of this process.

        Their loss is divided by the positions of the whole batch, or by their own if weights are averaged.
        """
        if not len(batch.fresh):
            self.parameters.zero_gradients()
            zero = torch.zeros((), device=self.device)
            return zero, zero, self.initial_states(0)
        inputs, targets, weights = self._moved(batch.inputs, batch.targets, batch.weights)
        pairs = zip(keys[::2], keys[1::2], strict=True)

        def drop(hs: Tensor) -> Tensor:
            return dropout(hs, self._dropout, next(pairs), batch)

        _, logits, states = self._forward(inputs, self._carried(states, batch), drop if keys else no_dropout)
        loss = summed_loss(logits, targets, weights) / self._divisor(batch, weights)
        self.parameters.zero_gradients()
        if loss.requires_grad:  # not if only the initial state is trained, and no sequence begins here
            loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            return loss, ((logits.argmax(-1) == targets) & (weights > 0)).sum(), states

    def _divisor(self, batch: Batch, weights: Tensor) -> Tensor:
        positions = weights.t().flatten().sum()
        if self._sync_every > 1:
            return positions.clamp(min=1)  # all rows of this process may have ended
        return positions + batch.other_positions if batch.other_positions else positions

    def _summed(
        self, batch: Batch, loss: Tensor, correct: Tensor, trains: bool
    ) -> tuple[Tensor, Tensor, bool]:
        """Add up gradients, losses and correct predictions of all processes, or all but the gradients."""
        if self._sync_every > 1:
            loss = loss * (batch.own_positions / batch.positions)
        sums = self.parameters.sums
        sums.copy_(torch.stack([loss, correct.float(), torch.full_like(loss, float(trains))]))
        if self._sync_every > 1:
            self.processes.collect(sums)
            return sums[0].clone(), sums[1].clone(), trains and batch.own_positions > 0
        self.processes.sum(self.parameters.buffer)
        trains = bool(sums[2] > 0) if self.parameters.is_partly_trained else True
        return sums[0].clone(), sums[1].clone(), trains

    def _after_update(self, trained: bool) -> None:
        """Average the weights of the processes, if that is due, and update the moving average."""
        if self._sync_every == 1:
            if trained:
                self._update_average(self._average)
            return
        if not trained:
            self.optimizer.updates += 1  # the processes count the same updates
        self.is_synchronized = self.optimizer.updates % self._sync_every == 0
        if self.is_synchronized:
            self.processes.average(self.parameters.trained)
            self._update_average(self._average**self._sync_every)

    def synchronize(self) -> None:
        """Average the weights of the processes unless they are equal."""
        if not self.is_synchronized:
            self.processes.order(Action.AVERAGE)
            self.average_processes()

    def average_processes(self) -> None:
        """Do this process's part of averaging the weights."""
        self.processes.average(self.parameters.trained)
        self.is_synchronized = True

    def checkpoint_tensors(self) -> dict[str, Tensor]:
        """Return the tensors that training continues from, by name; a restored run writes into them."""
        groups = {"weights": self.parameters.flat, "average": self._averaged}
        for i in range(self.optimizer.slots):
            groups[f"optimizer.{i}"] = [slots[i] for slots in self.optimizer.memory]
        return {f"{name}.{i}": tensor for name, group in groups.items() for i, tensor in enumerate(group)}

    @property
    def is_finite(self) -> bool:
        """Whether every parameter is a finite number."""
        return all(bool(torch.isfinite(flat).all()) for flat in self.parameters.flat)

    def restore_weights(self, values: list[Tensor]) -> None:
        """Restore earlier weights in all processes, and reset the optimizer and the moving average."""
        self.processes.order(Action.RESTORE)
        for value in values:
            self.processes.broadcast(value)
        self.restore_part(values)

    def restore_part(self, values: list[Tensor]) -> None:
        """Restore earlier weights in this process."""
        self.is_synchronized = True
        self.parameters.restore(values)
        self.optimizer = type(self.optimizer)(self.parameters.trained, self.optimizer.decay)
        self._averaged = self.parameters.copy() if self._average else []

    @contextlib.contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Use the moving average of the weights in this context, if the run has one."""
        if not self._average:
            yield
            return
        with self.using(self._averaged):
            yield

    @contextlib.contextmanager
    def using(self, values: list[Tensor]) -> Iterator[None]:
        """Use other weights, as flat tensors, in this context."""
        self.parameters.exchange(values)
        try:
            yield
        finally:
            self.parameters.exchange(values)

    def _update_average(self, decay: float) -> None:
        """Move the average towards the current weights, faster during the first updates.

        Source: Polyak & Juditsky 1992; the warm-up of the decay is the one common with such averages.
        """
        if not self._average:
            return
        decay = min(decay, (1 + self.optimizer.updates) / (10 + self.optimizer.updates))
        for averaged, current in zip(self._averaged, self.parameters.flat, strict=True):
            averaged.lerp_(current, 1 - decay)

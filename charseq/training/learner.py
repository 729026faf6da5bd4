"""One training update from a batch, and evaluation of the current network."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from charseq.cells.cell import State, expand_rows
from charseq.model.network import Network
from charseq.settings.train_settings import ChosenPrecision, TrainSettings
from charseq.text.batches import Batch, padded
from charseq.text.vocabulary import Ids
from charseq.training.evaluation import Evaluation, ValidationSet
from charseq.training.kernels import bfloat16, native
from charseq.training.kernels.layer_norm import REPEATABLE
from charseq.training.kernels.select import UnrollPath
from charseq.training.kernels.torch_ops import TORCH
from charseq.training.loss import row_losses, sequence_loss
from charseq.training.optimizer import OPTIMIZERS
from charseq.training.parameters import Parameters

States = tuple[State, ...]
"""The recurrent state of every layer, each field [B H]."""

EVALUATED_AT_ONCE = 64
"""Strings per batch of an evaluation."""


class Measure(NamedTuple):
    """Loss in nats per position, accuracy, and the predicted ids of each string, where they are wanted."""

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
        path: UnrollPath,
        device: torch.device,
        precision: ChosenPrecision = "float32",
    ) -> None:
        self.network = network
        self.parameters = Parameters(network, arrays, device, settings.freeze)
        self.optimizer = OPTIMIZERS[settings.optimizer](self.parameters.trained, settings.weight_decay)
        self.device = device
        self._path = path
        self._unroll = path.unroll
        self._clip = settings.clip
        self._dropout = settings.dropout
        self._average = settings.average
        self._averaged = self.parameters.copy() if settings.average else []
        self.random = torch.Generator(device).manual_seed(settings.seed)
        """The random generator of dropout."""
        self._autocast = precision == "bfloat16" and device.type != "cpu"
        self._native_bfloat16 = precision == "bfloat16" and device.type == "cpu"
        self._ops = TORCH
        if self._native_bfloat16:
            self._unroll, self._ops = partial(path.unroll, precision=precision), REPEATABLE

    def update(
        self, batch: Batch, states: States | None, learning_rate: float
    ) -> tuple[Tensor, Tensor, States]:
        """Update the weights from one batch.

        Returns its mean loss in nats per position, its number of correct predictions, and the final states.
        """
        inputs, targets, weights = self._moved(batch.inputs, batch.targets, batch.weights)
        dropout = self._drop if self._dropout else _no_dropout
        _, logits, states = self._forward(inputs, self._carried(states, batch), dropout)
        loss = sequence_loss(logits, targets, weights)
        if loss.requires_grad:  # not if only the initial state is trained, and no sequence begins here
            self.parameters.zero_gradients()
            loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            if loss.requires_grad:
                if self._clip:
                    self.parameters.clip_gradients(self._clip)
                self.optimizer.update(self.parameters.gradients, learning_rate)
                self._update_average()
            correct = ((logits.argmax(-1) == targets) & (weights > 0)).sum()
        return loss.detach(), correct, tuple(type(s)(*(f.detach() for f in s)) for s in states)

    @torch.no_grad()
    def evaluate(self, validation: ValidationSet) -> Evaluation:
        """Evaluate validation sequences, each from the initial state."""
        count = len(validation.sequences)
        costs, correct = np.zeros(count), np.zeros(count, np.int64)
        for numbers, outputs in self.outputs(validation):
            for batch, _, logits in outputs:
                row_costs, row_correct = row_losses(logits, *self._moved(batch.targets, batch.weights))
                costs[numbers] += row_costs
                correct[numbers] += row_correct
        return Evaluation(costs, correct, validation.sequences.positions, validation.lines)

    def outputs(
        self, validation: ValidationSet
    ) -> Iterator[tuple[npt.NDArray[np.int64], Iterator[tuple[Batch, Tensor, Tensor]]]]:
        """Yield the numbers of the sequences in a batch's rows, and for each batch that reads them:

        the batch, the inputs of the head [B T H] and the logits [B T V].  Every sequence starts from the
        initial state.
        """
        for numbers, batches in validation.groups():
            yield numbers, self._outputs(batches)

    @torch.no_grad()
    def _outputs(self, batches: Iterator[Batch]) -> Iterator[tuple[Batch, Tensor, Tensor]]:
        states: States | None = None
        for batch in batches:
            (inputs,) = self._moved(batch.inputs)
            hs, logits, states = self._forward(inputs, states, _no_dropout)
            yield batch, hs, logits

    @torch.no_grad()
    def evaluate_strings(self, sequences: Sequence[Ids]) -> Measure:
        """Return loss, accuracy and predicted ids of strings, each read from the initial state."""
        total, correct, positions = 0.0, 0, 0
        predictions: list[list[int]] = []
        for first in range(0, len(sequences), EVALUATED_AT_ONCE):
            ids, lengths = padded(sequences[first : first + EVALUATED_AT_ONCE])
            live = (np.arange(ids.shape[1] - 1) < (lengths - 1)[:, None]).astype(np.float32)
            inputs, targets, weights = self._moved(ids[:, :-1], ids[:, 1:], live)
            _, logits, _ = self._forward(inputs, None, _no_dropout)
            predicted = logits.argmax(-1)
            count = int(lengths.sum() - len(lengths))
            total += float(sequence_loss(logits, targets, weights)) * count
            correct += int(((predicted == targets) & (weights > 0)).sum())
            positions += count
            rows = predicted.tolist()
            predictions += [row[: n - 1] for row, n in zip(rows, lengths.tolist(), strict=True)]
        return Measure(total / positions, correct / positions, predictions)

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

    def initial_states(self, rows: int) -> States:
        """Return the initial states of a batch of `rows` sequences."""
        return self.network.initial_states(TORCH, self.parameters.weights, rows)

    def restore_weights(self, values: list[Tensor]) -> None:
        """Restore earlier weights, and reset the optimizer and the moving average."""
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

    def _update_average(self) -> None:
        """Move the average towards the current weights, faster during the first updates.

        Source: Polyak & Juditsky 1992; the warm-up of the decay is the one common with such averages.
        """
        if not self._average:
            return
        decay = min(self._average, (1 + self.optimizer.updates) / (10 + self.optimizer.updates))
        for averaged, current in zip(self._averaged, self.parameters.flat, strict=True):
            averaged.lerp_(current, 1 - decay)

    def _forward(
        self, inputs: Tensor, states: States | None, dropout: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor, States]:
        """Inputs [B T] -> inputs of the head [B T H], logits [B T V], every layer's final state."""
        weights = self.parameters.weights
        if states is None:
            states = self.initial_states(len(inputs))
        read = self.network.look_up if self._path.path == "fused" else self.network.embed
        xs = read(self._ops, weights, inputs)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._autocast):
            hs, states = self.network.forward(
                self._ops, weights, xs, states, unroll=self._unroll, dropout=dropout
            )
            logits = self._read_out(hs.transpose(0, 1)).transpose(0, 1)  # as hs lie in memory
        return hs.float(), logits.float(), states

    def _read_out(self, hs: Tensor) -> Tensor:
        """Apply the head: hs [T B H] -> logits [T B V]."""
        weights = self.parameters.weights
        if self._native_bfloat16 and weights.head:
            return bfloat16.linear(hs, weights.head["W"], weights.head["b"])
        logits: Tensor = self.network.read_out(weights, hs)
        return logits

    def _carried(self, states: States | None, batch: Batch) -> States | None:
        """Return the states that a batch starts from: initial states in its fresh rows."""
        if states is None or batch.fresh.all():
            return None
        if not batch.fresh.any():
            return states
        (fresh,) = self._moved(batch.fresh)
        starts = self.initial_states(len(batch.fresh))
        return tuple(
            type(s)(
                *(torch.where(expand_rows(fresh, f), first, f) for first, f in zip(start, s, strict=True))
            )
            for start, s in zip(starts, states, strict=True)
        )

    def _moved(self, *arrays: npt.NDArray[Any]) -> list[Tensor]:
        return [torch.from_numpy(array).to(self.device, non_blocking=True) for array in arrays]

    def _drop(self, hs: Tensor) -> Tensor:
        """Apply inverted dropout.  Source: Srivastava et al. 2014."""
        if self._path.kernel == "native":
            return native.dropout(hs, self._dropout, self.random)
        keep = 1 - self._dropout
        return hs * torch.empty_like(hs).bernoulli_(keep, generator=self.random).div_(keep)


def _no_dropout(hs: Tensor) -> Tensor:
    return hs

"""A network on a device, which reads batches, and evaluates strings and the validation set."""

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
from charseq.text.batches import WHOLE, Batch, Part, padded
from charseq.text.vocabulary import Ids
from charseq.training.evaluation import Evaluation, ValidationSet
from charseq.training.kernels.layer_norm import select_ops
from charseq.training.kernels.products import linear
from charseq.training.kernels.select import UnrollPath
from charseq.training.kernels.torch_ops import TORCH
from charseq.training.loss import row_losses, sequence_loss
from charseq.training.parameters import Parameters
from charseq.training.processes import ALONE, Action, Processes

States = tuple[State, ...]
"""The recurrent state of every layer, each field [B H]."""

EVALUATED_AT_ONCE = 64
"""Strings per batch of an evaluation."""


class Measure(NamedTuple):
    """Loss in nats per position, accuracy, and the predicted ids of each string, where they are wanted."""

    loss: float
    accuracy: float
    predictions: list[list[int]]


class Reader:
    """A network with its parameters on a device, in one of several processes or in the only one."""

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
        self.network, self.device, self.processes = network, device, processes
        self.parameters = Parameters(network, arrays, device, settings.freeze)
        self._path = path
        self._unroll = path.unroll
        self._autocast = precision == "bfloat16" and device.type != "cpu"
        self._precision = precision
        self._ops = select_ops(device, settings.kernel)
        if precision == "bfloat16" and device.type == "cpu":
            self._unroll = partial(path.unroll, precision=precision)

    def evaluate(self, validation: ValidationSet) -> Evaluation:
        """Evaluate validation sequences, each from the initial state, with the other processes."""
        self.share_weights(Action.EVALUATE, validation)
        return self.evaluate_part(validation)

    def share_weights(self, action: Action, validation: ValidationSet) -> None:
        """Order an evaluation with the current weights of this process."""
        self.processes.order(action, validation.limited)
        for flat in self.parameters.flat:
            self.processes.broadcast(flat)

    @torch.no_grad()
    def evaluate_part(self, validation: ValidationSet) -> Evaluation:
        """Evaluate the sequences of this process, and add up the results of all processes."""
        count = len(validation.sequences)
        costs, correct = np.zeros(count), np.zeros(count, np.int64)
        for numbers, outputs in self.outputs(validation, self.processes.part):
            for batch, _, logits in outputs:
                row_costs, row_correct = row_losses(logits, *self._moved(batch.targets, batch.weights))
                costs[numbers] += row_costs
                correct[numbers] += row_correct
        for results in (costs, correct):
            self.processes.sum(torch.from_numpy(results))
        return Evaluation(costs, correct, validation.sequences.positions, validation.lines)

    def outputs(
        self, validation: ValidationSet, part: Part = WHOLE
    ) -> Iterator[tuple[npt.NDArray[np.int64], Iterator[tuple[Batch, Tensor, Tensor]]]]:
        """Yield the numbers of the sequences in a batch's rows, and for each batch that reads them:

        the batch, the inputs of the head [B T H] and the logits [B T V].  Every sequence starts from the
        initial state.  Of every group of sequences, only the rows of a `part` are read.
        """
        for numbers, batches in validation.groups(part):
            yield numbers, self._outputs(batches)

    @torch.no_grad()
    def _outputs(self, batches: Iterator[Batch]) -> Iterator[tuple[Batch, Tensor, Tensor]]:
        states: States | None = None
        for batch in batches:
            (inputs,) = self._moved(batch.inputs)
            hs, logits, states = self._forward(inputs, states, no_dropout)
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
            _, logits, _ = self._forward(inputs, None, no_dropout)
            predicted = logits.argmax(-1)
            count = int(lengths.sum() - len(lengths))
            total += float(sequence_loss(logits, targets, weights)) * count
            correct += int(((predicted == targets) & (weights > 0)).sum())
            positions += count
            rows = predicted.tolist()
            predictions += [row[: n - 1] for row, n in zip(rows, lengths.tolist(), strict=True)]
        return Measure(total / positions, correct / positions, predictions)

    def initial_states(self, rows: int) -> States:
        """Return the initial states of a batch of `rows` sequences."""
        return self.network.initial_states(TORCH, self.parameters.weights, rows)

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
        if self._path.kernel == "native" and weights.head:
            return linear(hs, weights.head["W"], weights.head["b"], precision=self._precision)
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


def no_dropout(hs: Tensor) -> Tensor:
    """Return hs as they are."""
    return hs

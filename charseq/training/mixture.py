"""Evaluate the mixture of the network and an n-gram model on the validation set, and fit its gate there.

The gate is fitted to the text on which it is evaluated, so the loss of the mixture is slightly too low.  The
cross-validated loss is not: there each half of the held-out text is predicted by a gate that is fitted to the
other half.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from charseq.model.mixture import Gate, Mixture, features
from charseq.model.ngram import NgramModel
from charseq.model.numpy_ops import NUMPY, Floats, ignore_overflow, log_softmax
from charseq.training.evaluation import Evaluation, ValidationSet
from charseq.training.gate import Observations, fit_gate
from charseq.training.learner import Learner
from charseq.training.ngram import Predicted, read_alone, read_batches, sums
from charseq.training.processes import Action

FITTED_POSITIONS = 1 << 15
"""The most positions that the gate is fitted to."""
LEAST_WEIGHT = 1e-4
"""The smallest weight of a model in a constant gate."""
BISECTIONS = 20


class MixedEvaluation(NamedTuple):
    """The evaluations of a mixture and of its parts, all with the correct predictions of the mixture."""

    mixture: Evaluation
    """With the gate that is saved."""
    crossed: Evaluation
    """With gates that were fitted to the other half of the held-out text."""
    network: Evaluation
    ngram: Evaluation


def validation_losses(evaluated: Evaluation | MixedEvaluation) -> dict[str, Any]:
    """Return the losses of an epoch event, in nats per position, by the names of its fields."""
    if isinstance(evaluated, Evaluation):
        loss, robust = evaluated.loss, evaluated.robust_loss
        return {"validation_loss": loss, "selection_loss": robust, "network_validation_loss": loss}
    return {
        "validation_loss": evaluated.mixture.loss,
        "selection_loss": evaluated.mixture.robust_loss,
        "cross_validation_loss": evaluated.crossed.loss,
        "network_validation_loss": evaluated.network.loss,
        "ngram_validation_loss": evaluated.ngram.loss,
    }


class MixtureEvaluator:
    """Evaluates the current network together with an n-gram model."""

    def __init__(self, ngram: NgramModel, validation: ValidationSet, hidden_size: int) -> None:
        self.ngram, self.validation = ngram, validation
        self.gate = Gate.constant(ngram.order, hidden_size)
        """The gate of the last evaluation."""

    @property
    def mixture(self) -> Mixture:
        """The n-gram model with the gate of the last evaluation."""
        return Mixture(self.ngram, self.gate)

    def evaluate(self, learner: Learner) -> MixedEvaluation:
        """Fit the gate to the current network, and evaluate the mixture, with the other processes.

        The losses are NaN or infinite where the output of the network is.
        """
        learner.share_weights(Action.MIX, self.validation)
        return self.evaluate_part(learner)

    def evaluate_part(self, learner: Learner) -> MixedEvaluation:
        """Do this process's part of an evaluation; the results are those of all processes."""
        with ignore_overflow():
            *halves, self.gate = self._gates(learner)
            return self._evaluate(learner, halves)

    def _gates(self, learner: Learner) -> list[Gate]:
        """Return the gates for either half of the held-out text, fitted to the other, and for all of it.

        Process 0 fits them to the positions that all processes have read.
        """
        processes, order = learner.processes, self.ngram.order
        seen = Observations._make(processes.joined(field) for field in self._observe(learner))
        gates = [Gate.constant(order, len(self.gate.hidden)) for _ in range(3)]
        if processes.leads:
            gates = [fit_gate(seen.select(seen.half != half), order) for half in (0, 1)]
            gates.append(fit_gate(seen, order))
        return [Gate._make(map(processes.array, gate)) for gate in gates]

    def _evaluate(self, learner: Learner, halves: list[Gate]) -> MixedEvaluation:
        mixture, sequences = self.mixture, self.validation.sequences
        results = np.zeros((4, len(sequences)))
        costs, crossed, network, ngram = results
        correct = np.zeros(len(sequences), np.int64)
        for numbers, p in self._predictions(learner, self.validation):
            sequence, at = numbers[p.rows], np.arange(len(p.targets))
            log_mixed = mixture.mix(p.logits, p.q, p.depths, p.hidden)
            read = features(p.logits, p.q)
            log_p, log_q = log_softmax(p.logits)[at, p.targets], np.log(p.q[at, p.targets])
            z = np.choose(p.half, [gate.logit(read, p.depths, p.hidden) for gate in halves])
            log_share, log_rest = NUMPY.log_sigmoid(z), NUMPY.log_sigmoid(-z)
            log_crossed = np.logaddexp(log_share + log_p, log_rest + log_q)
            for total, log_probability in (
                (costs, log_mixed[at, p.targets]),
                (crossed, log_crossed),
                (network, log_p),
                (ngram, log_q),
            ):
                total -= sums(sequence, log_probability, len(sequences))
            correct += np.bincount(sequence[log_mixed.argmax(-1) == p.targets], minlength=len(sequences))
        for every in (results, correct):
            learner.processes.sum(torch.from_numpy(every))
        evaluations = (
            Evaluation(each, correct, sequences.positions, self.validation.lines)
            for each in (costs, crossed, network, ngram)
        )
        return MixedEvaluation(*evaluations)

    def by_frequencies(self, logits: Floats) -> MixedEvaluation:
        """Evaluate the mixture with a network that gives the same logits [V] everywhere.

        The gate becomes the best constant.
        """
        sequences = self.validation.sequences
        predicted = [
            (sequence, p.q[np.arange(len(p.targets)), p.targets], p.targets)
            for sequence, p in read_alone(self.ngram, self.validation)
        ]
        sequence, q, targets = (np.concatenate(each) for each in zip(*predicted, strict=True))
        p = np.exp(log_softmax(logits.astype(np.float64)))[targets]
        weight = _best_weight(p, q.astype(np.float64))
        self.gate = Gate.constant(self.ngram.order, len(self.gate.hidden), weight)
        network = self.validation.by_frequencies(logits)
        mixture, ngram = (
            network._replace(costs=sums(sequence, -np.log(each), len(sequences)))
            for each in (weight * p + (1 - weight) * q, q)
        )
        return MixedEvaluation(mixture, mixture, network, ngram)

    def _observe(self, learner: Learner) -> Observations:
        """Return positions of this process to fit the gate to, evenly spaced over the held-out text."""
        parts = []
        for _, p in self._predictions(learner, self.validation.subset(FITTED_POSITIONS)):
            at = np.arange(len(p.targets))
            log_p, log_q = log_softmax(p.logits)[at, p.targets], np.log(p.q[at, p.targets])
            parts.append(Observations(p.depths, features(p.logits, p.q), p.hidden, log_p, log_q, p.half))
        if not parts:
            return Observations.none(len(self.gate.hidden))
        return Observations._make(np.concatenate(field) for field in zip(*parts, strict=True))

    def _predictions(
        self, learner: Learner, validation: ValidationSet
    ) -> Iterator[tuple[npt.NDArray[np.int64], Predicted]]:
        """Yield the numbers of the sequences in a batch's rows, and the positions of the batch.

        Of every group of sequences, this process reads its rows.
        """
        for numbers, outputs in learner.outputs(validation, learner.processes.part):
            arrays = ((batch, h.cpu().numpy(), logits.cpu().numpy()) for batch, h, logits in outputs)
            total = self.validation.sequences.total
            for predicted in read_batches(self.ngram, numbers, arrays, validation, total):
                yield numbers, predicted


def _best_weight(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> float:
    """Return the weight of p [P], in a mixture with q [P], with the lowest loss; found by bisection."""
    low, high = LEAST_WEIGHT, 1 - LEAST_WEIGHT
    for _ in range(BISECTIONS):
        weight = (low + high) / 2
        if ((p - q) / (weight * p + (1 - weight) * q)).sum() > 0:
            low = weight
        else:
            high = weight
    return (low + high) / 2

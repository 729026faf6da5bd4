"""Make the parts of a run from its plan, in one place."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from charseq.errors import TextError, UsageError, quoted
from charseq.events import LIMITS, EndReason
from charseq.model.extension import extended_weights
from charseq.model.ngram import NgramModel
from charseq.model.numpy_ops import SeededDraw
from charseq.runs.prepare import RunPlan
from charseq.runs.resume import SavedRun
from charseq.settings.defaults import FEWEST_HELD_OUT
from charseq.settings.train_settings import ChosenPrecision
from charseq.text.conflicts import Predictability
from charseq.training import checkpoint
from charseq.training.best_model import BestModel
from charseq.training.data import TrainingData
from charseq.training.divergence import DivergenceGuard
from charseq.training.fit import Point
from charseq.training.following import require_same_text, share_ngram, share_plan, share_state
from charseq.training.kernels.select import UnrollPath, select_path
from charseq.training.learner import Learner
from charseq.training.metrics import RunningMetrics
from charseq.training.mixture import FITTED_POSITIONS, MixtureEvaluator
from charseq.training.ngram import count_model
from charseq.training.precision import agreed_precision, earlier_precision
from charseq.training.processes import ALONE, Processes
from charseq.training.samples import Sampler, estimated_seconds
from charseq.training.state import TrainingState
from charseq.training.threads import device_of, set_threads
from charseq.training.time_budget import TimeBudget
from charseq.training.torch_requirement import uncounted_seconds

CORRECT_EPOCHS = 10
"""Consecutive epochs with the highest possible accuracy after which a short text counts as memorized."""


@dataclass
class TrainingRun:
    """The parts of a run, and what the loop asks about its progress."""

    plan: RunPlan
    device: torch.device
    path: UnrollPath
    precision: ChosenPrecision
    """The precision of matrix products."""
    data: TrainingData
    state: TrainingState
    budget: TimeBudget
    predictability: Predictability | None
    """How well a memorized text can be predicted; None for longer text."""
    log_frequencies: npt.NDArray[np.float32] | None
    """The logits [V] of the initial network for longer text; None where they depend on the input."""
    evaluator: MixtureEvaluator | None = None
    """Mixes the network with an n-gram model; None without one."""
    outliers: list[dict[str, Any]] = field(default_factory=list)
    """Sequences that dominated the last validation loss."""
    curve: list[Point] = field(default_factory=list)
    """The losses of all evaluations so far."""

    @property
    def passes(self) -> float:
        """How often the text has been read so far."""
        return self.state.epochs + self.state.positions / self.data.windows.positions

    @property
    def fraction_done(self) -> float:
        """The completed fraction of the run, 0 to 1."""
        return self.budget.fraction_done(self.state.updates)

    @property
    def earlier_precision(self) -> ChosenPrecision | None:
        """The precision before the run was resumed, where it was another."""
        earlier = earlier_precision(self.plan.resumed) if self.plan.resumed else None
        return earlier if earlier != self.precision else None

    @property
    def highest_accuracy(self) -> float:
        """The highest accuracy that is possible for a memorized text; 1 for longer text."""
        return self.predictability.accuracy if self.predictability else 1.0

    def reason_to_stop(self) -> EndReason | None:
        """Return why the run is complete; None if it is not."""
        settings, state, best = self.plan.settings, self.state, self.state.best.measurement
        if state.epochs >= settings.epochs:
            return "epochs"
        if settings.patience and best.measured and state.epochs - best.epoch >= settings.patience:
            return "patience"
        if settings.until_learned and state.correct_epochs >= CORRECT_EPOCHS:
            return "memorized"
        return "time_limit" if self.budget.is_used_up else None


def build(plan: RunPlan, *, live: bool, save_every: float, processes: Processes = ALONE) -> TrainingRun:
    """Make every part of a run, and restore its state if it is resumed; the other processes follow.

    Raises UsageError for a device or kernel that is not available and for a run that is complete, TextError
    for a text that is too short or differs from that of the resumed run.
    """
    settings, network, vocabulary = plan.settings, plan.network, plan.vocabulary
    device = device_of(settings, processes)
    path = select_path(network.cell, device, settings.kernel)
    set_threads(settings, path, processes)
    share_plan(plan, processes)
    precision = agreed_precision(settings, device, path, processes, plan.resumed)
    data = TrainingData(plan.corpus, vocabulary, settings, processes)
    require_same_text(data, processes)
    plan, evaluator = _with_ngram(plan, data)
    share_ngram(evaluator, processes)
    settings = plan.settings
    weights, log_frequencies = _initial_weights(plan, data)
    learner = Learner(network, weights, settings, path, device, processes, precision)
    by_validation = data.validation is not None and data.validation.chooses
    best = BestModel(
        plan.corpus,
        vocabulary,
        settings,
        learner,
        data.opening,
        save_every,
        evaluator=evaluator,
        label_counts=data.label_counts,
        by_validation=by_validation,
        lines=plan.known_lines,
        lineage=plan.lineage,
    )
    state = TrainingState(
        learner=learner,
        guard=DivergenceGuard(learner, len(vocabulary), device, settings.recoveries),
        best=best,
        sampler=Sampler(learner, best.current_model, settings.seed, live=live),
        metrics=RunningMetrics(device),
    )
    elapsed = _restore(plan.resumed, plan, data, state) if plan.resumed else 0.0
    processes.masks = learner.masks
    state.carried = share_state(learner, state.carried, processes)
    budget = TimeBudget(
        settings,
        settings.epochs * len(data.windows),
        began=plan.began + uncounted_seconds(plan.began) - elapsed,
        sampling=0.0 if settings.whole else estimated_seconds(network.parameter_count(), len(vocabulary)),
        saving=best.save_seconds,
        fitted=FITTED_POSITIONS if evaluator else 0,
        symbols=len(vocabulary),
    )
    predictability = data.predictability(memory=network.cell.memory)
    run = TrainingRun(
        plan, device, path, precision, data, state, budget, predictability, log_frequencies, evaluator
    )
    if plan.resumed:
        _require_incomplete(plan.resumed, run)
    return run


def _with_ngram(plan: RunPlan, data: TrainingData) -> tuple[RunPlan, MixtureEvaluator | None]:
    """Count the n-gram model, and return the plan with its order and the reason for it.

    Raises UsageError if an order was asked for, and too little text is held out to fit a gate.
    """
    settings = plan.settings
    if settings.ngram == 0:
        return plan, None
    if data.validation is None or not data.validation.chooses:
        if settings.ngram:
            raise UsageError(
                f"--ngram {settings.ngram} requires at least {FEWEST_HELD_OUT} held-out characters",
                hint="omit --ngram, or hold out more text with --validation",
            )
        return replace(plan, settings=replace(settings, ngram=0)), None
    ngram = _ngram_model(plan, data)
    reasons = dict(settings.reasons)
    if settings.ngram is None:
        reasons["ngram"] = _reason(plan, ngram)
    plan = replace(plan, settings=replace(settings, ngram=ngram.order, reasons=reasons))
    return plan, MixtureEvaluator(ngram, data.validation, plan.network.hidden_size)


def _reason(plan: RunPlan, ngram: NgramModel) -> str:
    """Return the reason for an n-gram model."""
    best = "predicted part of the training text best"
    known = plan.parent.model.mixture if plan.parent else None
    if known is None:
        return f"n-gram order {ngram.order}, because it {best}"
    if ngram.counts.sum(dtype=np.uint64) > known.ngram.counts.sum(dtype=np.uint64):
        both = f"with the counts of the earlier text, because both together {best}"
        return f"n-gram order {ngram.order}, {both}"
    return f"n-gram order {ngram.order}, of this text alone, because it {best}"


def _ngram_model(plan: RunPlan, data: TrainingData) -> NgramModel:
    """Return the n-gram model of the training text: counted, or saved with the run that is resumed."""
    if plan.resumed and plan.resumed.model.mixture:
        return plan.resumed.model.mixture.ngram
    parent = plan.parent.model.mixture if plan.parent else None
    return count_model(
        data.strings,
        len(plan.vocabulary),
        plan.settings.ngram,
        lines=plan.corpus.lines,
        labels=plan.vocabulary.labels,
        time_limit=plan.settings.time_limit,
        known=parent.ngram if parent else None,
    )


def _initial_weights(
    plan: RunPlan, data: TrainingData
) -> tuple[dict[str, npt.NDArray[np.float32]], npt.NDArray[np.float32] | None]:
    """Draw weights from the seed, with the log frequencies of the symbols as the bias of the head.

    Fine-tuning starts from the weights of another model instead.

    Without them, the first updates drive every unit towards the most frequent symbol and saturate it: a
    plain RNN then never learns to count thirty equal letters.  For longer text the head's matrix is zero, so
    that the initial network predicts exactly these frequencies, and a worse epoch is never saved.
    """
    settings = plan.settings
    if plan.parent:
        counts = data.counts(len(plan.vocabulary))
        arrays = plan.parent.model.arrays
        return extended_weights(arrays, plan.network, counts, data.strings[0], settings.seed), None
    if plan.resumed and plan.lineage:
        return dict(plan.resumed.model.arrays), None  # replaced by the saved state
    draw = SeededDraw(settings.seed, steps=settings.sequence_length)
    weights = plan.network.draw(draw, to_memorize=settings.whole)
    if "head.b" in weights:
        weights["head.b"] = data.log_frequencies(len(plan.vocabulary))
    if settings.whole or "head.W" not in weights:
        return weights, None
    weights["head.W"] = np.zeros_like(weights["head.W"])
    return weights, weights["head.b"]


def _restore(resumed: SavedRun, plan: RunPlan, data: TrainingData, state: TrainingState) -> float:
    """Restore the state of an earlier part of the run.  Returns the seconds that it took."""
    saved = resumed.state.progress
    for name, kind in (("sha256", "trained"), ("validation_sha256", "validated")):
        if saved["text"].get(name) != data.digests.get(name) or resumed.model.vocabulary != plan.vocabulary:
            raise TextError(
                f"{quoted(resumed.folder)} was {kind} on a different text (SHA-256 differs)",
                hint="give the same text, or train again without --resume",
            )
    checkpoint.restore(state, resumed.model, resumed.state)
    checkpoint.require_batch(state, data.windows)
    if data.validation and state.evaluated_positions:
        data.validation.limit(state.evaluated_positions)
    seconds = saved.get("seconds", 0.0)
    return seconds if isinstance(seconds, float) and seconds >= 0 else 0.0


def _require_incomplete(resumed: SavedRun, run: TrainingRun) -> None:
    """Refuse to resume a complete run; one that was interrupted in its last moment may still end."""
    reason = run.reason_to_stop() if resumed.changed or resumed.finished else None
    if resumed.finished and not resumed.changed:
        reason = reason or "time_limit"  # its last save may have taken less time than was reserved
    if reason:
        epochs, limit = run.state.epochs, LIMITS[reason]
        raise UsageError(
            f"{quoted(resumed.folder)} is complete after {epochs:,} epoch{'' if epochs == 1 else 's'}: "
            f"{limit.reached}",
            hint=f"give a larger {limit.option}, or train again without --resume",
        )

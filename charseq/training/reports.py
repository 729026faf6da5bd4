"""The events of a run, made from its parts."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from charseq.events import End, EndStatus, Epoch, Progress, Start
from charseq.model.ngram_tensors import tensors_of
from charseq.model.sliding_stepper import batch_reader
from charseq.runs.folder import Run
from charseq.runs.training_text import known_sequences
from charseq.system.suspension import running_time
from charseq.text.overlap import overlap
from charseq.text.sources import description
from charseq.text.vocabulary import Vocabulary
from charseq.training.best_model import Measurement
from charseq.training.builder import TrainingRun
from charseq.training.divergence import has_diverged
from charseq.training.evaluation import Evaluation, ValidationSet
from charseq.training.fit import judge
from charseq.training.mixture import MixedEvaluation, validation_losses
from charseq.training.reader import Measure

MAX_OUTLIERS = 3
"""Outliers of the validation set that the last event names."""
OUTLIER_CHARACTERS = 40
"""Characters of each that it shows."""


def start_event(run: TrainingRun, folder: Run) -> Start:
    """Return the first event: the settings, and everything that is known before the first update."""
    vocabulary, corpus, predictability = run.plan.vocabulary, run.plan.corpus, run.predictability
    return Start(
        settings=run.plan.settings,
        vocabulary_size=len(vocabulary),
        parameters=run.plan.network.parameter_count(),
        device=str(run.device),
        path=run.path.path,
        kernel=run.path.kernel,
        precision=run.precision,
        earlier_precision=run.earlier_precision,
        run=str(folder.folder),
        characters=run.data.characters,
        sequences=corpus.strings,
        unit=vocabulary.unit,
        normalization=vocabulary.normalization,
        symbols=vocabulary.symbols,
        lines=corpus.lines,
        labels=vocabulary.label_names,
        empty_lines=corpus.empty_lines,
        dropped_lines=corpus.dropped_lines,
        **run.data.validation_facts(),
        ngrams=run.evaluator.ngram.size if run.evaluator else 0,
        ngram_bytes=sum(t.nbytes for t in tensors_of(run.evaluator.mixture).values()) if run.evaluator else 0,
        highest_accuracy=predictability and predictability.accuracy,
        conflict=_conflict(run),
        lineage=tuple(asdict(ancestor) for ancestor in run.plan.lineage),
        **_fine_tuning_facts(run),
        resumed=run.passes if run.plan.resumed else None,
        text=(description(run.plan.source) or None) if run.plan.source else None,
        validation_files=run.plan.source.validation_files if run.plan.source else (),
        processes=run.state.learner.processes.count,
    )


def _fine_tuning_facts(run: TrainingRun) -> dict[str, Any]:
    """Return the fields of the start event that compare the text with that of the model to start from."""
    parent, data, plan = run.plan.parent, run.data, run.plan
    if parent is None:
        return {}
    counts = data.counts(len(plan.vocabulary))
    known = None
    if parent.text_sha256 == data.digests["sha256"]:
        known = float(parent.holds_out_otherwise(plan.settings))
    elif data.validation and (sequences := known_sequences(parent.path, parent.model.vocabulary)):
        known = overlap(sequences, data.split.validation, lines=plan.corpus.lines)
    return {
        "new_characters": float(counts[len(parent.model.vocabulary) :].sum() / counts.sum()),
        "parent_overlap": known if data.validation else None,
    }


def epoch_event(run: TrainingRun, kind: type[Epoch]) -> Epoch:
    """Evaluate the current network.  The durations of the evaluation and of the sample update the budget."""
    data, state, budget, settings = run.data, run.state, run.budget, run.plan.settings
    speed = state.metrics.positions_per_second
    started = running_time()
    evaluated = _evaluate(run)
    validation = evaluated.mixture if isinstance(evaluated, MixedEvaluation) else evaluated
    budget.evaluating = running_time() - started
    measure, predictions = _on_training_text(run)
    if data.validation and validation:
        run.outliers = _described_outliers(data.validation, validation, run.plan.vocabulary)
    targets = [ids[1:].tolist() for ids in data.shown]
    started = running_time()
    sample = None
    if not settings.whole and not has_diverged(measure.loss):
        sample = state.sampler.after(state.metrics.positions)
    if sample is not None:
        budget.sampling = running_time() - started
    data.release()
    return kind(
        epoch=state.epochs + 1,
        passes=run.passes,
        done=run.fraction_done,
        learning_rate=state.learning_rate,
        recoveries=state.guard.recoveries,
        loss=measure.loss,
        accuracy=measure.accuracy,
        prediction=_texts(run.plan.vocabulary, predictions),
        target=_texts(run.plan.vocabulary, targets),
        predicted_ids=predictions,
        target_ids=targets,
        validation_accuracy=validation.accuracy if validation else None,
        **(validation_losses(evaluated) if evaluated else {}),
        characters_per_second=speed,
        sample=sample,
        seconds=budget.seconds,
    )


def _evaluate(run: TrainingRun) -> Evaluation | MixedEvaluation | None:
    """Evaluate the model on the validation set, if there is one."""
    if run.evaluator:
        return run.evaluator.evaluate(run.state.learner)
    return run.state.learner.evaluate(run.data.validation) if run.data.validation else None


def progress_event(run: TrainingRun) -> Progress:
    """Return the progress within an epoch, without an evaluation."""
    metrics = run.state.metrics
    return Progress(
        run.state.epochs + 1,
        run.fraction_done,
        metrics.loss,
        metrics.positions_per_second,
        run.budget.seconds,
        run.state.sampler.live(),
        run.passes,
    )


def end_event(run: TrainingRun, folder: Run, status: EndStatus) -> End:
    """Return the last event: the measurement of the saved model, and how much was trained."""
    state = run.state
    best = state.best.measurement if state.best.measurement.measured else Measurement()
    reason = (run.reason_to_stop() or "time_limit") if status == "completed" else None
    is_judged = run.data.validation is not None and run.data.validation.chooses
    return End(
        status=status,
        model=str(folder.model) if state.best.saved else None,
        epoch=best.epoch,
        epochs=state.epochs,
        loss=best.loss,
        accuracy=best.accuracy,
        validation_loss=best.validation_loss,
        cross_validation_loss=best.cross_validation_loss,
        network_validation_loss=best.network_validation_loss,
        ngram_validation_loss=best.ngram_validation_loss,
        fit=judge(run.curve, stopped_improving=reason == "patience") if is_judged else None,
        parent_validation_loss=state.parent_loss or None,
        recoveries=state.guard.recoveries,
        seconds=run.budget.seconds,
        passes=best.passes,
        last_passes=state.measured_passes,
        total_passes=run.passes,
        highest_accuracy=run.predictability and run.predictability.accuracy,
        outliers=run.outliers,
        reason=reason,
    )


def _on_training_text(run: TrainingRun) -> tuple[Measure, list[list[int]]]:
    """Return loss and accuracy on the training text, and the predicted ids that are shown.

    Memorized text is evaluated with the current weights; for longer text these are the means of the updates
    since the last report.
    """
    data, state = run.data, run.state
    if run.evaluator:
        reader = batch_reader(state.best.current_model())
        predictions = [reader.read_sequence(ids[:-1, None])[:, 0].argmax(-1).tolist() for ids in data.shown]
        return state.metrics.measure(), predictions
    if not run.plan.settings.whole:
        return state.metrics.measure(), state.learner.evaluate_strings(data.shown).predictions
    measure = state.learner.evaluate_strings(data.sequences)
    predictions = data.join_windows(measure.predictions)
    return Measure(measure.loss, data.accuracy(predictions), predictions), predictions


def _texts(vocabulary: Vocabulary, sequences: Sequence[Sequence[int]]) -> str | list[str]:
    texts = [vocabulary.decode(ids) for ids in sequences]
    return texts[0] if len(texts) == 1 else texts


def _conflict(run: TrainingRun) -> dict[str, Any] | None:
    if run.predictability is None or run.predictability.shortest is None:
        return None
    context, following = run.predictability.shortest
    decode = run.plan.vocabulary.decode
    return {
        "context": decode(context),
        "following": [decode([symbol]) for symbol in following],
        "count": run.predictability.conflicts,
    }


def _described_outliers(
    validation_set: ValidationSet, evaluation: Evaluation, vocabulary: Vocabulary
) -> list[dict[str, Any]]:
    """Return the sequences that dominate the validation loss, worst first."""
    sequences, decode = validation_set.sequences, vocabulary.decode
    return [
        {
            "text": decode(sequences[outlier.sequence][: OUTLIER_CHARACTERS + 1]),
            "characters": outlier.positions,
            "loss": outlier.loss,
            "share": outlier.share,
        }
        for outlier in evaluation.outliers()[:MAX_OUTLIERS]
    ]

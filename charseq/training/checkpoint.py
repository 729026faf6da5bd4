"""The training state in a model file: captured between two updates, and restored to the bit.

The names are those of the file format; they outlive the names in the code.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from charseq.errors import ModelFileError
from charseq.model.json_types import parse_object, parse_value
from charseq.model.model_file import Model, ResumeState
from charseq.settings.setting import LARGEST_FLOAT
from charseq.text.batches import Buckets, Windows
from charseq.training.best_model import Measurement
from charseq.training.following import gathered
from charseq.training.learner import Learner
from charseq.training.reader import States
from charseq.training.state import TrainingState

CARRIED = "carried"
"""Prefix of the tensors with carried recurrent states."""
GENERATOR = "generator"
"""The tensor with the state of the random generator."""
COUNTERS = {
    "epochs": "epochs",
    "epochs_right": "correct_epochs",
    "updates": "updates",
    "batches": "batches",
    "read": "positions",
    "rate": "learning_rate",
    "last_passes": "measured_passes",
    "untrained": "initial_loss",
    "evaluated": "evaluated_positions",
    "parent_loss": "parent_loss",
}
"""Attributes of TrainingState by their names in the file."""
SUMS = {"cost": "loss", "right": "correct", "places": "positions"}
"""Sums of RunningMetrics by their names in the file."""
ADDED = {"cross_validation_loss", "network_validation_loss", "ngram_validation_loss", "parent_loss"}
"""Fields of Measurement, and counters, that files of earlier versions lack."""
TYPES = {field.name: field.type for field in fields(TrainingState)}


def captured(state: TrainingState, **more: Any) -> ResumeState:
    """Return a copy of the state for a model file, with `more` values that JSON can hold."""
    carried = gathered(state.learner, state.carried)
    tensors = {**_training_tensors(state), **_carried_tensors(carried)}
    tensors[GENERATOR] = state.learner.random.get_state()
    values = {
        **{name: getattr(state, attribute) for name, attribute in COUNTERS.items()},
        "tally": _written_sums(state.metrics.sums()),
        "device": state.learner.device.type,
        "optimizer_updates": state.learner.optimizer.updates,
        "recoveries": state.guard.recoveries,
        "smoothed": state.guard.smoothed_loss,
        "largest": state.guard.largest_batch,
        "sound_tally": _written_sums(state.guard.good_metrics),
        "sampled": state.sampler.positions,
        **more,
    }
    return ResumeState(values, {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()})


def restore(state: TrainingState, model: Model, saved: ResumeState) -> None:
    """Restore a state from a model file.  Raises ModelFileError where the two do not fit together."""
    try:
        names = [f.name for f in fields(Measurement) if f.name in model.training or f.name not in ADDED]
        state.best.restore(model, Measurement(**{name: model.training[name] for name in names}))
        _restore(state, saved.progress, {n: torch.from_numpy(a) for n, a in saved.tensors.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelFileError(
            f"the saved training state does not fit its model: {error}", hint="train again, without --resume"
        ) from error


@torch.no_grad()
def _restore(state: TrainingState, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    learner, guard = state.learner, state.guard
    for name, attribute in COUNTERS.items():
        if name in values or name not in ADDED:
            setattr(state, attribute, _number(values, name, TYPES[attribute]))
    state.reset_metrics(_read_sums(values["tally"]))
    state.carried = _carried(learner, tensors)
    learner.optimizer.updates = _number(values, "optimizer_updates", int)
    guard.recoveries = _number(values, "recoveries", int)
    if guard.recoveries > guard.max_recoveries:
        raise ValueError(f"recoveries is {guard.recoveries}")
    guard.smoothed_loss = _number(values, "smoothed", float)
    guard.largest_batch = _number(values, "largest", int)
    guard.good_metrics = _read_sums(values["sound_tally"])
    state.sampler.positions = _number(values, "sampled", int)
    for name, tensor in _training_tensors(state).items():
        if tensors[name].shape != tensor.shape or tensors[name].dtype != tensor.dtype:
            raise ValueError(name)
        tensor.copy_(tensors[name])
    if tensors[GENERATOR].shape == learner.random.get_state().shape:  # else of a GPU, in earlier versions
        learner.random.set_state(tensors[GENERATOR])


def require_batch(state: TrainingState, windows: Windows | Buckets) -> None:
    """Refuse counters and carried states that no batch of the text follows.  Raises ModelFileError."""
    wrong = state.batches > len(windows) or state.positions > windows.positions
    if state.carried is not None and not wrong:
        batch = next(windows.batches(state.epochs, state.batches), None)
        rows = len(state.carried[0][0])
        wrong = batch is not None and not batch.fresh.all() and batch.rows != rows
    if wrong:
        raise ModelFileError(
            f"the saved training state does not fit its text, which has {len(windows)} batches",
            hint="train again, without --resume",
        )


def _training_tensors(state: TrainingState) -> dict[str, Tensor]:
    good = {f"sound.{i}": tensor for i, tensor in enumerate(state.guard.good_weights)}
    initial = {f"initial.{i}": tensor for i, tensor in enumerate(state.best.initial_weights)}
    return {**state.learner.checkpoint_tensors(), **good, **initial}


def _carried_tensors(states: States | None) -> dict[str, Tensor]:
    return {
        f"{CARRIED}.{layer}.{name}": field.float()
        for layer, state in enumerate(states or ())
        for name, field in state._asdict().items()
    }


def _carried(learner: Learner, tensors: Mapping[str, Tensor]) -> States | None:
    """Return the carried states, each field [B H]; None where there are none."""
    first = next((tensor for name, tensor in tensors.items() if name.startswith(CARRIED)), None)
    if first is None:
        return None
    initial = learner.initial_states(len(first))
    expected = _carried_tensors(initial)
    if any((t.shape, t.dtype) != (tensors[n].shape, tensors[n].dtype) for n, t in expected.items()):
        raise ValueError(CARRIED)
    return tuple(
        type(state)(*(tensors[f"{CARRIED}.{layer}.{name}"].to(learner.device) for name in state._fields))
        for layer, state in enumerate(initial)
    )


def _written_sums(sums: Mapping[str, float]) -> dict[str, float]:
    return {name: sums[attribute] for name, attribute in SUMS.items()}


def _read_sums(value: Any) -> dict[str, float]:
    saved = parse_object(value, "a sum")
    sums = {SUMS[name]: _number(saved, name, int if name == "places" else float) for name in SUMS}
    if sums["loss"] > LARGEST_FLOAT or sums["correct"] > sums["positions"]:
        raise ValueError(f"sums of {sums['positions']} positions are {sums}")
    return sums


def _number(values: Mapping[str, Any], name: str, kind: Any) -> Any:
    value = parse_value(values[name], kind, name)
    if not value >= 0:
        raise ValueError(f"{name} is {value!r}")
    return value

"""All that a run goes on from, taken between two updates; and a run that goes on from it, to the last bit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor

from charseq.errors import ModelFileError
from charseq.model.json_types import fitting, json_object
from charseq.model.model_file import Model, State
from charseq.settings.train_settings import LARGEST
from charseq.text.batches import Buckets, Windows
from charseq.training.best_model import Keeper, Measures
from charseq.training.divergence import Watch
from charseq.training.learner import Learner, States
from charseq.training.metrics import Tally
from charseq.training.position import Counts, Place
from charseq.training.samples import Sampler

CARRIED = "carried"
GENERATOR = "generator"


@dataclass(frozen=True)
class Parts:
    """What of a run changes while it learns."""

    place: Place
    learner: Learner
    watch: Watch
    keeper: Keeper
    sampler: Sampler

    def taken(self, **more: Any) -> State:
        """A copy of everything, and `more` that JSON can hold."""
        tensors = {**self._kept(), **_of_states(self.place.states)}
        tensors[GENERATOR] = self.learner.random.get_state()
        place = {
            **asdict(self.place.counts),
            "tally": self.place.tally.sums(),
            "device": self.learner.device.type,
            "optimizer_updates": self.learner.optimizer.updates,
            "recoveries": self.watch.recoveries,
            "smoothed": self.watch.smoothed,
            "largest": self.watch.largest,
            "sound_tally": self.watch.sound_tally,
            "sampled": self.sampler.places,
            **more,
        }
        return State(place, {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()})

    def restore(self, model: Model, state: State) -> None:
        """Go on from there.  Raises ModelFileError where it cannot be of this run."""
        try:
            self._restore(state.place, {n: torch.from_numpy(a) for n, a in state.tensors.items()})
            best = Measures(**{field.name: model.training[field.name] for field in fields(Measures)})
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelFileError(
                f"what the run goes on from does not fit it: {error}", hint="train again, without --resume"
            ) from error
        self.keeper.keep(model, best)

    @torch.no_grad()
    def _restore(self, told: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        place, learner = self.place, self.learner
        place.counts = Counts(**{f.name: _number(told, f.name, f.type) for f in fields(Counts)})
        place.tally = Tally(learner.device, **_sums(told["tally"]))
        place.states = _states(learner, tensors)
        learner.optimizer.updates = _number(told, "optimizer_updates", int)
        self.watch.recoveries = _number(told, "recoveries", int)
        if self.watch.recoveries > self.watch.most:
            raise ValueError(f"recoveries is {self.watch.recoveries}")
        self.watch.smoothed = _number(told, "smoothed", float)
        self.watch.largest = _number(told, "largest", int)
        self.watch.sound_tally = _sums(told["sound_tally"])
        self.sampler.places = _number(told, "sampled", int)
        for name, tensor in self._kept().items():
            if tensors[name].shape != tensor.shape or tensors[name].dtype != tensor.dtype:
                raise ValueError(name)
            tensor.copy_(tensors[name])
        if told["device"] == learner.device.type:  # another kind of device draws otherwise
            learner.random.set_state(tensors[GENERATOR])

    def _kept(self) -> dict[str, Tensor]:
        sound = {f"sound.{i}": tensor for i, tensor in enumerate(self.watch.sound)}
        return {**self.learner.kept(), **sound}


def require_batch(place: Place, windows: Windows | Buckets) -> None:
    """Refuse counts, and carried states, that no batch of the text follows.  Raises ModelFileError."""
    counts, states = place.counts, place.states
    wrong = counts.batches > len(windows) or counts.read > windows.places
    if states is not None and not wrong:
        batch = next(windows.batches(counts.epochs, counts.batches), None)
        wrong = batch is not None and not batch.fresh.all() and len(batch.fresh) != len(states[0][0])
    if wrong:
        raise ModelFileError(
            f"what the run goes on from does not fit its text, which has {len(windows)} batches",
            hint="train again, without --resume",
        )


def _of_states(states: States | None) -> dict[str, Tensor]:
    return {
        f"{CARRIED}.{layer}.{name}": field.float()
        for layer, state in enumerate(states or ())
        for name, field in state._asdict().items()
    }


def _states(learner: Learner, tensors: Mapping[str, Tensor]) -> States | None:
    """The states that were carried; None where there were none."""
    found = next((t for name, t in tensors.items() if name.startswith(CARRIED)), None)
    if found is None:
        return None
    starts = learner.first_states(len(found))
    wanted = _of_states(starts)
    if any((t.shape, t.dtype) != (tensors[n].shape, tensors[n].dtype) for n, t in wanted.items()):
        raise ValueError(CARRIED)
    return tuple(
        type(start)(*(tensors[f"{CARRIED}.{layer}.{name}"].to(learner.device) for name in start._fields))
        for layer, start in enumerate(starts)
    )


def _sums(told: Mapping[str, Any]) -> dict[str, Any]:
    told = json_object(told, "a sum")
    sums = {name: _number(told, name, float) for name in ("cost", "right")}
    places = _number(told, "places", int)
    if sums["cost"] > LARGEST or sums["right"] > places:
        raise ValueError(f"sums of {places} positions are {sums}")
    return {**sums, "places": places}


def _number(told: Mapping[str, Any], name: str, kind: Any) -> Any:
    value = fitting(told[name], kind, name)
    if not value >= 0:
        raise ValueError(f"{name} is {value!r}")
    return value

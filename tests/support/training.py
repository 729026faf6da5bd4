"""Training in this process: its events, its model, and a learner or a state without a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from charseq.cells.cell import unroll
from charseq.events import End, Epoch, Event
from charseq.inference.continuation import continuation, default_sampling
from charseq.model.model_file import Model, read
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.runs.prepare import RunPlan, plan_run
from charseq.settings.defaults import choose_settings
from charseq.text.corpus import Corpus
from charseq.text.vocabulary import Vocabulary
from charseq.training.best_model import BestModel
from charseq.training.divergence import DivergenceGuard
from charseq.training.kernels.select import UnrollPath
from charseq.training.learner import Learner
from charseq.training.loop import train
from charseq.training.metrics import RunningMetrics
from charseq.training.samples import Sampler
from charseq.training.state import TrainingState

STEPPED = UnrollPath("stepped", "step", unroll)
LONG = "".join(f"{i} times {i + 1} is {i * (i + 1)}.\n" for i in range(90))


def events_of(
    *texts: str,
    lines: bool = False,
    out: str = "out",
    stop: Callable[[], bool] = lambda: False,
    live: bool = False,
    **given: Any,
) -> list[Event]:
    """Train on texts, or on lines; return all events."""
    corpus = Corpus(texts, lines)
    vocabulary = Vocabulary.of(texts, boundary=lines)
    settings = choose_settings(corpus, len(vocabulary), given)
    plan = plan_run(corpus, vocabulary, settings, out=Path(out), force=True)
    return list(train(plan, stop=stop, live=live))


def plan_of(text: str, out: Path, **given: Any) -> RunPlan:
    """Return the plan of a run that learns a text."""
    corpus = Corpus((text,))
    vocabulary = Vocabulary.of(corpus.sequences)
    return plan_run(corpus, vocabulary, choose_settings(corpus, len(vocabulary), given), out=out)


def epochs(events: list[Event]) -> list[Epoch]:
    """Return the events of whole epochs."""
    return [event for event in events if type(event) is Epoch]


def ended(events: list[Event]) -> End:
    """Return the last event."""
    assert isinstance(events[-1], End)
    return events[-1]


def model(out: str = "out") -> Model:
    """Read the model of a run."""
    return read(Path(out) / "model.safetensors")


def greedily(prompt: str, out: str = "out") -> str:
    """Return a prompt and its continuation by the default sampling."""
    trained = model(out)
    return prompt + "".join(s.character for s in continuation(trained, prompt, default_sampling(trained)))


def learner_of(corpus: Corpus, **given: Any) -> Learner:
    """Return a learner with initial weights, for some settings."""
    vocabulary = Vocabulary.of(corpus.sequences)
    settings = choose_settings(corpus, len(vocabulary), {"hidden_size": 8, **given})
    network = Network.of(settings, len(vocabulary))
    return Learner(network, network.draw(SeededDraw(0)), settings, STEPPED, torch.device("cpu"))


def state_of(corpus: Corpus, **counters: Any) -> TrainingState:
    """Return the state of a new run, with some counters set."""
    learner, vocabulary = learner_of(corpus), Vocabulary.of(corpus.sequences)
    settings = choose_settings(corpus, len(vocabulary), {"hidden_size": 8})
    best = BestModel(corpus, vocabulary, settings, learner, "h", 60.0, by_validation=False)
    return TrainingState(
        learner=learner,
        guard=DivergenceGuard(learner, len(vocabulary), learner.device, 2),
        best=best,
        sampler=Sampler(learner, best.current_model, 0, live=False),
        metrics=RunningMetrics(learner.device),
        **counters,
    )

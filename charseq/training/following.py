"""What process 0 and the others exchange beside updates: the plan, the state, and the orders that follow."""

import io
from collections.abc import Callable, Iterator
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor

from charseq._version import __version__
from charseq.errors import TextError, UsageError
from charseq.model.json_types import parse_dataclass, parse_object
from charseq.model.network import Network
from charseq.model.ngram_tensors import mixture_of, tensors_of
from charseq.runs.prepare import RunPlan
from charseq.runs.resume import parse_source
from charseq.settings.train_settings import TrainSettings
from charseq.text.batches import Batch
from charseq.text.sources import STANDARD_INPUT, TextSource
from charseq.text.vocabulary import Vocabulary
from charseq.training.data import TrainingData
from charseq.training.distributed import ProcessGroup
from charseq.training.kernels.select import select_path
from charseq.training.learner import Learner
from charseq.training.mixture import MixtureEvaluator
from charseq.training.precision import agreed_precision
from charseq.training.processes import Action, Processes
from charseq.training.reader import States
from charseq.training.threads import device_of, set_threads


def share_plan(plan: RunPlan, processes: Processes) -> None:
    """Send the settings, the vocabulary and the source of the text to the other processes.

    Raises UsageError for text that they cannot read.
    """
    if not processes.are_several:
        return
    source = plan.source or TextSource()
    if STANDARD_INPUT in (*source.files, *source.validation_files):
        raise UsageError(
            "several processes cannot read standard input, which is given to one of them",
            hint="save the text in a file, and give it with --file FILE",
        )
    if plan.settings.sync_every > 1 and plan.settings.batch_size < processes.count:
        raise UsageError(
            f"--sync-every {plan.settings.sync_every} requires a --batch-size of at least "
            f"{processes.count}, a sequence for each process, and it is {plan.settings.batch_size}",
            hint="use a larger --batch-size, fewer processes, or --sync-every 1",
        )
    processes.shared(
        {
            "version": __version__,
            "settings": asdict(plan.settings),
            "vocabulary": asdict(plan.vocabulary),
            "source": asdict(source),
        }
    )


def share_state(learner: Learner, carried: States | None, processes: Processes) -> States | None:
    """Send weights, optimizer and carried states of all rows to the other processes, which receive them.

    Returns the carried states of the rows of this process.
    """
    if not processes.are_several:
        return carried
    rows = len(carried[0][0]) if carried else 0
    learner.optimizer.updates, rows = processes.shared([learner.optimizer.updates, rows])
    for tensor in [*learner.parameters.flat, *(t for slots in learner.optimizer.memory for t in slots)]:
        processes.broadcast(tensor)
    if not rows:
        return None
    learner.rows = rows
    own = processes.part.rows(rows)
    whole = [_copies(state) for state in carried or learner.initial_states(rows)]
    for field in (field for fields in whole for field in fields):
        processes.broadcast(field)
    return _states(learner, [[field[own] for field in fields] for fields in whole])


def share_ngram(evaluator: MixtureEvaluator | None, processes: Processes) -> None:
    """Send the n-gram model, if there is one, to the other processes."""
    tensors = tensors_of(evaluator.mixture) if evaluator and processes.are_several else {}
    processes.shared({name: [each.dtype.str, each.shape] for name, each in tensors.items()})
    for each in tensors.values():
        processes.array(each)


def _received_ngram(
    data: TrainingData, network: Network, group: ProcessGroup, labels: tuple[int, ...]
) -> MixtureEvaluator | None:
    shapes = parse_object(group.shared(None))
    tensors = {name: group.array(np.zeros(shape, dtype)) for name, (dtype, shape) in shapes.items()}
    if not tensors or data.validation is None:
        return None
    mixture = mixture_of(tensors, network.vocabulary_size, labels)
    return MixtureEvaluator(mixture.ngram, data.validation, network.hidden_size)


def gathered(learner: Learner, states: States | None) -> States | None:
    """Return the carried states of the rows of all processes, which process 0 orders."""
    if states is None or not learner.processes.are_several:
        return states
    learner.processes.order(Action.GATHER)
    return join_states(learner, states)


def join_states(learner: Learner, states: States) -> States:
    """Join the states of the rows of all processes."""
    own, joined = learner.processes.part.rows(learner.rows), []
    for fields in map(_copies, states):
        whole = [field.new_zeros(learner.rows, *field.shape[1:]) for field in fields]
        for rows, field in zip(whole, fields, strict=True):
            rows[own] = field
            learner.processes.sum(rows)
        joined.append(whole)
    return _states(learner, joined)


def follow(group: ProcessGroup, on_start: Callable[[], None]) -> int:
    """Train as process 0 orders, and return the exit code that it orders at the end.

    `on_start` is called before the first update.
    Raises UsageError for another version of charseq and for bfloat16 that this process does not support,
    TextError where the text of this machine is another one, CharseqError if a process is lost.
    """
    plan = parse_object(group.shared(None))
    if plan["version"] != __version__:
        raise UsageError(
            f"this is charseq {__version__}, and process 0 is charseq {plan['version']}",
            hint="install the same version on every machine",
        )
    settings = parse_dataclass(TrainSettings, plan["settings"])
    vocabulary = parse_dataclass(Vocabulary, plan["vocabulary"])
    network = Network.of(settings, len(vocabulary))
    device = device_of(settings, group)
    path = select_path(network.cell, device, settings.kernel)
    set_threads(settings, path, group)
    precision = agreed_precision(settings, device, path, group)
    with parse_source(plan["source"]).opened(io.BytesIO()) as corpus:
        data = TrainingData(corpus, vocabulary, settings, group)
    require_same_text(data, group)
    evaluator = _received_ngram(data, network, group, vocabulary.labels)
    shapes = {name: spec.shape for name, spec in network.parameter_specs().items()}
    zeros = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    learner = Learner(network, zeros, settings, path, device, group, precision)
    follower = _Follower(learner, data, group, evaluator)
    on_start()
    return follower.run()


def require_same_text(data: TrainingData, processes: Processes) -> None:
    """Raise TextError where this process reads another text than process 0."""
    if processes.are_several and processes.shared(data.digests) != data.digests:
        raise TextError(
            "the text is another one than that of process 0 (SHA-256 differs)",
            hint="copy the same files to every machine",
        )


class _Follower:
    """A process that carries out orders, and what it remembers between them."""

    def __init__(
        self, learner: Learner, data: TrainingData, group: ProcessGroup, evaluator: MixtureEvaluator | None
    ) -> None:
        self._learner, self._data, self._group, self._evaluator = learner, data, group, evaluator
        group.masks = learner.masks
        self._carried = share_state(learner, None, group)
        self._batches: Iterator[Batch] = iter(())
        self._next = (-1, -1)

    def run(self) -> int:
        """Carry out orders until the last one, and return its exit code."""
        learner = self._learner
        while True:
            action, numbers, keys = self._group.receive()
            if action == Action.UPDATE:
                epoch, number, rate, is_initial, *_ = numbers
                states = None if is_initial else self._carried
                batch = self._batch(int(epoch), int(number))
                _, _, self._carried = learner.take_part(batch, states, rate, keys)
            elif action in (Action.EVALUATE, Action.MIX):
                self._evaluate(int(numbers[0]), self._evaluator if action == Action.MIX else None)
            elif action == Action.RESTORE:
                learner.restore_part(self._received_weights())
            elif action == Action.GATHER and self._carried is not None:
                join_states(learner, self._carried)
            elif action == Action.AVERAGE:
                learner.average_processes()
            elif action == Action.END:
                return int(numbers[0])

    def _batch(self, epoch: int, number: int) -> Batch:
        """Return a batch of the run, usually the one after the last."""
        if (epoch, number) != self._next:
            self._batches = self._data.windows.batches(epoch, number)
        self._next = epoch, number + 1
        return next(self._batches)

    def _evaluate(self, positions: int, evaluator: MixtureEvaluator | None) -> None:
        """Evaluate validation sequences with weights of process 0, mixed with an n-gram model or alone."""
        validation = self._data.validation
        if validation is None:
            raise ValueError("no validation text")
        if validation.limited != positions:
            validation.limit(positions)
        weights = self._received_weights()
        with self._learner.using(weights):
            if evaluator:
                evaluator.evaluate_part(self._learner)
            else:
                self._learner.evaluate_part(validation)
        self._data.release()

    def _received_weights(self) -> list[Tensor]:
        weights = self._learner.parameters.copy()
        for flat in weights:
            self._group.broadcast(flat)
        return weights


def _copies(state: tuple[Tensor, ...]) -> list[Tensor]:
    """Return copies of the fields of a state, contiguous, in float32, without their history."""
    return [field.detach().float().clone(memory_format=torch.contiguous_format) for field in state]


def _states(learner: Learner, fields: list[list[Tensor]]) -> States:
    """Return the states of all layers, made of these fields."""
    return tuple(type(s)(*f) for s, f in zip(learner.initial_states(0), fields, strict=True))

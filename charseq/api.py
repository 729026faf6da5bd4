"""The Python interface: train, load, predict and score.  Only iterating `train` imports torch."""

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, field
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from charseq import arguments as check
from charseq.errors import CharseqError, UsageError, cannot_combine
from charseq.inference.adaptation import AdaptingScorer, require_adaptable
from charseq.inference.decoding import Decoding
from charseq.inference.requests import Answer, Request, Step
from charseq.inference.score import Score
from charseq.inference.scoring import BATCH_SIZE, BatchScorer
from charseq.model.model_file import Model, read
from charseq.runs.model_paths import model_path
from charseq.settings.generation_settings import GenerationSettings
from charseq.settings.setting import settings_of
from charseq.system.interrupt import Interrupt
from charseq.text.sources import TextSource
from charseq.text.transcoding import encoding_named
from charseq.text.units import Normalization, Unit, Unknown
from charseq.text.unknown import PYTHON
from charseq.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from charseq.events import Event


P = ParamSpec("P")
A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True)
class PredictArguments(GenerationSettings):
    """The arguments of `predict`: a prompt, and the generation settings."""

    prompt: str = ""
    _: KW_ONLY
    unknown: Unknown = "error"


@dataclass(frozen=True)
class PredictionsArguments(GenerationSettings):
    """The arguments of `predictions`: prompts, and the generation settings."""

    prompts: Iterable[str] = ("",)
    _: KW_ONLY
    unknown: Unknown = "error"


def _takes(
    arguments: Callable[P, A],
) -> Callable[[Callable[["TrainedModel", A], R]], Callable[Concatenate["TrainedModel", P], R]]:
    """Let a method of one dataclass accept the fields of that class as its arguments."""

    def decorate(
        method: Callable[["TrainedModel", A], R],
    ) -> Callable[Concatenate["TrainedModel", P], R]:
        @wraps(method)
        def call(self: "TrainedModel", /, *args: P.args, **kwargs: P.kwargs) -> R:
            return method(self, arguments(*args, **kwargs))

        own, fields = inspect.signature(method), inspect.signature(arguments)
        parameters = [*list(own.parameters.values())[:1], *fields.parameters.values()]
        call.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        return call

    return decorate


@dataclass(frozen=True)
class Prediction:
    """A prompt and its continuation; `str()` joins them."""

    prompt: str
    """The prompt as the model reads it."""
    text: str
    """The generated text, without the prompt."""
    steps: tuple[Step, ...] = field(repr=False)
    """The generated characters, their probabilities, and the most probable characters with theirs."""
    seed: int
    sample: int
    """The number of the continuation of this prompt, from 0."""
    log_probability: float | None
    """Of the whole continuation, in nats; None without `beam`."""

    def __str__(self) -> str:
        """Return the prompt and its continuation."""
        return self.prompt + self.text


class TrainedModel:
    """A trained model, and the path of its file."""

    def __init__(self, model: Model, path: Path) -> None:
        self.model, self.path = model, path

    def __repr__(self) -> str:
        """Return the cell, the size of the vocabulary, and the path."""
        return f"<TrainedModel {self.model.network.cell_name} of {len(self.vocabulary)} symbols, {self.path}>"

    @property
    def vocabulary(self) -> Vocabulary:
        """The symbols that the model knows; `encode` and `decode` convert text to ids and back."""
        return self.model.vocabulary

    @_takes(PredictArguments)
    def predict(self, arguments: PredictArguments) -> Prediction:
        """Continue one prompt; an empty one begins as the training text does, or with a new line.

        The arguments are the prompt, `unknown`, and the fields of GenerationSettings, which are the options
        of `charseq predict`.  `unknown` is "error", "skip" or "replace": what to do with unknown characters
        of the prompt.  Raises UnknownCharacter, UsageError, and CharseqError if `novel` finds no new line.
        """
        if arguments.samples != 1:
            raise UsageError("predict makes one continuation", hint="call predictions for several samples")
        (prediction,) = self._predict([arguments.prompt], arguments, arguments.unknown)
        return prediction

    @_takes(PredictionsArguments)
    def predictions(self, arguments: PredictionsArguments) -> Iterator[Prediction]:
        """Continue every prompt `samples` times, many prompts together, and yield the results in order.

        A step lists the `top` most probable characters.  The continuation of a prompt does not depend on the
        other prompts.  Other arguments and errors are those of `predict`; errors in arguments are raised at
        the call.
        """
        return self._predict(check.strings(arguments.prompts, "prompt"), arguments, arguments.unknown)

    def _predict(
        self, prompts: Iterable[str], settings: GenerationSettings, unknown: Unknown
    ) -> Iterator[Prediction]:
        decoding = Decoding.of(self.model, settings)
        checked = check.strings(prompts, "prompt")
        check.choice(unknown, Unknown, "unknown")
        with PYTHON.explaining():
            encoded = [self.vocabulary.encode_text(p, unknown=unknown, begin=True) for p in checked]
        requests = [
            Request.of(self.model, prompt, seed=settings.seed, length=settings.length) for prompt in encoded
        ]
        return map(self._predicted, decoding.answers(self.model, requests))

    def score(self, text: str, *, unknown: Unknown = "error", adapt: bool = False) -> Score:
        """Score a text.

        `unknown` is "error", "skip" or "replace": unknown characters raise UnknownCharacter, are left out of
        the score, or count as the least probable character.  With `adapt`, each window of 32 symbols is
        scored first, and then a copy of the model learns from it.  Raises UsageError for a model that
        memorized its text or was trained with `stride`.
        """
        (score,) = self.scores([text], unknown=unknown, adapt=adapt)
        return score

    def scores(
        self,
        texts: Iterable[str],
        *,
        unknown: Unknown = "error",
        batch_size: int = BATCH_SIZE,
        adapt: bool = False,
    ) -> Iterator[Score]:
        """Score texts, `batch_size` of them together, and yield the results in order.

        The score of a text does not depend on the other texts.  Errors are raised at the call, as by `score`.
        """
        checked = check.strings(texts, "text")
        check.choice(unknown, Unknown, "unknown")
        settings_of(GenerationSettings)["batch_size"].check(batch_size)
        if check.flag(adapt, "adapt"):
            require_adaptable(self.model, "adapt")
            if batch_size != BATCH_SIZE:
                raise cannot_combine("adapt", ["batch_size"], "a model that adapts reads one text at a time")
        encode = partial(self.vocabulary.encode_text, unknown=unknown, begin=True, end=True)
        with PYTHON.explaining():
            targets = [encode(text).targets for text in checked]
        scorer = AdaptingScorer(self.model) if adapt else BatchScorer(self.model, batch_size)
        return map(partial(Score.of, self.vocabulary), checked, scorer.texts(targets))

    def _predicted(self, answer: Answer) -> Prediction:
        steps = tuple(answer.steps)
        return Prediction(
            answer.request.prompt,
            self.vocabulary.joined(step.character for step in steps),
            steps,
            answer.request.seed,
            answer.request.sample,
            answer.log_probability,
        )


def load(path: str | Path | None = None) -> TrainedModel:
    """Load the model of a run's folder, or a model file; by default that of the newest run.

    Raises ModelFileError, which names the fault.
    """
    file = model_path(check.name_or_none(path, "path"))
    return TrainedModel(read(file), file)


def train(
    text: str | Iterable[str] = (),
    *,
    files: str | Path | Iterable[str | Path] = (),
    lines: bool = False,
    unique: bool = False,
    unit: Unit = "character",
    normalize: Normalization = "none",
    encoding: str = "utf-8",
    vocabulary: str = "",
    out: str | Path | None = None,
    force: bool = False,
    resume: str | Path | None = None,
    save_every: float = 60.0,
    stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> "Iterator[Event]":
    """Train on texts or files, and yield every event; the last is an End with the path of the model.

    Training advances as you iterate.  If you stop early, the run ends as interrupted and its model is saved.
    The same happens when `stop` returns true; it is called after every update.  An interrupt (Ctrl-C, or that
    of a notebook) is raised once the model is saved.
    `files` are in an `encoding` that Python knows; `unique` drops repeated `lines`.
    `settings` are fields of TrainSettings; the others are chosen from the text.  `resume` names a run to
    resume, or "newest"; its text and settings need not be given again, and only epochs, time_limit, patience
    and device may change.  `save_every` is in seconds.
    Raises UsageError for invalid arguments, CharseqError where the run cannot be written.
    """
    from charseq.native import threads
    from charseq.runs.prepare import prepare
    from charseq.training.torch_requirement import flops_of_device, require_torch

    check.seconds(save_every, "save_every")
    interrupt = Interrupt(check.function(stop, "stop"))
    source = TextSource(
        check.strings(text, "text"),
        check.names(files, "files"),
        check.flag(lines, "lines"),
        check.choice(unit, Unit, "unit"),
        check.choice(normalize, Normalization, "normalize"),
        check.string(vocabulary, "vocabulary"),
        encoding_named(check.string(encoding, "encoding")),
        check.flag(unique, "unique"),
    )
    folder = check.name_or_none(out, "out")
    run = prepare(
        source,
        settings,
        out=None if folder is None else Path(folder),
        force=check.flag(force, "force"),
        resume=check.name_or_none(resume, "resume"),
        flops=partial(flops_of_device, settings.get("device", "auto")),
    )
    with run as plan:
        require_torch()
        from charseq.training.loop import train as run_training

        try:
            with contextlib.closing(run_training(plan, stop=interrupt, save_every=save_every)) as events:
                yield from interrupt.deferred(events)
        except RuntimeError as error:  # of CUDA, or of autograd where there is a GPU
            if threads.forked and "fork" in str(error):
                raise CharseqError(
                    f"PyTorch cannot train in this forked process: {error}",
                    hint="start worker processes by 'spawn' or 'forkserver', or before the first training",
                ) from error
            raise

"""charseq from Python: train, load, predict, score.  Only `train` imports torch, for its first event."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, Unpack, get_args

from charseq.errors import CharseqError, UsageError
from charseq.inference.decoding import Decoding, Options, whole_number
from charseq.inference.requests import Answer, Request, Step
from charseq.inference.scoring import Surprisals, TotalScore, score_texts
from charseq.model.model_file import Model, read
from charseq.runs.model_paths import model_path
from charseq.system.interrupt import Interrupt
from charseq.text.sources import Given
from charseq.text.units import Normalization, Unit, Unknown
from charseq.text.unknown import PYTHON
from charseq.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from charseq.events import Event


class PredictOptions(TypedDict, total=False):
    """What `predict` takes beside prompts; each is an option of `charseq predict`, with its default."""

    greedy: bool
    temperature: float | None
    top_k: int
    top_p: float
    min_p: float
    beam: int
    until: tuple[str, ...] | list[str]
    allow: str | None
    pattern: str | None
    novel: bool
    batch_size: int


@dataclass(frozen=True)
class Prediction:
    """A prompt and what was added to it; as a string, both."""

    prompt: str
    text: str
    """What was added."""
    steps: tuple[Step, ...] = field(repr=False)
    """Each character, its probability, and the likeliest ones with theirs."""
    seed: int
    sample: int
    log_probability: float | None
    """Of all that was added, in nats, where `beam` searched for it."""

    def __str__(self) -> str:
        """The prompt, continued."""
        return self.prompt + self.text


class Character(NamedTuple):
    """One character of a text that was scored."""

    character: str
    """The end of a line is an empty one."""
    bits: float
    rank: int
    """1 where none was thought likelier."""
    likeliest: str


@dataclass(frozen=True)
class Score:
    """How surprising a text is, in all and character by character.

    The first character of a text has nothing before it, and does not count; a line counts from its first
    character to its end.  Where nothing counts, the measures are None.
    """

    text: str
    characters: int
    nats_per_character: float | None
    bits_per_character: float | None
    perplexity: float | None
    per_character: tuple[Character, ...] = field(repr=False)


class TrainedModel:
    """A trained network, and what it was trained to know."""

    def __init__(self, model: Model, path: Path) -> None:
        self.model, self.path = model, path

    def __repr__(self) -> str:
        """What it is, and where it is from."""
        return f"<TrainedModel {self.model.network.cell_name} of {len(self.vocabulary)} symbols, {self.path}>"

    @property
    def vocabulary(self) -> Vocabulary:
        """The symbols, and the way between texts and ids."""
        return self.model.vocabulary

    def predict(
        self,
        prompt: str = "",
        *,
        length: int | None = None,
        seed: int = 0,
        unknown: Unknown = "error",
        **options: Unpack[PredictOptions],
    ) -> Prediction:
        """Continue one prompt; without any, as the text began, or by a new line.

        Raises UnknownCharacter, UsageError, CharseqError where no new line is found.
        """
        if "samples" in options or "top" in options:
            raise UsageError("predict makes one text", hint="predictions makes more, and tells alternatives")
        (found,) = self.predictions([prompt], length=length, seed=seed, unknown=unknown, **options)
        return found

    def predictions(
        self,
        prompts: Iterable[str] = ("",),
        *,
        samples: int = 1,
        length: int | None = None,
        seed: int = 0,
        top: int = 5,
        unknown: Unknown = "error",
        **options: Unpack[PredictOptions],
    ) -> Iterator[Prediction]:
        """Continue prompts side by side, each `samples` times, in order; a step tells `top` alternatives.

        What one is continued by does not depend on the others.  Raises as `predict` does.
        """
        whole_number("seed", seed)
        whole_number("length", 0 if length is None else length)
        decoding = Decoding.of(self.model, Options(**options, samples=samples, top=top))
        checked = [_checked(prompt, unknown) for prompt in _several(prompts)]
        with PYTHON.explaining():
            encoded = [self.vocabulary.encode_text(p, unknown=unknown, begin=True) for p in checked]
        requests = [Request.of(self.model, prompt, seed=seed, length=length) for prompt in encoded]
        return map(self._predicted, decoding.answers(self.model, requests))

    def score(self, text: str, *, unknown: Unknown = "error") -> Score:
        """Tell how surprising a text is.  Raises UnknownCharacter."""
        (found,) = self.scores([text], unknown=unknown)
        return found

    def scores(
        self, texts: Iterable[str], *, unknown: Unknown = "error", batch_size: int = 64
    ) -> Iterator[Score]:
        """Score texts side by side, in order.  Raises UnknownCharacter."""
        checked = [_checked(text, unknown) for text in _several(texts)]
        encode = partial(self.vocabulary.encode_text, unknown=unknown, begin=True, end=True)
        with PYTHON.explaining():
            targets = [encode(text).targets for text in checked]
        return map(self._scored, checked, score_texts(self.model, targets, batch_size))

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

    def _scored(self, text: str, surprisals: Surprisals) -> Score:
        total, symbols = TotalScore(), self.vocabulary.with_unknown
        total.add(surprisals)
        characters = (
            Character(symbols[symbol], bits, rank, symbols[best])
            for symbol, bits, rank, best in surprisals.positions()
        )
        return Score(
            text,
            total.characters,
            total.nats_per_character,
            total.bits_per_character,
            total.perplexity,
            tuple(characters),
        )


def _several(texts: Iterable[str]) -> Iterable[str]:
    """Texts; one alone is no iterable of its characters."""
    return [texts] if isinstance(texts, str) else texts


def _checked(text: str, unknown: Unknown) -> str:
    if not isinstance(text, str):
        raise UsageError(f"{text!r} is no string", hint="give one, or several to predictions or scores")
    if unknown not in get_args(Unknown):
        raise UsageError(f"unknown is {unknown!r}", hint=f"it is one of {', '.join(get_args(Unknown))}")
    return text


def load(path: str | Path | None = None) -> TrainedModel:
    """The model of a run's folder or a model file; of the newest run, where none is named.

    Raises ModelFileError, which says what is wrong with it.
    """
    found = model_path(None if path is None else str(path))
    return TrainedModel(read(found), found)


def train(
    text: str | Iterable[str] = (),
    *,
    files: str | Path | Iterable[str | Path] = (),
    lines: bool = False,
    unit: Unit = "character",
    normalize: Normalization = "none",
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
    So does a true result of `stop`, which is called after every update.  An interrupt (Ctrl-C, or that of a
    notebook) is raised once the model is saved.
    `settings` are fields of TrainSettings; the others are chosen from the text.  `resume` names a run to
    resume, or "newest"; its text and settings need not be given again, and only epochs, time_limit, patience
    and device may change.  `save_every` is in seconds.
    Raises UsageError for invalid arguments, CharseqError where the run cannot be written.
    """
    from charseq.native import threads
    from charseq.runs.prepare import prepare
    from charseq.training.torch_requirement import power_of_device, require_torch

    if isinstance(save_every, bool) or not isinstance(save_every, int | float) or not save_every > 0:
        raise UsageError(f"save_every is {save_every!r}", hint="it must be a number of seconds above 0")
    names = [files] if isinstance(files, str | Path) else files
    interrupt = Interrupt(stop)
    run = prepare(
        Given(tuple(_several(text)), tuple(map(str, names)), lines, unit, normalize, vocabulary),
        settings,
        out=None if out is None else Path(out),
        force=force,
        resume=None if resume is None else str(resume),
        power=partial(power_of_device, settings.get("device", "auto")),
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

"""The Python interface: train, load, predict and score.  Only iterating `train` imports torch."""

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
from charseq.text.sources import TextSource
from charseq.text.units import Normalization, Unit, Unknown
from charseq.text.unknown import PYTHON
from charseq.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from charseq.events import Event


class PredictOptions(TypedDict, total=False):
    """Options of `predict` and `predictions`, with the meanings and defaults of `charseq predict`."""

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


class Character(NamedTuple):
    """The score of one character of a text."""

    character: str
    """Empty for the end of a line."""
    bits: float
    """The surprisal: the negative base-2 logarithm of the character's probability."""
    rank: int
    """1 plus the number of more probable characters."""
    likeliest: str
    """The most probable character."""


@dataclass(frozen=True)
class Score:
    """The cross-entropy of a text under a model, and the surprisal of each character.

    The first character of a text has no context and is not scored.  A model of lines scores a line from its
    first character to its end.  The measures are None if no character is scored.
    """

    text: str
    """The original text."""
    characters: int
    """Number of scored characters."""
    nats_per_character: float | None
    bits_per_character: float | None
    perplexity: float | None
    per_character: tuple[Character, ...] = field(repr=False)


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

    def predict(
        self,
        prompt: str = "",
        *,
        length: int | None = None,
        seed: int = 0,
        unknown: Unknown = "error",
        **options: Unpack[PredictOptions],
    ) -> Prediction:
        """Continue one prompt; an empty one begins as the training text does, or with a new line.

        `length` is the maximum number of characters to generate; None ends at the end of a memorized text,
        else after 200.  `unknown` is "error", "skip" or "replace": what to do with unknown characters of the
        prompt.  Raises UnknownCharacter, UsageError, and CharseqError if `novel` finds no new line.
        """
        if "samples" in options or "top" in options:
            raise UsageError(
                "predict makes one continuation, and has no samples or top", hint="call predictions instead"
            )
        (prediction,) = self.predictions([prompt], length=length, seed=seed, unknown=unknown, **options)
        return prediction

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
        """Continue every prompt `samples` times, many prompts together, and yield the results in order.

        A step lists the `top` most probable characters.  The continuation of a prompt does not depend on the
        other prompts.  Other arguments and errors are those of `predict`; errors in arguments are raised at
        the call.
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
        """Score a text.

        `unknown` is "error", "skip" or "replace": unknown characters raise UnknownCharacter, are left out of
        the score, or count as the least probable character.
        """
        (score,) = self.scores([text], unknown=unknown)
        return score

    def scores(
        self, texts: Iterable[str], *, unknown: Unknown = "error", batch_size: int = 64
    ) -> Iterator[Score]:
        """Score texts, `batch_size` of them together, and yield the results in order.

        The score of a text does not depend on the other texts.  Errors are raised at the call, as by `score`.
        """
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
    """Return texts as an iterable; one string is one text, not an iterable of characters."""
    return [texts] if isinstance(texts, str) else texts


def _checked(text: str, unknown: Unknown) -> str:
    if not isinstance(text, str):
        raise UsageError(f"{text!r} is not a string", hint="pass one, or several to predictions or scores")
    if unknown not in get_args(Unknown):
        raise UsageError(f"unknown is {unknown!r}", hint=f"it must be one of {', '.join(get_args(Unknown))}")
    return text


def load(path: str | Path | None = None) -> TrainedModel:
    """Load the model of a run's folder, or a model file; by default that of the newest run.

    Raises ModelFileError, which names the fault.
    """
    file = model_path(None if path is None else str(path))
    return TrainedModel(read(file), file)


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
        TextSource(tuple(_several(text)), tuple(map(str, names)), lines, unit, normalize, vocabulary),
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

"""A trained model in Python: load it, predict, score and classify."""

import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from charseq import arguments as check
from charseq.api.score import Score
from charseq.errors import UsageError, cannot_combine
from charseq.inference.adaptation import AdaptingScorer, require_adaptable
from charseq.inference.classification import Classification, Classifier, Prior
from charseq.inference.copies import MIN_COPY, Copies
from charseq.inference.decoding import Decoding
from charseq.inference.reference import Reference, reference_of
from charseq.inference.requests import Answer, Request, Step, encode_prompt
from charseq.inference.scoring import BATCH_SIZE, BatchScorer
from charseq.model.model_file import Model, read
from charseq.render.notebook import ColoredSymbol, colored_text
from charseq.render.symbols import symbol_name
from charseq.runs.model_paths import model_path
from charseq.settings.generation_settings import GenerationSettings
from charseq.settings.setting import settings_of
from charseq.text.units import Unknown
from charseq.text.unknown import PYTHON
from charseq.text.vocabulary import Vocabulary

LEAST = 2.0**-60
"""The smallest probability whose surprisal is shown."""
P = ParamSpec("P")
A = TypeVar("A")
R = TypeVar("R")


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
    label: str | None = None
    """The label of the text; None for a model without labels."""

    def __str__(self) -> str:
        """Return the prompt and its continuation."""
        return self.prompt + self.text

    def _repr_html_(self) -> str:
        """Return the text for a notebook: the prompt, then the characters colored by their surprisal."""
        generated = [
            ColoredSymbol(step.character, -math.log2(max(step.probability, LEAST)), _alternatives(step))
            for step in self.steps
        ]
        prompt = [ColoredSymbol(character, None) for character in self.prompt]
        return colored_text([*prompt, *generated], f"{len(generated):,} generated characters")


def _alternatives(step: Step) -> str:
    """Return the probability of a character, and the most probable ones: 71 %; e 71 %, a 12 %."""
    most = ", ".join(f"{symbol_name(symbol)} {100 * p:.3g} %" for symbol, p in step.top)
    return f"{100 * step.probability:.3g} %; most probable: {most}"


class TrainedModel:
    """A trained model, and the path of its file."""

    def __init__(self, model: Model, path: Path) -> None:
        self.model, self.path = model, path
        self._training_text: Reference | None = None

    def __repr__(self) -> str:
        """Return the cell, the size of the vocabulary, and the path."""
        return f"<TrainedModel {self.model.network.cell_name} of {len(self.vocabulary)} symbols, {self.path}>"

    @property
    def vocabulary(self) -> Vocabulary:
        """The symbols that the model knows; `encode` and `decode` convert text to ids and back."""
        return self.model.vocabulary

    @_takes(check.PredictArguments)
    def predict(self, arguments: check.PredictArguments) -> Prediction:
        """Continue one prompt; an empty one begins as the training text does, or with a new line.

        The arguments are the prompt, `unknown`, and the fields of GenerationSettings, which are the options
        of `charseq predict`.  `unknown` is "error", "skip" or "replace": what to do with unknown characters
        of the prompt.  Raises UnknownCharacter, UsageError, and CharseqError if `novel` finds no new line.
        """
        if arguments.samples != 1:
            raise UsageError("predict makes one continuation", hint="call predictions for several samples")
        (prediction,) = self._predict([arguments.prompt], arguments, arguments.unknown)
        return prediction

    @_takes(check.PredictionsArguments)
    def predictions(self, arguments: check.PredictionsArguments) -> Iterator[Prediction]:
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
            encoded = [encode_prompt(self.vocabulary, prompt, unknown) for prompt in checked]
        seed, length, label = settings.seed, settings.length, settings.label
        requests = [
            Request.of(self.model, prompt, seed=seed, length=length, label=label) for prompt in encoded
        ]
        return map(self._predicted, decoding.answers(self.model, requests))

    def score(
        self, text: str, *, unknown: Unknown = "error", adapt: bool = False, label: str | None = None
    ) -> Score:
        """Score a text; a model with labels scores it as a text of `label`.

        `unknown` is "error", "skip" or "replace": unknown characters raise UnknownCharacter, are left out of
        the score, or count as the least probable character.  With `adapt`, each window of 32 symbols is
        scored first, and then a copy of the model learns from it.  Raises UsageError for a model that
        memorized its text or was trained with `stride`.
        """
        (score,) = self.scores([text], unknown=unknown, adapt=adapt, label=label)
        return score

    def scores(
        self,
        texts: Iterable[str],
        *,
        unknown: Unknown = "error",
        batch_size: int = BATCH_SIZE,
        adapt: bool = False,
        label: str | None = None,
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
        self.vocabulary.check_label(label, "label")
        encode = partial(self.vocabulary.encode_text, unknown=unknown, begin=True, end=True, label=label)
        with PYTHON.explaining():
            targets = [encode(text).targets for text in checked]
        scorer = AdaptingScorer(self.model) if adapt else BatchScorer(self.model, batch_size)
        firsts = [ids[:0] if self.vocabulary.boundary else ids[:1] for ids in targets]
        return map(partial(Score.of, self.vocabulary), checked, scorer.texts(targets), firsts)

    def classify(self, text: str, *, unknown: Unknown = "error", prior: Prior = "training") -> Classification:
        """Return the probability of every label of a text, for a model that was trained with labels.

        `unknown` is that of `score`.  `prior` is "training", where a label is as probable as in the training
        lines before its text is read, or "uniform".  Raises UnknownCharacter, and UsageError for a model
        without labels.
        """
        (classification,) = self.classifications([text], unknown=unknown, prior=prior)
        return classification

    def classifications(
        self, texts: Iterable[str], *, unknown: Unknown = "error", prior: Prior = "training"
    ) -> Iterator[Classification]:
        """Classify texts, many together, and yield the results in order; see `classify`."""
        checked = check.strings(texts, "text")
        check.choice(unknown, Unknown, "unknown")
        check.choice(prior, Prior, "prior")
        classifier = Classifier(self.model, prior)
        with PYTHON.explaining():
            targets = [self.vocabulary.encode_text(t, unknown=unknown, end=True).targets for t in checked]
        return classifier.classify(checked, targets)

    def copies(self, text: str, *, against: str | Path | Iterable[str | Path] | Reference = ()) -> Copies:
        """Find the spans of 20 characters or more of a text that occur verbatim in the training text.

        `against` names files to search instead, or is what `reference` returned, which reads them once for
        many texts.  Raises TextError where a text is not found, or is not what the model was trained on.
        """
        check.string(text, "text")
        if isinstance(against, Reference):
            return against.copies(text)
        files = check.names(against, "against")
        if files:
            return self.reference(files).copies(text)
        self._training_text = self._training_text or self.reference()
        return self._training_text.copies(text)

    def reference(
        self, against: str | Path | Iterable[str | Path] = (), *, min_length: int = MIN_COPY
    ) -> Reference:
        """Read the training text, or the files `against`, to search many texts for copies of `min_length`.

        Raises TextError, as `copies` does.
        """
        files = check.names(against, "against")
        least = check.positive(min_length, "min_length")
        return reference_of(self.path, self.vocabulary, files, min_length=least, option="against")

    def _predicted(self, answer: Answer) -> Prediction:
        steps = tuple(answer.steps)
        return Prediction(
            answer.request.prompt,
            self.vocabulary.joined(step.character for step in steps),
            steps,
            answer.request.seed,
            answer.request.sample,
            answer.log_probability,
            answer.request.label,
        )


def load(path: str | Path | None = None) -> TrainedModel:
    """Load the model of a run's folder, or a model file; by default that of the newest run.

    Raises ModelFileError, which names the fault.
    """
    file = model_path(check.name_or_none(path, "path"))
    return TrainedModel(read(file), file)

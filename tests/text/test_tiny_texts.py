"""Tiny texts from any source, with any settings, train or are refused with a message."""

import contextlib
import io
import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from charseq.api import TrainedModel
from charseq.errors import UsageError
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.runs.prepare import plan_run
from charseq.settings.defaults import choose_settings
from charseq.text.sources import TextSource
from charseq.training.data import TrainingData
from charseq.training.loop import train
from tests.support.command import Command

LINES = ["", "a", "ab", "abca", "e\u0301"]
TEXTS = sorted(
    {
        "\n".join(lines) + end
        for count in (1, 2, 3)
        for lines in itertools.product(LINES, repeat=count)
        for end in ("", "\n")
    }
)
SOURCES = ("text", "texts", "file", "files", "standard input")
OPTIONS: dict[str, list[Any]] = {
    "validation": [None, None, 0.0, 0.1, 0.5, 0.9],
    "validation_split": [None, "tail"],
    "batch_size": [None, 1, 2, 64],
    "sequence_length": [None, None, 1, 2, 32],
    "stride": [None, None, None, 1, 2],
    "patience": [None, 0, 1],
    "head": [None, None, "none"],
    "cell": [None, "gru", "mingru"],
    "embedding_size": [None, 2],
    "layers": [None, 2],
    "time_limit": [None, None, 0.01],
}
UNITS: list[Any] = ["character", "grapheme", "byte"]
FORMS: list[Any] = ["none", "nfc", "nfd"]


class RunWithoutFiles:
    """A run that writes no files."""

    folder, model, replaces, lines = Path("run"), Path("run/model.safetensors"), False, 0

    def log(self, record: dict[str, Any]) -> None:
        pass

    def log_time(self, passes: float, seconds: float) -> None:
        pass

    def earlier_records(self) -> list[dict[str, Any]]:
        return []

    def restore(self) -> None:
        pass

    def replace_log(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[Model]:
    """Collect the models that runs save."""
    models: list[Model] = []
    monkeypatch.setattr("charseq.training.best_model.write", lambda path, model, state: models.append(model))
    return models


def read_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read every text as one that is too large for memory."""
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", -1)
    monkeypatch.setattr("charseq.text.corpus.CHUNK_BYTES", 2)


def text_source(kind: str, text: str, **how: Any) -> tuple[TextSource, io.BytesIO]:
    """Return a source of a text, and standard input."""
    if kind.startswith("file"):
        Path("one.txt").write_bytes(text.encode())
        Path("two.txt").write_bytes(text[::-1].encode())
    texts = {"text": (text,), "texts": (text, text[::-1])}.get(kind, ())
    files = {"file": ("one.txt",), "files": ("one.txt", "two.txt"), "standard input": ("-",)}.get(kind, ())
    return TextSource(texts, files, **how), io.BytesIO(text.encode())


@contextlib.contextmanager
def allow_usage_errors() -> Iterator[None]:
    """Accept a UsageError with a message and a hint."""
    refusal = None
    try:
        yield
    except UsageError as error:
        refusal = error
    assert refusal is None or (refusal.message and refusal.hint)


def prepare(source: TextSource, standard_input: io.BytesIO, options: dict[str, Any]) -> None:
    """Prepare a run up to its first update."""
    with allow_usage_errors(), source.opened(standard_input) as corpus:
        vocabulary = source.vocabulary(corpus)
        settings = choose_settings(corpus, len(vocabulary), options)
        Network.of(settings, len(vocabulary))
        TrainingData(corpus, vocabulary, settings)


def train_and_use(
    source: TextSource, standard_input: io.BytesIO, options: dict[str, Any], saved: list[Model]
) -> None:
    """Train for one epoch and use the model."""
    saved.clear()
    with allow_usage_errors(), source.opened(standard_input) as corpus:
        vocabulary = source.vocabulary(corpus)
        settings = choose_settings(corpus, len(vocabulary), options)
        run: Any = RunWithoutFiles()
        assert list(train(plan_run(corpus, vocabulary, settings, open_folder=lambda: run, source=source)))
    if saved:
        model = TrainedModel(saved[-1], Path("run"))
        assert len(list(model.predictions(length=2))) == 1
        for text in ("", "a", "ab"):
            assert model.score(text, unknown="replace").characters >= 0


def reading_options() -> Iterator[dict[str, Any]]:
    for lines, unit, normalization in itertools.product([False, True], UNITS, FORMS):
        yield {"lines": lines, "unit": unit, "normalization": normalization}


def random_cases(count: int) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Yield random sources, texts, reading options and settings."""
    draw = random.Random(count)
    readings = list(reading_options())
    for _ in range(count):
        options = {name: draw.choice(values) for name, values in OPTIONS.items()}
        options = {name: value for name, value in options.items() if value is not None}
        if "head" not in options:
            options["hidden_size"] = 3
        reading = draw.choice(readings)
        if reading["lines"] or options.get("validation"):  # cannot be combined with a stride
            options.pop("stride", None)
        yield draw.choice(SOURCES), draw.choice(TEXTS), reading, {**options, "epochs": 1}


@pytest.mark.parametrize("large", [False, True], ids=["in memory", "in chunks"])
def test_every_tiny_text_is_prepared_or_refused_with_a_message(
    large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        read_in_chunks(monkeypatch)
    for text, lines in itertools.product(TEXTS[:: 7 if large else 3], [False, True]):
        for options in ({}, {"validation": 0.5}, {"time_limit": 0.01, "sequence_length": 1}):
            prepare(*text_source("text", text, lines=lines), options)


@pytest.mark.parametrize(
    ("large", "count"),
    [
        (False, 100),
        (True, 30),
        pytest.param(False, 3_000, marks=pytest.mark.long),
        pytest.param(True, 1_000, marks=pytest.mark.long),
    ],
)
def test_tiny_texts_train_or_are_refused_with_a_message(
    large: bool, count: int, saved: list[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        read_in_chunks(monkeypatch)
    for kind, text, reading, options in random_cases(count):
        train_and_use(*text_source(kind, text, **reading), options, saved)


@pytest.mark.long
def test_tiny_texts_from_any_source_train_or_are_refused_with_a_message(saved: list[Model]) -> None:
    every = itertools.product(SOURCES, TEXTS, reading_options())
    for kind, text, reading in itertools.islice(every, 0, None, 11):
        train_and_use(*text_source(kind, text, **reading), {"epochs": 1, "hidden_size": 3}, saved)


@pytest.mark.parametrize("text", ["a\n", "ab\n", "a\nb\n", "ab\na\n"])
def test_the_default_cell_is_sized_for_a_list_of_one_or_two_characters(text: str) -> None:
    source, standard_input = text_source("standard input", text, lines=True)
    with source.opened(standard_input) as corpus:
        settings = choose_settings(corpus, len(source.vocabulary(corpus)), {})
    assert settings.cell == "rnn-norm"
    assert settings.hidden_size >= 256
    assert settings.epochs >= 200


def test_the_command_trains_on_one_line_of_two_characters(charseq: Command) -> None:
    result = charseq("train", "--file", "-", "--lines", "--epochs", "1", "--hidden-size", "4", stdin=b"ab\n")
    assert result.status == 0, result.errors
    assert charseq("predict").status == 0


def test_large_sources_without_characters_are_reported_as_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    read_in_chunks(monkeypatch)
    for lines in (False, True):
        source, standard_input = text_source("files", "", lines=lines)
        with pytest.raises(UsageError, match=r"(is|are) empty"), source.opened(standard_input) as corpus:
            choose_settings(corpus, 1, {})


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        (("--text", "한국어", "--unit", "byte"), "9 bytes, 9 distinct"),
        (("--text", "e\u0301e\u0301a", "--unit", "grapheme"), "3 graphemes, 2 distinct"),
        (("--text", "e\u0301e\u0301a", "--normalize", "nfc"), "3 characters, 2 distinct"),
        (("--text", "e\u0301e\u0301a"), "5 characters, 3 distinct"),
        (("--lines", "--text", "한국", "--text", "국", "--unit", "byte"), "9 bytes, 6 distinct"),
    ],
)
def test_the_length_of_a_text_is_counted_in_its_own_symbols(
    charseq: Command, arguments: tuple[str, ...], size: str
) -> None:
    trained = charseq("train", *arguments, "--epochs", "1", "--hidden-size", "2")
    assert trained.errors.startswith(f"text: {size}"), trained.errors
    if "--lines" not in arguments:
        compared = charseq("compare", *arguments, "--cells", "gru", "--epochs", "1", "--hidden-size", "2")
        assert size in compared.errors.splitlines()[0], compared.errors


def test_bytes_of_half_a_character_are_shown_as_bytes(charseq: Command) -> None:
    shown = charseq(
        "train", "--text", "한국어", "--unit", "byte", "--epochs", "1", "--hidden-size", "2"
    ).output
    assert shown.splitlines()[-1].split("\t")[4] == "\\x95\\x9c국어"

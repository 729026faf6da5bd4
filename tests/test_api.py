"""charseq from Python."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import charseq
from charseq.errors import ModelFileError, TextError, UnknownCharacter, UsageError
from charseq.events import End, Epoch, Start
from tests.support.command import Command


@pytest.fixture
def hihello() -> charseq.TrainedModel:
    *_, end = charseq.train("hihello", cell="lstm")
    assert isinstance(end, End)
    return charseq.load(end.model)


def test_training_yields_events_and_the_last_one_names_the_model() -> None:
    start, *epochs, end = charseq.train(["hihello", "hey"], cell="gru", hidden_size=5, epochs=3, seed=2)
    assert isinstance(start, Start)
    assert (start.settings.cell, start.settings.hidden_size, start.settings.seed) == ("gru", 5, 2)
    assert [epoch.epoch for epoch in epochs if isinstance(epoch, Epoch)] == [1, 2, 3]
    assert isinstance(end, End)
    assert end.model == "runs/0001-gru/model.safetensors"
    assert charseq.load().path == Path(end.model)


def test_training_gives_the_bytes_that_the_command_gives(charseq_: Command) -> None:
    for _ in charseq.train("hihello", cell="rnn", epochs=4, out="here"):
        pass
    charseq_.train("--text", "hihello", "--cell", "rnn", "--epochs", "4", "--out", "there")
    assert Path("here/model.safetensors").read_bytes() == Path("there/model.safetensors").read_bytes()


@pytest.fixture
def charseq_(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


def test_files_and_lines_are_read() -> None:
    Path("names.txt").write_text("ada\ngrace\nalan\n")
    start, *_ = charseq.train(files=["names.txt"], lines=True, epochs=1, vocabulary="xyz")
    assert isinstance(start, Start)
    assert start.symbols[0] == ""
    assert {"x", "y", "z"} < set(start.symbols)


def test_a_run_stops_when_stop_returns_true() -> None:
    seen: list[object] = []
    for event in charseq.train("hihello", epochs=10**6, stop=lambda: len(seen) > 5):
        seen.append(event)
    assert isinstance(seen[-1], End)
    assert seen[-1].status == "interrupted"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hiden_size": 5}, "no such setting: hiden_size"),
        ({"hidden_size": -1}, "invalid hidden_size -1"),
        ({"epochs": 2.5}, "invalid epochs 2.5"),
        ({"cell": "ltsm"}, "'ltsm'"),
    ],
)
def test_an_invalid_setting_is_an_error(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        next(charseq.train("hihello", **settings))
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": b"hihello"}, "invalid text: b'hihello' is not a string"),
        ({"text": ["hi", 5]}, "invalid text: 5 is not a string"),
        ({"text": 5}, "invalid text: 5 is not a string or an iterable"),
        ({"text": None}, "invalid text: None is not a string"),
        ({"files": 5}, "invalid files: 5 is not"),
        ({"files": [5]}, "invalid files: 5 is not a path"),
        ({"out": 5}, "invalid out: 5 is not a path"),
        ({"out": ""}, "invalid out: '' is not a path"),
        ({"resume": 5}, "invalid resume: 5 is not a path"),
        ({"stop": 5}, "invalid stop: 5 is not a function"),
        ({"unit": "word"}, "invalid unit: 'word' is not one of character, grapheme, byte"),
        ({"unit": 5}, "invalid unit: 5 is not one of"),
        ({"normalize": "nfx"}, "invalid normalize: 'nfx' is not one of none, nfc, nfd, nfkc"),
        ({"vocabulary": 5}, "invalid vocabulary: 5 is not a string"),
        ({"lines": 5}, "invalid lines: 5 is not True or False"),
        ({"force": 5, "out": "a"}, "invalid force: 5 is not True or False"),
        ({"save_every": 0}, "invalid save_every: 0 is not a number of seconds above 0"),
        ({"reasons": 5}, "no such setting: reasons"),
    ],
)
def test_an_invalid_argument_is_an_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        next(charseq.train(**{"text": "hihello", **arguments}))
    assert raised.value.message.startswith(message)
    assert not Path("runs").exists()


def test_no_text_is_an_error() -> None:
    with pytest.raises(TextError):
        next(charseq.train())


def test_a_prompt_is_continued(hihello: charseq.TrainedModel) -> None:
    found = hihello.predict("hi")
    assert (found.prompt, found.text, str(found)) == ("hi", "hello", "hihello")
    assert [step.character for step in found.steps] == list("hello")
    assert str(hihello.predict()) == "hihello"
    assert len(hihello.predict("h", length=20).text) == 20


def test_predictions_are_those_of_the_command(hihello: charseq.TrainedModel, charseq_: Command) -> None:
    options = ["--samples", "3", "--temperature", "1.5", "--seed", "4", "--length", "9", "--json"]
    records = charseq_("predict", "h", "he", *options).records
    found = list(hihello.predictions(["h", "he"], samples=3, temperature=1.5, seed=4, length=9))
    assert [(p.prompt, p.text, p.sample) for p in found] == [
        (r["prompt"], r["text"], r["sample"]) for r in records
    ]
    assert [list(map(list, s.top)) for s in found[0].steps] == [s["top"] for s in records[0]["steps"]]


def test_the_options_of_predict_take_effect(hihello: charseq.TrainedModel) -> None:
    assert set(hihello.predict("h", length=30, allow="lo", temperature=2.0).text) == {"l", "o"}
    assert hihello.predict("h", pattern="e+o", length=5, temperature=1.0).text.endswith("o")
    assert hihello.predict("h", until=["ll"]).text == "ihell"
    assert hihello.predict("hz", unknown="skip").prompt == "h"
    (best, *_) = hihello.predictions(["h"], beam=4, samples=2)
    assert best.text == "ihello"
    assert best.log_probability is not None
    assert best.log_probability < 0


@pytest.mark.parametrize(
    "options", [{"top_p": 0.0}, {"temperature": -1.0}, {"samples": 0}, {"batch_size": 0}, {"beam": -1}]
)
def test_an_option_out_of_range_is_an_error(hihello: charseq.TrainedModel, options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"invalid {next(iter(options))}"):
        hihello.predictions(["h"], **options)  # type: ignore[arg-type]


def test_a_string_is_one_text(hihello: charseq.TrainedModel) -> None:
    assert [p.prompt for p in hihello.predictions("hi")] == ["hi"]
    assert [s.text for s in hihello.scores("hello")] == ["hello"]
    Path("one.txt").write_text("hihello")
    start, *_ = charseq.train(files="one.txt", epochs=1)
    assert isinstance(start, Start)
    assert start.characters == 7


@pytest.mark.parametrize(
    "options",
    [
        {"seed": -1},
        {"length": 1.5},
        {"seed": 1.5},
        {"top_k": 2.5},
        {"temperature": "x"},
        {"length": -1},
        {"until": "ar"},
        {"until": [""]},
        {"unknown": "x"},
        {"top": -1},
    ],
)
def test_an_invalid_option_is_an_error(hihello: charseq.TrainedModel, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        hihello.predictions(["h"], **options)


def test_other_types_than_strings_are_an_error(hihello: charseq.TrainedModel) -> None:
    other: Any
    for other in (3, None, b"h", ["h"]):
        with pytest.raises(UsageError, match="is not a string"):
            hihello.predict(other)
        with pytest.raises(UsageError, match="is not a string"):
            hihello.score(other)
    for other in (3, None, b"h", ["h", 3]):
        with pytest.raises(UsageError, match="is not a string"):
            hihello.predictions(other)
        with pytest.raises(UsageError, match="is not a string"):
            hihello.scores(other)
    with pytest.raises(UsageError, match="invalid batch_size 0"):
        hihello.scores(["h"], batch_size=0)
    with pytest.raises(UsageError, match="invalid path: 5 is not a path"):
        charseq.load(5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="makes one continuation"):
        hihello.predict("h", samples=2)


def test_a_score_has_the_original_text(hihello: charseq.TrainedModel) -> None:
    score = hihello.score("hizz", unknown="skip")
    assert (score.text, score.characters) == ("hizz", 1)


def test_representations_are_short(hihello: charseq.TrainedModel) -> None:
    assert repr(hihello) == f"<TrainedModel lstm of 5 symbols, {hihello.path}>"
    assert len(repr(hihello.predict("h", length=200))) < 400
    assert len(repr(hihello.score("hello" * 50))) < 500


def test_a_score_is_that_of_the_command(hihello: charseq.TrainedModel, charseq_: Command) -> None:
    (record,) = charseq_("score", "hello", "--json").records
    found = hihello.score("hello")
    assert found.text == "hello"
    assert found.characters == 4
    assert found.bits_per_character == record["bits_per_character"]
    assert found.nats_per_character == record["nats_per_character"]
    assert found.perplexity == record["perplexity"]
    assert [(c.character, c.bits, c.rank, c.likeliest) for c in found.per_character] == [
        (c["character"], c["bits"], c["rank"], c["likeliest"]) for c in record["per_character"]
    ]
    assert [score.text for score in hihello.scores(["hi", "ho"])] == ["hi", "ho"]
    with pytest.raises(UnknownCharacter):
        hihello.score("xyz")


def test_a_missing_model_is_an_error() -> None:
    with pytest.raises(ModelFileError, match="no trained model"):
        charseq.load()
    with pytest.raises(ModelFileError, match="'none'"):
        charseq.load("none")


def test_the_vocabulary_encodes_and_decodes(hihello: charseq.TrainedModel) -> None:
    assert hihello.vocabulary.symbols == ("e", "h", "i", "l", "o")
    assert hihello.vocabulary.decode(hihello.vocabulary.encode("hello")) == "hello"


def test_an_unknown_name_in_the_package_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'loda'"):
        charseq.loda  # noqa: B018


def test_importing_loads_no_numpy_and_predicting_no_torch(hihello: charseq.TrainedModel) -> None:
    code = (
        "import sys, charseq; assert 'numpy' not in sys.modules; model = charseq.load(); "
        "model.predict('h'); model.score('hello'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

"""Prediction, scoring, inspection and the explorer read a text as the same ids."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charseq.api import TrainedModel
from charseq.errors import UnknownCharacter
from charseq.inference.explorer import Explorer
from charseq.inspection.tracing import TraceInput
from charseq.model.model_file import Model, write
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.model.stepper import Reader
from charseq.text.units import Unknown
from charseq.text.vocabulary import EncodedText, Vocabulary
from charseq.training.gradient_flow import trained_flow
from tests.support.command import Command

VOCABULARIES = {
    "characters": Vocabulary.of(["abé\r\n?"]),
    "lines": Vocabulary.of(["abé?"], boundary=True),
    "graphemes": Vocabulary.of(["ab\r\u0301", "\n", "e\u0301🇰🇷", "🇰", "🇷"], unit="grapheme"),
    "bytes": Vocabulary.of(["abé\udcff"], unit="byte"),
    "NFC": Vocabulary.of(["abé"], normalization="nfc"),
    "NFD": Vocabulary.of(["abé\u0301"], normalization="nfd", boundary=True),
    "NFKC graphemes": Vocabulary.of(["abﬁé", "한"], normalization="nfkc", unit="grapheme"),
}
TEXTS = [
    "ab",
    "",
    "aéb",
    "ae\u0301b",
    "zab",
    "abz",
    "a\rz\nb",
    "a🇰z🇷",
    "z\u0301a",
    "zz",
    "ﬁ\u1112\u1161\u11abz",
]
POLICIES: "tuple[Unknown, ...]" = ("error", "skip", "replace")


def model_of(vocabulary: Vocabulary) -> Model:
    network = Network("gru", len(vocabulary), hidden_size=3)
    opening = "" if vocabulary.boundary else vocabulary.decode([1])
    return Model(network, vocabulary, network.draw(SeededDraw(0)), opening=opening)


@pytest.fixture
def ids_read(monkeypatch: pytest.MonkeyPatch) -> "Callable[[Callable[[], Any]], list[int]]":
    """Return the ids that a network reads while a function runs."""
    seen: list[int] = []
    advance, advance_sequence = Reader.advance, Reader.advance_sequence

    def one(reader: Reader, ids: Any) -> Any:
        seen.append(int(ids[0]))
        return advance(reader, ids)

    def several(reader: Reader, ids: Any) -> Any:
        seen.extend(ids[:, 0].tolist())
        return advance_sequence(reader, ids)

    monkeypatch.setattr(Reader, "advance", one)
    monkeypatch.setattr(Reader, "advance_sequence", several)

    def record(run: Callable[[], Any]) -> list[int]:
        seen.clear()
        run()
        return [*seen]

    return record


def encoded(model: Model, text: str, policy: Unknown = "error") -> EncodedText:
    return model.vocabulary.encode_text(text, unknown=policy, begin=True, end=True)


def is_known(model: Model, text: str) -> bool:
    return not encoded(model, text, "skip").unknown


def prompt_of(model: Model, ids: "list[int]") -> "list[int]":
    """Return the ids that prediction reads, given those that scoring reads."""
    prompt = ids[: len(ids) - model.vocabulary.boundary]
    return prompt or model.vocabulary.encode(model.opening).tolist()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", VOCABULARIES)
def test_prediction_scoring_and_the_explorer_read_the_same_ids(
    ids_read: Any, kind: str, policy: Unknown
) -> None:
    model = model_of(VOCABULARIES[kind])
    trained = TrainedModel(model, Path("m"))
    for text in TEXTS:
        if policy == "error" and not is_known(model, text):
            continue
        expected = encoded(model, text, policy)
        ids = expected.ids.tolist()
        prompt = prompt_of(model, ids)
        assert ids_read(lambda text=text: trained.predict(text, unknown=policy, length=1)) == prompt, text
        assert ids_read(lambda text=text: trained.score(text, unknown=policy)) == ids[:-1], text
        scored = trained.score(text, unknown=policy).per_character
        symbols = model.vocabulary.with_unknown
        assert [c.character for c in scored] == [symbols[i] for i in expected.targets[1:]], text
        explorer = Explorer(model)
        if text:
            read = ids_read(lambda explorer=explorer, text=text: explorer.write(text, policy))
            assert read[-len(prompt) :] == (ids[:-1] if model.vocabulary.boundary else ids)[-len(read) :]
        assert explorer.text == expected.text, text


@pytest.mark.parametrize("kind", VOCABULARIES)
def test_inspection_reads_the_ids_that_are_scored(kind: str) -> None:
    model = model_of(VOCABULARIES[kind])
    for text in filter(partial(is_known, model), TEXTS):
        expected = encoded(model, text).ids.tolist()
        inputs = TraceInput.of(model.network, model.vocabulary, model.arrays, [text])
        (read,), (targets,) = inputs.sequences, inputs.targets
        assert targets.tolist() == expected[1:], text
        assert read.tolist() == (expected[:-1] if model.vocabulary.boundary else expected), text
        if len(read) > 1:
            symbols = tuple(model.vocabulary.symbols[i] for i in read)
            assert trained_flow(model, text, "").symbols == symbols, text


@pytest.mark.parametrize("kind", VOCABULARIES)
def test_every_reader_names_the_same_unknown_symbol(kind: str) -> None:
    model = model_of(VOCABULARIES[kind])
    trained = TrainedModel(model, Path("m"))
    runs: list[Callable[[str], Any]] = [
        trained.predict,
        trained.score,
        Explorer(model).write,
        lambda text: TraceInput.of(model.network, model.vocabulary, model.arrays, [text]),
        lambda text: trained_flow(model, text, ""),
    ]
    for text in TEXTS:
        if is_known(model, text):
            continue
        with pytest.raises(UnknownCharacter) as expected:
            encoded(model, text)
        for run in runs:
            with pytest.raises(UnknownCharacter) as caught:
                run(text)
            assert caught.value.message == expected.value.message


@pytest.mark.parametrize("policy", ["skip", "replace"])
@pytest.mark.parametrize("kind", VOCABULARIES)
@pytest.mark.parametrize("text", ["azb", "ae\u0301", "z\u0301a", "a🇰z🇷"])
def test_commands_read_the_same_ids(
    ids_read: Any, charseq: Command, kind: str, text: str, policy: Unknown
) -> None:
    model = model_of(VOCABULARIES[kind])
    write(Path("model.safetensors"), model)
    ids = encoded(model, text, policy).ids.tolist()
    options = ("--model", "model.safetensors", "--unknown", policy, "--json")
    assert ids_read(lambda: charseq("predict", text, "--length", "1", *options)) == prompt_of(model, ids)
    assert ids_read(lambda: charseq("score", text, *options)) == ids[:-1]


def test_targets_have_v_for_a_replaced_symbol_and_ids_its_replacement() -> None:
    vocabulary = Vocabulary.of(["ab?"], boundary=True)
    found = vocabulary.encode_text("azb", unknown="replace", begin=True, end=True)
    assert found.ids.tolist() == [0, 2, 1, 3, 0]
    assert found.targets.tolist() == [0, 2, 4, 3, 0]
    assert (found.text, found.unknown) == ("a?b", 1)
    np.testing.assert_array_equal(vocabulary.replace_unknown(found.targets), found.ids)


@pytest.mark.parametrize(("policy", "symbols"), [("skip", "a\r\nb"), ("replace", "a\r?\nb")])
def test_each_symbol_is_skipped_or_replaced_by_itself(policy: Unknown, symbols: str) -> None:
    vocabulary = Vocabulary.of(["a\r", "\nb?"], unit="grapheme")
    found = vocabulary.encode_text("a\rx\nb", unknown=policy)
    assert [vocabulary.symbols[i] for i in found.ids] == list(symbols)
    assert found.unknown == 1


def test_text_without_unknown_symbols_is_the_original_one() -> None:
    assert Vocabulary.of(["é"], normalization="nfc").encode_text("e\u0301", unknown="skip").text == "e\u0301"


def test_a_vocabulary_without_symbols_has_no_replacement() -> None:
    for boundary in (False, True):
        vocabulary = Vocabulary.of([""], boundary=boundary)
        assert vocabulary.encode_text("ab", unknown="replace").ids.tolist() == []

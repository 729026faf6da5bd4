"""Runs that start from the weights of another model."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charseq import api
from charseq.errors import ModelFileError, UsageError
from charseq.events import End, Epoch, Event, Start
from charseq.model.description import FORMAT
from charseq.model.model_file import Model, describe, read
from charseq.training.data import TrainingData
from tests.support.runs import stop_after

STREAM = "".join(f"{i} and {i * i}; " for i in range(31))
OTHER = "".join(f"{i} und {i + i}! " for i in range(31))
NAMES = "".join(f"{first}{second}\n" for first in ("ad", "gra", "ed") for second in ("a", "ce", "gar", "win"))
PARENTS: dict[str, dict[str, Any]] = {
    "strings": {"text": ["hihello", "abcab"], "epochs": 7},
    "a stream": {"text": STREAM, "epochs": 1, "sequence_length": 7, "validation": 0.3, "ngram": 3},
    "lines": {"text": NAMES, "lines": True, "epochs": 2, "batch_size": 3, "ngram": 0},
}
CHILDREN: dict[str, dict[str, Any]] = {
    "strings": {"text": ["hallo", "abzac"], "epochs": 5, "until_learned": False},
    "a stream": {"text": OTHER, "epochs": 2, "sequence_length": 7, "validation": 0.3, "dropout": 0.3},
    "lines": {"text": NAMES.replace("a", "ä"), "epochs": 2, "batch_size": 3, "ngram": 0},
}
NETWORK = {"cell": "gru", "hidden_size": 7, "layers": 2}


def parent(kind: str, **changes: Any) -> Model:
    *_, end = api.train(**{**PARENTS[kind], **NETWORK, **changes}, out="parent", force=True)
    assert end.event == "end"
    return read(Path("parent/model.safetensors"))


def child(kind: str, **changes: Any) -> list[Event]:
    shutil.rmtree("child", ignore_errors=True)
    return [*api.train(**{**CHILDREN[kind], "init_from": "parent", "out": "child", **changes})]


def child_model() -> Model:
    return read(Path("child/model.safetensors"))


@pytest.mark.parametrize("kind", PARENTS)
def test_the_vocabulary_is_that_of_the_parent_and_the_new_symbols_of_the_text(kind: str) -> None:
    known = parent(kind).vocabulary.symbols
    child(kind)
    symbols = child_model().vocabulary.symbols
    assert symbols[: len(known)] == known
    text = "".join(CHILDREN[kind]["text"])
    assert set(symbols[len(known) :]) == set(text) - set(known) - {"\n" if kind == "lines" else ""}
    assert list(symbols[len(known) :]) == sorted(symbols[len(known) :])
    is_sorted = list(symbols) == sorted(symbols)  # else earlier versions refuse it as newer
    assert (describe(Path("child/model.safetensors")).format == FORMAT) == (not is_sorted)
    assert kind != "a stream" or not is_sorted
    assert describe(Path("parent/model.safetensors")).format < FORMAT


@pytest.mark.parametrize("kind", PARENTS)
def test_the_initial_weights_are_those_of_the_parent(kind: str) -> None:
    arrays = parent(kind).arrays
    child(kind, stop=stop_after(1), learning_rate=1e-30)
    for name, array in child_model().arrays.items():
        kept = tuple(slice(size) for size in arrays[name].shape)
        assert (array[kept] == arrays[name]).all(), name


@pytest.mark.parametrize(
    "kind", [k if k == "strings" else pytest.param(k, marks=pytest.mark.long) for k in PARENTS]
)
def test_a_run_stopped_after_any_update_and_resumed_equals_an_uninterrupted_one(kind: str) -> None:
    parent(kind)
    child(kind)
    files = [Path("child/model.safetensors"), Path("child/log.ndjson")]
    expected = [file.read_bytes() for file in files]
    steps = 0
    while True:
        steps += 1
        *_, end = child(kind, stop=stop_after(steps))
        assert isinstance(end, End)
        if end.status == "completed":
            break
        Path("parent").rename("elsewhere")  # a fine-tuned run does not need its parent any more
        list(api.train(resume="child"))
        Path("elsewhere").rename("parent")
        assert [file.read_bytes() for file in files] == expected, steps
    assert steps > 3


def test_the_model_file_and_the_start_event_have_the_lineage() -> None:
    parent("strings")
    sha256 = hashlib.sha256(Path("parent/model.safetensors").read_bytes()).hexdigest()
    start, *_ = child("strings")
    assert isinstance(start, Start)
    assert start.lineage == ({"model": "parent/model.safetensors", "sha256": sha256},)
    assert [ancestor.sha256 for ancestor in child_model().lineage] == [sha256]
    list(api.train("hullo", init_from="child", out="grandchild", epochs=3))
    newest = read(Path("grandchild/model.safetensors")).lineage
    assert [ancestor.model for ancestor in newest] == ["child/model.safetensors", "parent/model.safetensors"]
    assert newest[1].sha256 == sha256


def test_a_model_without_a_parent_has_no_lineage_in_its_file() -> None:
    parent("strings")
    header = Path("parent/model.safetensors").read_bytes()
    assert b"lineage" not in header[: int.from_bytes(header[:8], "little")]


def test_the_end_names_the_validation_loss_of_the_parent() -> None:
    parent("a stream", epochs=30)
    *_, end = child("a stream", text=STREAM, learning_rate=1e-30)
    assert isinstance(end, End)
    assert end.parent_validation_loss is not None
    *_, epoch, _ = child("a stream", text=STREAM, epochs=30, learning_rate=0.01)
    assert isinstance(epoch, Epoch)
    assert epoch.validation_loss is not None
    assert epoch.validation_loss < end.parent_validation_loss


def test_the_parent_is_saved_where_no_epoch_is_better() -> None:
    arrays = parent("a stream", epochs=30, ngram=0).arrays
    *_, end = child("a stream", text=STREAM, learning_rate=3.0, ngram=0, recoveries=0)
    assert isinstance(end, End)
    assert end.epoch == 0
    found = child_model().arrays
    assert all((found[name] == array).all() for name, array in arrays.items())


@pytest.mark.parametrize(
    ("freeze", "trained"),
    [
        ("all-but-head", {"head.W", "head.b"}),
        ("all-but-initial-state", {"layers.0.start.h", "layers.1.start.h"}),
    ],
)
def test_frozen_weights_stay_as_they_are(freeze: str, trained: set[str]) -> None:
    arrays = parent("strings").arrays
    child("strings", text=["abcab", "hehell"], freeze=freeze, initial_state="learned", weight_decay=0.1)
    for name, array in child_model().arrays.items():
        changed = (array != arrays.get(name, np.zeros_like(array))).any()
        assert changed == (name in trained), name


def random_words(words: int, seed: int) -> str:
    """Return a text of random words, from the same list for every seed."""
    known = [f"{number * 7919 % 1000:b}" for number in range(31)]
    return " ".join(np.random.default_rng(seed).choice(known, words).tolist())


def ngram_order() -> tuple[int, int]:
    """Return the order of the child's n-gram model, and the sum of its counts."""
    mixture = child_model().mixture
    assert mixture is not None
    return mixture.ngram.order, int(mixture.ngram.counts.sum())


def test_the_ngrams_are_those_of_both_texts_where_they_predict_best() -> None:
    known = parent("a stream", text=random_words(997, 1), ngram=5).mixture
    start, *_ = child("a stream", text=random_words(97, 2))
    assert isinstance(start, Start)
    assert known is not None
    order, total = ngram_order()
    assert order == 5
    assert total > known.ngram.counts.sum()
    assert "with the counts of the earlier text" in start.settings.reasons["ngram"]


def test_ngrams_of_an_unlike_text_are_left_out() -> None:
    parent("a stream", text=random_words(997, 1), ngram=5)
    start, *_ = child("a stream", text="10 111 0 1 " * 60)
    assert isinstance(start, Start)
    assert ngram_order()[1] < 5_000
    assert "of this text alone" in start.settings.reasons["ngram"]


def test_an_explicit_order_counts_the_text_alone() -> None:
    parent("a stream")
    child("a stream", text=OTHER * 2, ngram=2)
    assert ngram_order()[0] == 2


def test_known_lines_of_the_parent_are_not_new() -> None:
    lines = parent("lines").lines
    child("lines")
    found = child_model().lines
    assert lines is not None
    assert found is not None
    assert set(lines.tolist()) < set(found.tolist())


def test_lines_are_read_as_lines_without_being_asked() -> None:
    parent("lines")
    start, *_ = child("lines")
    assert isinstance(start, Start)
    assert start.lines


def test_the_same_lines_are_held_out_as_in_a_new_run(monkeypatch: pytest.MonkeyPatch) -> None:
    held_out = []
    split = TrainingData.__init__

    def recorded(self: TrainingData, *arguments: Any) -> None:
        split(self, *arguments)
        vocabulary = arguments[1]
        held_out.append({vocabulary.decode(ids) for ids in self.split.validation})

    monkeypatch.setattr(TrainingData, "__init__", recorded)
    parent("lines", text="zebra\nyak\nxerus\n" * 3)
    text = "".join(f"{number:b}\n" for number in range(97)).replace("0", "q")
    for init_from in (None, "parent"):
        run = api.train(
            text, lines=True, epochs=1, validation=0.2, init_from=init_from, out="run", force=True
        )
        list(run)
    assert held_out[-1]
    assert held_out[-1] == held_out[-2]


def test_the_validation_loss_is_that_of_score() -> None:
    parent("a stream")
    *_, end = child("a stream", validation_split="tail")
    assert isinstance(end, End)
    held_out = OTHER[len(OTHER) - round(0.3 * len(OTHER)) :]
    score = api.load("child").score(held_out)
    assert end.validation_loss == pytest.approx(score.nats_per_character, abs=0.05)


def test_a_run_is_not_both_resumed_and_fine_tuned() -> None:
    parent("strings")
    with pytest.raises(UsageError, match="--resume cannot be combined with --from"):
        list(api.train("hello", init_from="parent", resume="parent"))


def test_a_parent_that_does_not_exist_is_named() -> None:
    with pytest.raises(ModelFileError, match="there is no model 'nothing'"):
        list(api.train("hello", init_from="nothing"))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"unit": "byte"}, "--unit byte cannot be combined with --from 'parent'.*--unit character"),
        ({"normalize": "nfc"}, "--normalize nfc cannot be combined with --from"),
        ({"lines": True}, "--lines requires a model of lines"),
        ({"cell": "lstm"}, "--cell lstm cannot be combined with --from"),
    ],
)
def test_what_the_parent_cannot_be_is_refused(options: dict[str, Any], match: str) -> None:
    parent("strings")
    with pytest.raises(UsageError, match=match):
        child("strings", **options)


def test_a_parent_without_a_head_learns_no_new_symbol() -> None:
    list(api.train("hihello", cell="gru", head="none", epochs=3, out="parent"))
    with pytest.raises(UsageError, match="cannot learn new characters such as 'x'"):
        list(api.train("hexell", init_from="parent"))
    *_, end = api.train("hello", init_from="parent", epochs=2)
    assert isinstance(end, End)
    assert end.status == "completed"


def test_the_log_of_a_fine_tuned_run_is_json_with_its_lineage() -> None:
    parent("strings")
    child("strings")
    start = json.loads(Path("child/log.ndjson").read_text().splitlines()[0])
    assert start["lineage"][0]["model"] == "parent/model.safetensors"
    assert start["freeze"] == "none"


def test_only_the_initial_state_is_trained_where_few_windows_begin_a_sequence() -> None:
    parent("a stream")
    options: dict[str, Any] = {"initial_state": "learned", "freeze": "all-but-initial-state"}
    child("a stream", **options, epochs=2)
    before = read(Path("parent/model.safetensors")).arrays
    after = child_model().arrays
    starts = {name for name in after if name.endswith("start.h")}
    assert len(starts) == 2
    assert any(array.any() for name, array in after.items() if name in starts)
    for name in after.keys() - starts:
        kept = tuple(slice(size) for size in before[name].shape)
        assert np.array_equal(after[name][kept], before[name]), name

"""The n-gram model in a model file: read as it was written, and refused where it is inconsistent."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from charseq.errors import ModelFileError
from charseq.inference.scoring import score_texts
from charseq.model import ngram_tensors
from charseq.model.mixture import FEATURES, Gate, Mixture
from charseq.model.model_file import Model, describe, read, write
from charseq.model.ngram_counting import count_ngrams
from charseq.text.sequences import Sequences
from tests.support.models import gru_model

PATH = Path("model.safetensors")
ORDER, SIZE = 3, 8

Tensors = dict[str, Any]


def model() -> Model:
    """Return a small model with an n-gram model that has counts above 255."""
    base, random = gru_model(), np.random.default_rng(3)
    text = random.choice(SIZE, 2003, p=[0.6, *[0.4 / 7] * 7]).astype(np.uint8)
    counted = count_ngrams(Sequences.of([text]), ORDER, SIZE, lines=False).model(ORDER)
    sizes = ORDER, len(FEATURES), base.network.hidden_size
    gate = Gate(*(random.normal(0, 0.3, size).astype(np.float32) for size in sizes))
    return replace(base, mixture=Mixture(counted, gate))


def write_changed(change: Callable[[Tensors], Any]) -> None:
    """Write a model to PATH whose n-gram tensors were changed, with valid digests."""
    original = ngram_tensors.tensors_of

    def changed(mixture: Mixture) -> Tensors:
        tensors = {name.removeprefix("ngram."): array.copy() for name, array in original(mixture).items()}
        change(tensors)
        return {f"ngram.{name}": array for name, array in tensors.items()}

    with mock.patch.object(ngram_tensors, "tensors_of", changed):
        write(PATH, model())


def put(name: str, index: Any, value: Any) -> Callable[[Tensors], None]:
    """Return a change that sets one element of a tensor."""
    return lambda tensors: tensors[name].__setitem__(index, value)


def swapped(name: str, first: int, second: int) -> Callable[[Tensors], None]:
    def change(tensors: Tensors) -> None:
        tensors[name][[first, second]] = tensors[name][[second, first]]

    return change


WRONG: dict[str, Callable[[Tensors], Any]] = {
    "children that do not add up": put("children", 0, SIZE - 1),
    "no children": lambda t: t["children"].fill(0),
    "more children than symbols": put("children", 1, 255),
    "children that are missing": lambda t: t.update(children=t["children"][:-1]),
    "another first symbol": put("symbols", 0, 1),
    "symbols that are not sorted": swapped("symbols", 1, 2),
    "a symbol twice": put("symbols", 2, 0),
    "a symbol that is too large": put("symbols", SIZE, SIZE),
    "symbols that are missing": lambda t: t.update(symbols=t["symbols"][:-1]),
    "a count of 0": put("counts", 5, 0),
    "a count for the empty n-gram": put("counts", 0, 1),
    "counts that are missing": lambda t: t.update(counts=t["counts"][:-1]),
    "a large count too many": lambda t: t.update(large_counts=np.append(t["large_counts"], np.uint32(300))),
    "a large count that is small": put("large_counts", 0, 7),
    "a negative discount": put("discounts", (0, 0), -0.1),
    "a discount above its count": put("discounts", (1, 0), 1.5),
    "a discount that is not a number": put("discounts", (0, 0), np.nan),
    "infinite weights of the gate": put("gate", 0, np.inf),
    "totals that are too small": lambda t: t.update(totals=np.zeros(len(t["children"]), np.uint32)),
    "totals that are missing": lambda t: t.update(totals=np.full(3, 9999, np.uint32)),
    "a gate of another size": lambda t: t.update(gate=t["gate"][:-1]),
    "a gate for another network": lambda t: t.update(gate_hidden=np.zeros(6, np.float32)),
    "discounts of another shape": lambda t: t.update(discounts=t["discounts"][:, :2]),
    "an order of 0": lambda t: t.update(discounts=t["discounts"][:0]),
    "an order that is too large": lambda t: t.update(discounts=np.ones((21, 3), np.float32)),
    "counts of another type": lambda t: t.update(counts=t["counts"].astype(np.uint16)),
    "symbols of another type": lambda t: t.update(symbols=t["symbols"].astype(np.float32)),
    "two axes": lambda t: t.update(symbols=t["symbols"][None]),
    "a missing tensor": lambda t: t.pop("gate"),
    "an unknown tensor": lambda t: t.update(surprise=t["gate"]),
    "no n-gram tensors": lambda t: t.clear(),
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in a folder of its own."""
    monkeypatch.chdir(tmp_path)


def test_an_ngram_model_is_read_as_it_was_written() -> None:
    written = model()
    write(PATH, written)
    found = read(PATH)
    assert written.mixture is not None
    assert found.mixture is not None
    assert int(written.mixture.ngram.counts.max()) > 255
    for name in ("symbols", "counts", "children", "discounts"):
        assert (getattr(found.mixture.ngram, name) == getattr(written.mixture.ngram, name)).all()
    for ours, theirs in zip(found.mixture.gate, written.mixture.gate, strict=True):
        assert (ours == theirs).all()
    text = np.random.default_rng(5).integers(0, SIZE, 101).astype(np.uint8)
    (before,), (after,) = score_texts(written, [text]), score_texts(found, [text])
    assert (before.nats == after.nats).all()


def test_totals_of_a_model_without_rare_ngrams_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.model.ngram_counting.MAX_NGRAMS", 300)
    written = model()
    write(PATH, written)
    found = read(PATH)
    assert written.mixture is not None
    assert found.mixture is not None
    totals, before = found.mixture.ngram.totals, written.mixture.ngram.totals
    assert totals is not None
    assert before is not None
    assert totals.tolist() == before.tolist()
    assert (found.mixture.ngram.gamma == written.mixture.ngram.gamma).all()


def test_only_a_model_with_ngrams_needs_the_newer_format() -> None:
    write(PATH, model())
    assert describe(PATH).format == 4
    write(PATH, gru_model())
    assert describe(PATH).format == 3


@pytest.mark.parametrize("wrong", WRONG)
def test_an_inconsistent_ngram_model_is_refused(wrong: str) -> None:
    write_changed(WRONG[wrong])
    with pytest.raises(ModelFileError, match=r"is inconsistent|cannot be used|is damaged"):
        read(PATH)

"""Model files that were edited and signed again: refused when they are read, or used without a crash."""

import copy
import io
import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import numpy as safetensors

from charseq import api
from charseq.errors import CharseqError, ModelFileError
from charseq.model.model_file import describe, read, read_state
from charseq.render.base import Form, renderer_for
from charseq.render.model import model_view
from tests.support.command import Command
from tests.support.signed_files import read_description, write_signed

MODEL = Path("run/model.safetensors")
STREAM = "".join(f"{i} and {i * i}; " for i in range(13))
MIXED = "".join(f"{i * i} or {i}, " for i in range(31))
KINDS: dict[str, dict[str, Any]] = {
    "strings": {"text": ["hihello", "abcab"], "epochs": 4},
    "stream": {"text": STREAM, "epochs": 2, "sequence_length": 7, "validation": 0.1, "average": 0.9},
    "mixture": {"text": MIXED, "epochs": 2, "ngram": 2, "validation": 0.4, "patience": 0},
    "lines": {"text": "ada\ngrace\nalan\nkay\n", "lines": True, "epochs": 3, "batch_size": 2},
    "labels": {"text": "x\tada\ny\tgrace\nx\tkay\n", "labels": True, "epochs": 3, "batch_size": 2},
    "bytes": {"text": "hé\udcffhé", "unit": "byte", "epochs": 3},
    "windows": {"text": "to be or not to be", "sequence_length": 5, "stride": 2, "epochs": 3},
    "graphemes": {"text": "e\u0301ae\u0301", "unit": "grapheme", "normalize": "nfd", "epochs": 3},
}
Path_ = tuple[str | int, ...]
FORMS: tuple[Form, ...] = ("json", "plain")
MISSING, EXTRA = "(missing)", "(extra)"
VALUES: list[Any] = [
    *(None, True, False, -1, 0, 1, 7, 2**31, 2**70, 10**400, 1.5, -0.5, 1e308, float("nan"), float("inf")),
    *("", "x", "ab", "\ud800", "\x00", "linear", "nfc", "byte", "character", "grapheme"),
    *([], ["x"], [1], ["", ""], {}, {"x": 1}, MISSING, EXTRA),
]


def stopped_after(updates: int) -> Callable[[], bool]:
    asked = iter(range(1, 1_000_000))
    return lambda: next(asked) >= updates


@cache
def saved(kind: str) -> bytes:
    """A run that was stopped and can be resumed, as its file."""
    list(api.train(**KINDS[kind], cell="gru", hidden_size=3, out=f"base-{kind}", stop=stopped_after(3)))
    return Path(f"base-{kind}/model.safetensors").read_bytes()


def signed(description: Mapping[str, Any], tensors: Mapping[str, Any]) -> None:
    write_signed(MODEL, description, tensors)


def edited(kind: str, where: Path_, value: Any) -> None:
    """Write a file whose description has another value somewhere."""
    description = read_description(saved(kind))
    inside: Any = description
    for key in where[:-1]:
        inside = inside[key]
    if value == MISSING:
        del inside[where[-1]]
    elif value != EXTRA:
        inside[where[-1]] = copy.deepcopy(value)
    elif isinstance(inside, dict):
        inside["extra"] = 1
    else:
        inside.append("zz")
    signed(description, safetensors.load(saved(kind)))


def fields_of(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Where every value of a description is, of lists the first two."""
    if path:
        yield path
    items = (
        value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else []
    )
    for key, inner in items:
        if key != "tensors":
            yield from fields_of(inner, (*path, key))


def use() -> None:
    """Use the file as the commands do; each may refuse it, and none may raise anything else."""
    data = MODEL.read_bytes()
    for step in (predicted_and_scored, shown, resumed, resumed_for_longer):
        MODEL.write_bytes(data)
        refused = None
        try:
            step()
        except CharseqError as error:
            refused = error
        assert refused is None or refused.message


def predicted_and_scored() -> None:
    model = api.load("run")
    for prediction in model.predictions(length=3):
        json.dumps([prediction.text, prediction.steps], allow_nan=False)
    json.dumps(model.score("hi", unknown="replace").per_character, allow_nan=False)
    model.predict()


def shown() -> None:
    for form in FORMS:
        with renderer_for(form, model_view(MODEL, verified=True), io.StringIO()) as renderer:
            renderer.show(describe(MODEL, verify=True))


def resumed(**changes: Any) -> None:
    list(api.train(resume="run", stop=stopped_after(4), **changes))


def resumed_for_longer() -> None:
    resumed(epochs=9)


def fuzzed(count: int) -> list[tuple[str, Path_, Any]]:
    every = [
        (kind, where, value)
        for kind in KINDS
        for where in fields_of(read_description(saved(kind)))
        for value in VALUES
    ]
    return random.Random(0).sample(every, min(count, len(every)))


@pytest.mark.parametrize("count", [120, pytest.param(4_000, marks=pytest.mark.long)])
def test_no_edited_description_crashes_anything(count: int) -> None:
    for kind, where, value in fuzzed(count):
        edited(kind, where, value)
        use()


CHANGES: dict[str, Callable[[Any], Any]] = {
    "NaN": lambda array: np.full_like(array, np.nan),
    "huge": lambda array: np.full_like(array, 3e38),
    "huge, of both signs": lambda array: np.where(
        np.arange(array.size).reshape(array.shape) % 2, 3e38, -3e38
    ),
    "shorter": lambda array: array[:-1],
    "whole numbers": lambda array: np.ones(array.shape, np.uint64),
    "bytes": lambda array: np.full(array.shape, 255, np.uint8),
}


@pytest.mark.parametrize("kind", ["stream", "mixture", pytest.param("lines", marks=pytest.mark.long)])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_no_edited_tensor_crashes_anything(kind: str, change: Callable[[Any], Any]) -> None:
    tensors = safetensors.load(saved(kind))
    for name, array in tensors.items():
        if np.issubdtype(array.dtype, np.floating):
            changed = change(array)
            changed = changed.astype(np.float32) if changed.dtype == np.float64 else changed
            signed(read_description(saved(kind)), {**tensors, name: np.ascontiguousarray(changed)})
            use()


LIES: dict[str, tuple[str, Path_, Any]] = {
    "a symbol of two characters": (
        "strings",
        ("vocabulary", "symbols"),
        ["a", "b", "c", "e", "h", "ij", "l", "o"],
    ),
    "a boundary between symbols": (
        "strings",
        ("vocabulary", "symbols"),
        ["a", "b", "c", "e", "h", "", "l", "o"],
    ),
    "a symbol that is no string": ("strings", ("vocabulary", "symbols"), [1, 2, 3, 4, 5, 6, 7, 8]),
    "a byte past 255": ("bytes", ("vocabulary", "symbols"), ["h", "\u0100", "\u0101", "\u0102"]),
    "two bytes": ("bytes", ("vocabulary", "symbols"), ["h", "hh", "Ã", "ÿ"]),
    "two graphemes": ("graphemes", ("vocabulary", "symbols"), ["a", "ae"]),
    "a symbol in another form": ("graphemes", ("vocabulary", "symbols"), ["a", "é"]),
    "symbols of another unit": ("graphemes", ("vocabulary", "unit"), "character"),
    "memorized strings that are unknown": ("strings", ("learned",), ["xyz"]),
    "one memorized string that is none": ("strings", ("learned",), "hihello"),
    "a memorized string of a list": ("strings", ("learned", 0), [1]),
    "memorized strings of lines": ("lines", ("learned",), ["ada"]),
    "an opening that is unknown": ("strings", ("opening",), "z"),
    "an opening that is no string": ("strings", ("opening",), 7),
    "a head that is none": ("strings", ("network", "head"), "tree"),
    "a flag that is a number": ("strings", ("network", "residual"), 0),
    "an initial state that is none": ("strings", ("network", "initial_state"), "random"),
    "a size that is true": ("strings", ("network", "layers"), True),
    "a hidden size of 0": ("strings", ("network", "hidden_size"), 0),
    "an embedding of negative size": ("strings", ("network", "embedding_size"), -1),
    "settings that are a list": ("strings", ("training", "settings"), []),
    "an epoch that is a string": ("strings", ("training", "epoch"), "3"),
    "a loss that is a list": ("strings", ("training", "loss"), [1.0]),
    "a loss that is NaN": ("strings", ("training", "loss"), float("nan")),
    "a loss that is infinite": ("strings", ("training", "loss"), float("inf")),
    "a flag that is a string": ("strings", ("training", "diverged"), "no"),
    "a stride that leaves positions out": ("windows", ("training", "settings", "stride"), 6),
    "a stride that is a string": ("windows", ("training", "settings", "stride"), "2"),
    "a length that is zero": ("windows", ("training", "settings", "sequence_length"), 0),
    "a version that is a number": ("strings", ("charseq",), 1),
    "a state that is a list": ("strings", ("place",), []),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_tensor_that_does_not_fit_is_refused_when_the_file_is_read(lie: tuple[str, Path_, Any]) -> None:
    edited(*lie)
    for careful in (read, read_state, describe):
        with pytest.raises(ModelFileError):
            careful(MODEL)


STATES: dict[str, tuple[str, Path_, Any]] = {
    "an optimizer that is none": ("strings", ("training", "settings", "optimizer"), "magic"),
    "a dropout of 5": ("strings", ("training", "settings", "dropout"), 5.0),
    "a negative seed": ("strings", ("training", "settings", "seed"), -1),
    "a number of recoveries that is true": ("strings", ("training", "settings", "recoveries"), True),
    "reasons that are numbers": ("strings", ("training", "settings", "reasons"), {"cell": 1}),
    "an unknown setting": ("strings", ("training", "settings", "magic"), 1),
    "a unit that is none": ("strings", ("place", "text", "unit"), "word"),
    "a normalization that is none": ("strings", ("place", "text", "normalization"), "nfx"),
    "more recoveries than there may be": ("strings", ("place", "recoveries"), 2**40),
    "more batches than there are": ("strings", ("place", "batches"), 99),
    "a count past 64 bits": ("strings", ("place", "updates"), 10**400),
    "more correct positions than there are": ("stream", ("place", "tally", "right"), 1e308),
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_a_run_whose_state_cannot_be_is_not_resumed(state: tuple[str, Path_, Any]) -> None:
    edited(*state)
    before = MODEL.read_bytes()
    with pytest.raises(ModelFileError) as caught:
        list(api.train(resume="run", stop=stopped_after(4)))
    assert caught.value.hint
    assert MODEL.read_bytes() == before


def test_carried_states_of_other_rows_are_refused() -> None:
    tensors = safetensors.load(saved("stream"))
    carried = {name: array for name, array in tensors.items() if ".carried." in name}
    assert carried
    signed(
        read_description(saved("stream")),
        {**tensors, **{n: np.concatenate([a, a]) for n, a in carried.items()}},
    )
    with pytest.raises(ModelFileError, match="does not fit its text"):
        list(api.train(resume="run", stop=stopped_after(4)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_only_signed_again_is_used_as_it_was(charseq: Command, kind: str) -> None:
    signed(read_description(saved(kind)), safetensors.load(saved(kind)))
    assert charseq("predict", "--model", "run", "--length", "3", "--json").status == 0
    events = list(api.train(resume="run", stop=stopped_after(2)))
    assert len(events) > 1


def test_weights_that_are_finite_but_too_large_are_reported(charseq: Command) -> None:
    tensors = safetensors.load(saved("stream"))
    for name in {"layers.0.norm.gain", "head.W", "head.b"} & tensors.keys():
        tensors[name] = np.full_like(tensors[name], 3e38)
    signed(read_description(saved("stream")), tensors)
    for command in (("predict", "--json"), ("score", "1 and"), ("inspect-shapes", "1 and")):
        result = charseq(*command, "--model", "run")
        assert result.status == 1
        assert "the output of the network is NaN or infinite" in result.errors


def test_a_model_of_graphemes_is_described_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    signed(read_description(saved("graphemes")), safetensors.load(saved("graphemes")))
    monkeypatch.setitem(sys.modules, "regex", None)
    assert describe(MODEL).vocabulary.symbols == ("a", "e\u0301")


def test_saved_tensors_of_another_type_are_refused() -> None:
    tensors = safetensors.load(saved("strings"))
    bytewise = {n: a.astype(np.uint8) for n, a in tensors.items() if n.startswith("training.optimizer.")}
    signed(read_description(saved("strings")), {**tensors, **bytewise})
    with pytest.raises(ModelFileError, match="does not fit it"):
        list(api.train(resume="run", stop=stopped_after(4)))

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from charseq.errors import CharseqError, UsageError
from charseq.inference.continuation import continuations
from charseq.inference.novelty import novel
from charseq.inference.requests import Request, Step
from charseq.inference.sampling import SamplingParams
from charseq.model.line_digests import contains, line_digests
from charseq.model.model_file import Model, read
from charseq.text.corpus import Corpus
from tests.support.command import Command
from tests.support.models import gru_model, text_record


def model_of_lines(*training_lines: str) -> Model:
    """Return an untrained model that generates short lines of a and b, with digests of training lines."""
    known = line_digests(Corpus(training_lines, lines=True), "none")
    return replace(gru_model("ab", boundary=True), lines=known)


def lines(of: Model, prompts: list[str], samples: int, seed: int = 0) -> list[str]:
    continued = partial(continuations, of, params=SamplingParams(1.5), top=None)
    requests = [Request(prompt, seed, length=8) for prompt in prompts]
    return [r.prompt + text_record(steps) for r, steps in novel(of, requests, samples, continued)]


def test_training_lines_are_found_by_their_digests() -> None:
    found = line_digests(Corpus(("ada", "grace", "ada", "é"), lines=True), "none")
    assert found is not None
    assert len(found) == 3
    assert contains(found, "ada")
    assert contains(found, "é")
    assert not contains(found, "alan")
    assert not contains(found, "zzz")


def test_running_text_and_too_many_lines_have_no_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    assert line_digests(Corpus(("ada",)), "none") is None
    monkeypatch.setattr("charseq.model.line_digests.MAX_LINES", 2)
    assert line_digests(Corpus(("a", "b", "c"), lines=True), "none") is None


def test_novel_lines_are_new_and_distinct() -> None:
    old = {"a", "b", "ab", "ba", "aa"}
    of = model_of_lines(*old)
    found = lines(of, [""], 50)
    assert len(found) == 50
    assert len(set(found)) == 50
    assert not old & set(found)
    assert old & set(lines(model_of_lines(), [""], 50))


def test_novel_lines_do_not_depend_on_other_prompts_or_on_their_number() -> None:
    of = model_of_lines("ab", "aa", "b")
    together = lines(of, ["a", "b", ""], 6)
    assert together[:6] == lines(of, ["a"], 6)
    assert together[12:] == lines(of, [""], 6)
    assert lines(of, ["a"], 3) == together[:3]


def test_too_few_new_lines_are_an_error_with_the_number_of_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.inference.novelty.MAX_REJECTED", 30)
    of = model_of_lines("ab")
    continued = partial(continuations, of, params=SamplingParams(0.0), top=None)
    found = novel(of, [Request("a", length=4)], 3, continued)
    assert len(next(found)[1]) <= 4
    with pytest.raises(
        CharseqError, match=r"found only 1 of 3 new lines for the prompt 'a'; the last 30"
    ) as error:
        next(found)
    assert "--pattern" not in error.value.hint
    assert "--length" in error.value.hint


def test_an_empty_line_is_no_new_line() -> None:
    def continued(requests: Iterable[Request]) -> Iterator[Iterator[Step]]:
        for request in requests:
            yield iter([Step(c, 1.0, ()) for c in "a" * request.sample])

    found = novel(model_of_lines("a"), [Request("")], 2, continued)
    assert [len(steps) for _, steps in found] == [2, 3]


def test_new_lines_are_yielded_as_they_are_found() -> None:
    drawn = []

    def continued(requests: Iterable[Request]) -> Iterator[Iterator[Step]]:
        for request in requests:
            drawn.append(request.sample)
            yield iter([Step(c, 1.0, ()) for c in f"{request.sample:b}".replace("0", "a").replace("1", "b")])

    found = novel(model_of_lines("b"), [Request("")], 1000, continued)
    assert next(found)[0].sample == 0
    assert next(found)[0].sample == 2
    assert drawn == [0, 1, 2]


def test_novelty_requires_a_model_with_digests_of_its_lines() -> None:
    for of in (gru_model("ab"), gru_model("ab", boundary=True)):
        with pytest.raises(UsageError, match="--novel"):
            next(novel(of, [Request("a")], 1, partial(continuations, of, params=SamplingParams(1.0))))


def test_a_trained_model_generates_no_training_line(charseq: Command) -> None:
    names = sorted({f"{a}{b}{c}" for a in "kmt" for b in "aeo" for c in ("na", "ra", "lo")})
    Path("names.txt").write_text("".join(f"{name}\n" for name in names))
    charseq.train("--file", "names.txt", "--lines", "--epochs", "30", "--hidden-size", "32")
    kept = read(Path("runs/0001-rnn-norm/model.safetensors")).lines
    assert kept is not None
    assert kept.dtype == np.uint64
    assert len(kept) == len(names)
    result = charseq("predict", "--novel", "--samples", "20", "--seed", "3")
    made = result.output.splitlines()
    assert len(set(made)) == 20
    assert not set(made) & set(names)
    assert set(names) & set(charseq("predict", "--samples", "20").output.splitlines())

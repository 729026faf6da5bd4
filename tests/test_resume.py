"""A run that was stopped, and goes on as if it had not been."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from charseq.corpus import Corpus
from charseq.defaults import choose
from charseq.events import End, Event
from charseq.gather import Given
from charseq.resumption import resumption
from charseq.runs import new_run, resumed_run
from charseq.training.loop import train
from charseq.training.optimizer import OPTIMIZERS

STREAM = "".join(f"{i} and {i * i}; " for i in range(13))
LINES = ("ada", "grace", "alan", "barbara", "edsger", "donald", "john", "kay")
OUT = Path("out")
MODEL = OUT / "model.safetensors"


def stopped_after(updates: int) -> Callable[[], bool]:
    """Asked after every update (and after every epoch), say so from the given one on."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked >= updates

    return stop


def trained(
    texts: tuple[str, ...], *, stop: Callable[[], bool], lines: bool = False, **plan: Any
) -> list[Event]:
    given = Given(texts, lines=lines)
    corpus = Corpus(texts, lines)
    vocabulary = given.vocabulary(corpus)
    settings = choose(corpus, len(vocabulary), plan)
    run = lambda: new_run(settings.cell, OUT, force=True)  # noqa: E731
    return list(train(corpus, vocabulary, settings, run, given=given, stop=stop))


def resumed(
    texts: tuple[str, ...], *, stop: Callable[[], bool] = lambda: False, **changes: Any
) -> list[Event]:
    left = resumption(MODEL).with_changes(changes)
    corpus = Corpus(texts, left.given.lines)
    vocabulary = left.given.vocabulary(corpus)
    run = lambda: resumed_run(left.folder, left.logged)  # noqa: E731
    return list(train(corpus, vocabulary, left.settings, run, given=left.given, resumed=left, stop=stop))


def written() -> tuple[bytes, bytes]:
    return MODEL.read_bytes(), (OUT / "log.ndjson").read_bytes()


def never() -> bool:
    return False


KINDS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "strings": (("hihello", "abcab"), {"epochs": 4, "until_learned": False}),
    "strings in batches": (("hihello", "abcab", "cabbage"), {"epochs": 3, "batch_size": 2}),
    "a stream": (
        (STREAM,),
        {"epochs": 2, "sequence_length": 7, "batch_size": 3, "validation": 0.1, "average": 0.9},
    ),
    "lines": (LINES, {"epochs": 2, "batch_size": 3, "lines": True, "sequence_length": 4}),
}


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", KINDS)
def test_stopped_after_any_update_the_run_goes_on_as_if_it_had_not_been(
    kind: str, optimizer: str, dropout: float
) -> None:
    texts, plan = KINDS[kind]
    plan = {"hidden_size": 5, "layers": 2, "cell": "gru", "optimizer": optimizer, "dropout": dropout, **plan}
    trained(texts, stop=never, **plan)
    expected = written()
    steps = 0
    while True:
        steps += 1
        events = trained(texts, stop=stopped_after(steps), **plan)
        assert isinstance(events[-1], End)
        if events[-1].status == "completed":
            break
        resumed(texts)
        assert written() == expected, steps
    assert steps > 3

"""The benchmark of generated texts: its texts, its estimate of frequencies, its checks."""

import math
import random
from collections import Counter
from dataclasses import replace

import pytest

from tests.benchmarks.any_text import KINDS, QUICK, Row, failures, frequencies_loss
from tests.benchmarks.measured import Run
from tests.benchmarks.texts import Kind

LARGE = {"50 MB", "one line of 4 MB", "1,000,000 lines"}
RUN = Run(0, "completed", "", 1.0, 1.5, 5.0, 8.0, 300.0)
KIND = Kind(lambda r: [""], lines=True)


def row(runs: list[Run], shuffled: list[Run], frequencies: float = 2.0) -> Row:
    return Row("it", 100, 5, runs, shuffled, [frequencies] * len(runs))


def checks(of: Row, kind: Kind = KIND) -> list[str]:
    return [failure.check for failure in failures(of, kind, 5.0)]


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(KINDS.keys() - LARGE))
def test_a_text_depends_on_the_seed_alone(name: str) -> None:
    make = KINDS[name].make
    assert make(random.Random(3)) == make(random.Random(3))
    assert "".join(make(random.Random(3)))


def test_there_are_more_than_forty_texts_and_quick_ones_among_them() -> None:
    assert len(KINDS) > 40
    assert set(QUICK) <= set(KINDS)


@pytest.mark.parametrize("lines", [False, True])
def test_the_frequencies_are_estimated_from_all_other_symbols(lines: bool) -> None:
    text = "abba\n\ncab\n"
    symbols = [*"abba", "end", *"cab", "end"] if lines else list(text)
    counts = Counter(symbols)
    nats = 0.0
    for symbol in symbols:
        others = counts[symbol] - 1
        nats -= math.log((others + 1) / (len(symbols) - 1 + len(counts)))
    loss, characters, distinct = frequencies_loss([text], lines)
    assert loss == pytest.approx(nats / len(symbols))
    assert (characters, distinct) == (7 if lines else 10, len(counts))


def test_an_intact_run_passes_every_check() -> None:
    assert checks(row([RUN, RUN], [RUN, RUN])) == []


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"status": "diverged", "exit_code": 1}, "diverged"),
        ({"status": "", "exit_code": 70}, "command"),
        ({"validation_loss": 2.0}, "frequencies"),
        ({"validation_loss": None, "loss": 2.1}, "frequencies"),
        ({"seconds": 7.1}, "time"),
    ],
)
def test_a_damaged_run_fails_its_check(change: dict[str, object], check: str) -> None:
    assert checks(row([replace(RUN, **change)], [])) == [check]  # type: ignore[arg-type]


def test_random_symbols_may_be_a_little_above_their_frequencies() -> None:
    kind = Kind(lambda r: [""], random=True)
    for loss, expected in ((2.01, []), (2.03, ["frequencies"])):
        assert checks(row([replace(RUN, validation_loss=loss)], []), kind) == expected


def test_two_orders_of_the_same_lines_must_agree() -> None:
    def run(loss: float) -> Run:
        return replace(RUN, validation_loss=loss)

    assert checks(row([run(1.54)], [run(1.5)])) == []
    assert checks(row([run(1.66)], [run(1.5)])) == ["order"]
    assert checks(row([run(1.4), run(1.7)], [run(1.5), run(1.5)])) == []  # within its noise
    assert checks(row([run(1.6), run(1.9)], [run(1.5), run(1.5)])) == ["order"]

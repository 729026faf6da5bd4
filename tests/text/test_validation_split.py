"""Held-out text is spread over the whole text, and no line is in both sets."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import charseq.text.validation_split
from charseq.text.corpus import Corpus
from charseq.text.encoding import EncodedCorpus
from charseq.text.sequences import Sequences
from charseq.text.validation_split import GAP, Split, _relative_entropy, split
from charseq.text.vocabulary import Vocabulary

SOME_LINES = ["ab", "ac", "bb", "cde", "f", "gh", "i", "jkl", "mnop", "qq", "rs", "tuv"]


def split_of(
    texts: Sequence[str], fraction: float = 0.1, how: str = "spread", *, lines: bool = False, seed: int = 0
) -> tuple[list[str], list[str], Split]:
    corpus = Corpus(tuple(texts), lines)
    vocabulary = Vocabulary.of(texts, boundary=lines)
    sequences = EncodedCorpus(corpus, vocabulary).sequences
    result = split(sequences, fraction, how, lines=lines, seed=seed)  # type: ignore[arg-type]
    sides = [[vocabulary.decode(ids) for ids in side] for side in (result.training, result.validation)]
    return sides[0], sides[1], result


def names(count: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return sorted({"".join(draw.choices("abcdefgh", k=draw.randint(4, 9))) for _ in range(count)})


def test_the_tail_is_the_end_of_all_text() -> None:
    assert split_of(["a" * 90 + "b" * 10], how="tail")[:2] == (["a" * 90], ["b" * 10])
    assert split_of(["a" * 50, "b" * 45 + "c" * 5], how="tail")[:2] == (
        ["a" * 50, "b" * 40],
        ["b" * 5 + "c" * 5],
    )
    lines = [f"name{i}" for i in range(20)]
    assert split_of(lines, how="tail", lines=True)[:2] == (lines[:18], lines[18:])


@pytest.mark.parametrize("how", ["spread", "tail"])
def test_a_fraction_of_0_holds_nothing_out(how: str) -> None:
    training, validation, _ = split_of(["abc"], 0.0, how)
    assert (training, validation) == (["abc"], [])


def test_lines_are_drawn_by_the_seed_independently_of_their_order() -> None:
    lines = names(2000)
    shuffled = random.Random(1).sample(lines, len(lines))
    training, validation, result = split_of(lines, lines=True)
    again, same, _ = split_of(shuffled, lines=True)
    assert (sorted(same), sorted(again)) == (sorted(validation), sorted(training))
    assert sorted(training + validation) == lines
    assert sorted(split_of(lines, lines=True, seed=1)[1]) != sorted(validation)
    total = result.training.total + result.validation.total
    assert result.validation.total == pytest.approx(0.1 * total, abs=10)
    tenths = np.histogram([lines.index(line) for line in validation], 10, (0, len(lines)))[0]
    assert tenths.min() > len(validation) / 20


@given(st.lists(st.sampled_from(SOME_LINES), min_size=1, max_size=99))
def test_no_line_is_in_both_sets(lines: list[str]) -> None:
    training, validation, result = split_of(lines, 0.2, lines=True)
    assert sorted(training + validation) == sorted(lines)
    assert not set(training) & set(validation)
    assert training
    assert result.repeated == len(lines) - len(set(lines))


def test_repeated_lines_are_held_out_by_their_share_of_the_text() -> None:
    lines = random.Random(0).choices(names(160), k=4000)
    _, validation, result = split_of(lines, lines=True)
    share = result.validation.total / (result.training.total + result.validation.total)
    assert 0.09 < share < 0.11
    assert len(set(validation)) > 5


def test_a_line_that_is_half_of_the_text_stays_in_training() -> None:
    training, validation, _ = split_of([*names(200), *["same old line"] * 200], lines=True)
    assert training.count("same old line") == 200
    assert validation


def test_a_long_line_that_is_not_most_of_the_text_is_trained_on() -> None:
    for seed in range(5):
        _, validation, result = split_of([*names(600), "x" * 3000], lines=True, seed=seed)
        assert not any("x" in line for line in validation)
        assert result.validation.total < 0.11 * (result.training.total + result.validation.total)


def test_the_tail_of_lines_is_a_tenth_of_the_text_by_characters() -> None:
    lines = [f"name{i:04}" for i in range(400)]
    _, validation, _ = split_of([*lines[:390], "x" * 3000, *lines[390:]], how="tail", lines=True)
    assert validation == lines[390:]


def test_a_giant_line_is_split_as_running_text() -> None:
    giant = "".join(random.Random(0).choices("xyz ", k=50_000))
    _, validation, result = split_of([*names(500), giant], lines=True)
    share = result.validation.total / (result.training.total + result.validation.total)
    assert 0.09 < share < 0.11
    pieces = [piece for piece in validation if len(piece) > 100]
    assert len(pieces) > 9
    assert all(piece in giant for piece in pieces)


def test_an_outlier_is_trained_on_unless_long_lines_are_ordinary() -> None:
    outlier = "x" * 300
    for seed in range(12):
        assert outlier not in split_of([*names(500), outlier], lines=True, seed=seed)[1]
    draw = random.Random(0)
    long_lines = ["".join(draw.choices("abc", k=300)) for _ in range(50)]
    assert any(
        set(split_of([*names(50), *long_lines], lines=True, seed=s)[1]) & set(long_lines) for s in range(9)
    )


def test_one_of_two_lines_is_held_out() -> None:
    assert split_of(["ada", "grace"], lines=True)[:2] == (["grace"], ["ada"])


def test_lines_that_are_all_the_same_are_not_held_out() -> None:
    training, validation, result = split_of(["ada"] * 30, lines=True)
    assert (len(training), validation, result.repeated) == (30, [], 29)


def test_very_many_lines_are_drawn_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charseq.text.validation_split, "EXACT_DRAW", 100)
    lines = [*names(3000), *["same"] * 20_000]
    training, validation, result = split_of(lines, lines=True)
    assert not set(training) & set(validation)
    assert 0 < result.validation.total < 0.15 * (result.training.total + result.validation.total)


@given(st.integers(60, 5000), st.floats(0.05, 0.5), st.integers(0, 5))
def test_pieces_of_running_text_are_spread_and_separated_by_a_gap(
    length: int, fraction: float, seed: int
) -> None:
    text = np.arange(length)
    result = split(Sequences.of([text]), fraction, "spread", lines=False, seed=seed)
    sides = result.training, result.validation
    training, validation = [np.concatenate([*side]).tolist() for side in sides]
    assert not set(training) & set(validation)
    assert training == sorted(training)
    assert validation == sorted(validation)
    count = len(result.validation)
    assert abs(len(validation) - fraction * length) <= count
    for piece in result.validation:  # one in each of equal sections
        assert piece.tolist() == [*range(piece[0], piece[-1] + 1)]
    sections = {int(piece.mean() * count // length) for piece in result.validation}
    assert len(sections) == count
    gap = min(GAP, min(len(piece) for piece in result.validation) // 4)
    edges = [edge for piece in result.validation for edge in (piece[0], piece[-1])]
    near = {int(edge) + offset for edge in edges for offset in range(-gap, gap + 1)}
    assert not near & set(training)


def test_a_tenth_of_several_files_is_held_out_in_any_order_of_files() -> None:
    draw = random.Random(0)
    notes = ["".join(draw.choices("abcd ", k=900)) for _ in range(11)]
    book = "".join(draw.choices("efgh ", k=120_000))
    for texts in ([*notes, book], [book, *notes]):
        _, validation, result = split_of(texts)
        share = result.validation.total / sum(map(len, texts))
        assert 0.09 < share < 0.11
        assert len(validation) > 10


def test_equal_pieces_of_equal_files_are_held_out() -> None:
    text = "".join(random.Random(0).choices("abcdefgh", k=5000))
    training, validation, _ = split_of([text, "z" * 3000, text])
    assert not any(piece in side for piece in validation if "z" not in piece for side in training)


def test_held_out_text_that_differs_is_a_shift_and_ordinary_text_is_not() -> None:
    draw = random.Random(0)
    book = "".join(draw.choices("etaoin shrdlu", [9, 8, 8, 7, 7, 7, 18, 6, 6, 4, 4, 3, 3], k=60_000))
    appendix = "".join(draw.choices("0123456789ABCDEF\n", k=6_000))
    for how in ("spread", "tail"):
        shift = split_of([book + appendix], how=how)[2].shift(40)
        assert shift is not None
        assert shift.first >= 55_000
        assert shift.nats > 1
        assert split_of([book], how=how)[2].shift(40) is None


def test_text_that_varies_throughout_is_not_a_shift() -> None:
    draw = random.Random(0)
    topics = [draw.sample("abcdefghijklmnopqrstuvwxyz", 9) for _ in range(20)]
    text = "".join("".join(draw.choices(topic, k=3000)) for topic in topics)
    assert split_of([text])[2].shift(26) is None


def test_lines_of_another_kind_at_the_end_are_a_shift_for_the_tail_only() -> None:
    lines = [*names(900), *(f"{i:07}" for i in range(100))]
    shift = split_of(lines, how="tail", lines=True)[2].shift(30)
    assert shift is not None
    assert shift.last == sum(map(len, lines)) + len(lines) + 1
    assert shift.first >= shift.last - 8 * 100
    assert shift.pieces == 0
    assert split_of(lines, how="spread", lines=True)[2].shift(30) is None


def test_the_tail_of_two_lines_is_the_last_and_one_line_has_none() -> None:
    assert split_of(["ab", "cd"], how="tail", lines=True)[:2] == (["ab"], ["cd"])
    assert split_of(["ab"], how="tail", lines=True)[:2] == (["ab"], [])


def test_long_lines_that_are_a_small_share_of_the_held_out_text_may_be_held_out() -> None:
    long_lines = [f"{n:02}" * 50 for n in range(20)]
    drawn = [set(split_of([*names(4000), *long_lines], lines=True, seed=s)[1]) for s in range(3)]
    assert any(validation & set(long_lines) for validation in drawn)


def test_a_long_line_of_exactly_the_fraction_is_held_out_entirely() -> None:
    long_lines = ["a" * 2047, "b" * 2047]
    training, validation, _ = split_of(long_lines, 0.5, lines=True)
    assert sorted(training + validation) == long_lines
    assert len(validation) == 1


def test_the_exact_fraction_is_approximated_even_if_a_line_is_repeated_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(charseq.text.validation_split, "EXACT_DRAW", 100)
    others = names(2000)
    lines = [*others, *["again"] * (len(others) // 6)]
    drawn = [split_of(lines, lines=True, seed=seed)[2] for seed in range(40)]
    shares = [s.validation.total / (s.training.total + s.validation.total) for s in drawn]
    assert all(0.07 < share < 0.13 for share in shares)


@pytest.mark.parametrize(
    ("symbols", "count"),
    [(639, 1), (640, 2), (959, 2), (960, 3), (7679, 3), (10240, 4), (163840, 64), (10**6, 64)],
)
def test_the_number_of_pieces_held_out_grows_with_the_text(symbols: int, count: int) -> None:
    pieces = charseq.text.validation_split._draw_pieces(symbols, 0.1, np.random.default_rng(0))
    assert len(pieces) == count
    assert (pieces[:, 1] - pieces[:, 0]).sum() == pytest.approx(symbols / 10, abs=count)
    assert pieces[0, 0] >= 0
    assert pieces[-1, 1] <= symbols


def test_pieces_are_drawn_from_all_symbols_of_different_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, lengths = charseq.text.validation_split._draw_pieces, []

    def recorded(symbols: int, *others: Any) -> Any:
        lengths.append(symbols)
        return drawn(symbols, *others)

    monkeypatch.setattr(charseq.text.validation_split, "_draw_pieces", recorded)
    split_of(["ab" * 250, "xy" * 150, "ab" * 250])
    assert lengths == [800]


def test_a_relative_entropy_is_corrected_for_the_bias_of_few_symbols() -> None:
    log_p = np.log([0.5, 0.4, 0.1])
    assert _relative_entropy(np.array([50, 40, 10]), log_p) == pytest.approx(-2 / 200)
    assert _relative_entropy(np.array([200, 0, 0]), log_p) == pytest.approx(np.log(2))
    assert _relative_entropy(np.array([99, 0, 0]), log_p) == 0


@pytest.mark.parametrize(("length", "in_pieces"), [(1023, True), (1022, False)])
def test_long_lines_are_split_as_running_text_from_1024_positions(length: int, in_pieces: bool) -> None:
    draw = random.Random(0)
    lines = ["".join(draw.choices("abc", k=length)) for _ in range(3)]
    training, validation, _ = split_of(lines, lines=True)
    assert (max(map(len, validation)) < length) == in_pieces
    assert not any(held in kept for kept in training for held in validation)


def test_long_lines_are_outliers_only_if_they_are_few() -> None:
    draw = random.Random(0)
    long_lines = {"".join(draw.choices("xyz", k=300)) for _ in range(30)}
    few = sorted(long_lines)[:15]
    for seed in range(6):
        assert not set(split_of([*names(1000), *few], lines=True, seed=seed)[1]) & long_lines
    drawn = [set(split_of([*names(1000), *long_lines], lines=True, seed=seed)[1]) for seed in range(6)]
    assert any(validation & long_lines for validation in drawn)


def test_the_shift_of_held_out_text_is_its_relative_entropy_to_the_training_text() -> None:
    lines = [*["ab" * 30] * 30, *["aabb" * 30] * 2, *["c" * 100] * 2]
    result = split_of(lines, 0.05, how="tail", lines=True)[2]
    shift = result.shift(4)
    assert shift is not None
    counts = [np.bincount(side.targets(), minlength=4) for side in (result.training, result.validation)]
    p, q = (counts[0] + 0.5) / (counts[0] + 0.5).sum(), counts[1] / counts[1].sum()
    occurs = q > 0
    expected = (q[occurs] * np.log(q[occurs] / p[occurs])).sum() - (occurs.sum() - 1) / (2 * counts[1].sum())
    assert shift.nats == pytest.approx(expected)

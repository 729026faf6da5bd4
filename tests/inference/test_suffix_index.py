"""The suffix array and the search for copies, in C and in NumPy, against brute force."""

import random
from collections.abc import Callable

import numpy as np
import pytest

from charseq.errors import UsageError
from charseq.inference import suffix_index
from charseq.inference.suffix_index import NumPySuffixIndex, SuffixIndex
from charseq.native import library
from charseq.native import suffix_array as native
from charseq.native.suffix_array import NativeSuffixIndex, Symbols

TYPES = [np.uint8, np.uint16, np.uint32]
CASES = 1_000

requires_kernels = pytest.mark.skipif(library() is None, reason="there are no native kernels")


def native_index(text: Symbols, min_length: int) -> NativeSuffixIndex:
    loaded = library()
    assert loaded is not None
    return NativeSuffixIndex(loaded, text, min_length)


def native_suffix_array(text: Symbols) -> native.Positions:
    loaded = library()
    assert loaded is not None
    return native.suffix_array(loaded, text)


INDICES = [NumPySuffixIndex, pytest.param(native_index, marks=requires_kernels)]
SUFFIX_ARRAYS = [suffix_index.suffix_array, pytest.param(native_suffix_array, marks=requires_kernels)]


def random_text(source: random.Random) -> list[int]:
    """Return a text of 1 to 7 symbols; some repeat themselves."""
    symbols = source.choice([1, 2, 3, 7])
    text = [source.randrange(symbols) for _ in range(source.choice([1, 2, 5, 23, 137]))]
    return (text * 11)[: source.randrange(1, 211)] if source.random() < 0.3 else text


def random_query(source: random.Random, text: list[int]) -> list[int]:
    """Return passages of a text between random symbols, some of which it lacks."""
    query: list[int] = []
    for _ in range(source.randrange(9)):
        first = source.randrange(len(text))
        query += text[first : first + source.randrange(60)]
        query += [source.randrange(max(text) + 2) for _ in range(source.randrange(3))]
    return query


def by_brute_force(text: list[int], query: list[int], least: int) -> list[tuple[int, int, int]]:
    """Return the starts, the lengths and the first positions of all copies that no longer one contains."""
    read, sought = (bytes(number + 1 for number in numbers) for numbers in (text, query))
    copies, end = [], 0
    for start in range(len(sought)):
        length = 0
        while start + length < len(sought) and sought[start : start + length + 1] in read:
            length += 1
        if length >= least and start + length > end:
            copies.append((start, length, read.find(sought[start : start + length])))
            end = start + length
    return copies


def found(index: SuffixIndex, query: Symbols) -> list[tuple[int, int, int]]:
    return list(zip(*(array.tolist() for array in index.find(query)), strict=True))


@pytest.mark.parametrize("sort", SUFFIX_ARRAYS)
def test_suffixes_are_sorted_as_python_sorts_them(sort: Callable[[Symbols], native.Positions]) -> None:
    source = random.Random(3)
    for case in range(CASES):
        text = random_text(source)
        expected = sorted(range(len(text)), key=lambda first: text[first:])
        assert sort(np.array(text, TYPES[case % 3])).tolist() == expected, text


@pytest.mark.parametrize("make", INDICES)
def test_the_copies_are_those_of_brute_force(make: Callable[[Symbols, int], SuffixIndex]) -> None:
    source, copies = random.Random(5), 0
    for case in range(CASES):
        text, least, dtype = random_text(source), source.choice([1, 2, 3, 5, 20]), TYPES[case % 3]
        query = random_query(source, text)
        expected = by_brute_force(text, query, least)
        assert found(make(np.array(text, dtype), least), np.array(query, dtype)) == expected, (text, query)
        copies += len(expected)
    assert copies > CASES


@requires_kernels
def test_both_indices_find_the_same_copies_in_a_longer_text() -> None:
    random = np.random.default_rng(7)
    text = random.integers(0, 70_001, 20_011).astype(np.uint32)
    text[9_001:12_007] = text[1:3_007]
    text[15_013:17_011] = 13
    cuts = random.integers(0, 20_000, 211)
    query = np.concatenate([text[cut : cut + length] for cut, length in zip(cuts, cuts % 97, strict=True)])
    copies = found(native_index(text, 19), query)
    assert len(copies) > 101
    assert copies == found(NumPySuffixIndex(text, 19), query)
    assert native_suffix_array(text).tolist() == suffix_index.suffix_array(text).tolist()


@requires_kernels
@pytest.mark.parametrize("period", [1, 2, 31])
def test_a_long_text_that_repeats_itself_is_searched_in_linear_time(period: int) -> None:
    text = np.arange(1_000_003, dtype=np.uint32) % period
    query = np.concatenate([text, text])  # quadratic time would take hours
    copies = found(native_index(text.astype(np.uint8), 20), query.astype(np.uint8))
    assert (copies[0][0], copies[0][2]) == (0, 0)
    assert copies[-1][0] + copies[-1][1] == len(query)
    assert max(length for _, length, _ in copies) == len(text)


@pytest.mark.parametrize("make", INDICES)
@pytest.mark.parametrize("length", [0, 19])
def test_a_query_shorter_than_the_minimum_has_no_copy(
    make: Callable[[Symbols, int], SuffixIndex], length: int
) -> None:
    text = np.arange(101, dtype=np.uint8)
    assert found(make(text, 20), text[:length]) == []
    assert found(make(text, 20), text[3:23]) == [(0, 20, 3)]
    assert found(make(text[:7], 20), text) == []


def test_a_text_of_two_to_the_31_symbols_is_refused() -> None:
    text = np.broadcast_to(np.uint8(1), (1 << 31,))
    with pytest.raises(UsageError, match=r"2,147,483,648 symbols; .* at most 2,147,483,646"):
        suffix_index.suffix_index(text, 20)


def test_without_native_kernels_the_index_is_that_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suffix_index, "library", lambda: None)
    assert isinstance(suffix_index.suffix_index(np.ones(3, np.uint8), 20), NumPySuffixIndex)

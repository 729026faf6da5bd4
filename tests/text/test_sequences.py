"""Sequences as spans of one array of ids."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import charseq.text.sequences
from charseq.text.sequences import MULTIPLIER, Sequences, mix_bits

some_lengths = st.lists(st.integers(1, 30), min_size=1, max_size=20)


def lines_between_boundaries(texts: "list[bytes]") -> Sequences:
    """Lines between boundaries (0)."""
    ids = np.frombuffer(b"\0" + b"".join(text + b"\0" for text in texts), np.uint8)
    edges = np.flatnonzero(ids == 0).astype(np.uint32)
    return Sequences(ids, edges[:-1], edges[1:] + np.uint32(1))


def strings_of(lengths: "list[int]") -> Sequences:
    ids: npt.NDArray[np.int64] = np.arange(sum(lengths))
    ends = np.cumsum(lengths).astype(np.uint64)
    return Sequences(ids, ends - np.array(lengths, np.uint64), ends)


def transitions(sequences: Sequences) -> "list[tuple[int, int]]":
    return sorted((int(a), int(b)) for s in sequences for a, b in pairwise(s))


def test_lines_share_their_boundaries() -> None:
    lines = lines_between_boundaries([b"ada", b"grace"])
    assert [bytes(line) for line in lines] == [b"\0ada\0", b"\0grace\0"]
    assert lines.positions.tolist() == [4, 6]
    assert lines.total == 10
    with pytest.raises(IndexError):
        lines[2]


@given(some_lengths, st.integers(1, 9))
def test_cutting_preserves_every_transition_and_limits_the_length(lengths: list[int], longest: int) -> None:
    sequences = strings_of(lengths)
    pieces = sequences.cut(longest)
    assert transitions(pieces) == transitions(sequences)
    assert pieces.positions.max() <= longest


@given(some_lengths, st.integers(1, 200))
def test_a_subsample_has_evenly_spaced_sequences(lengths: list[int], most: int) -> None:
    sequences = strings_of(lengths)
    sample = sequences.subsample(most)
    assert set(transitions(sample)) <= set(transitions(sequences))
    assert 1 <= len(sample) <= len(sequences)
    if sequences.total <= most:
        assert len(sample) == len(sequences)


@given(some_lengths)
def test_targets_are_all_symbols_but_the_first_of_each_sequence(lengths: list[int]) -> None:
    sequences = strings_of(lengths)
    assert sequences.targets().tolist() == [int(i) for s in sequences for i in s[1:]]


@given(st.lists(st.binary(min_size=1, max_size=6).map(lambda b: bytes(1 + x % 3 for x in b)), min_size=1))
def test_hashes_are_equal_for_equal_sequences_only(texts: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charseq.text.sequences, "BLOCK", 16)
        hashes = lines_between_boundaries(texts).hashes().tolist()
    assert len(set(hashes)) == len(set(texts))
    assert len({(hash_, text) for hash_, text in zip(hashes, texts, strict=True)}) == len(set(texts))
    assert hashes == lines_between_boundaries(texts).hashes().tolist()


def test_hashes_are_the_same_in_every_process() -> None:
    program = (
        "import numpy as np; from charseq.text.sequences import Sequences; "
        "print(Sequences.of([np.array([0, 1, 2, 0]), np.array([0, 3, 4, 0])]).hashes().tolist())"
    )
    hashes = Sequences.of([np.array([0, 1, 2, 0]), np.array([0, 3, 4, 0])]).hashes().tolist()
    outputs = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, cwd=root).stdout
        for root in [__file__.rpartition("/tests/")[0]]
        for _ in range(2)
    }
    assert outputs == {f"{hashes}\n".encode()}


def test_a_sequence_longer_than_a_block_has_a_hash_that_depends_on_its_length_and_its_end() -> None:
    long = np.ones(charseq.text.sequences.BLOCK + 10, np.uint8)
    other = long.copy()
    other[-1] = 2
    hashes = Sequences.of([long, long, other, long[:-1]]).hashes().tolist()
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_a_sequence_of_one_symbol_has_no_targets_and_is_left_out() -> None:
    remaining = strings_of([1, 2, 1, 3]).with_targets()
    assert [sequence.tolist() for sequence in remaining] == [[1, 2], [4, 5, 6]]


def test_bits_are_mixed_as_splitmix64_does() -> None:
    states = np.uint64(1234567) + np.arange(3, dtype=np.uint64) * np.uint64(MULTIPLIER)
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert mix_bits(states).tolist() == published


def test_hashes_depend_on_the_symbols_alone_wherever_a_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charseq.text.sequences, "BLOCK", 16)
    long, short = np.arange(20) % 7, np.array([3, 1, 2])
    hashes = Sequences.of([long, short, long + 1, short, short, long, *[short] * 9, long]).hashes().tolist()
    assert len({hashes[i] for i in (1, 3, 4, *range(6, 15))}) == 1
    assert hashes[0] == hashes[5] == hashes[15]
    assert len(set(hashes)) == 3
    alone = Sequences.of([np.array([i]) for i in range(40)])
    assert len(set(alone.hashes().tolist())) == 40

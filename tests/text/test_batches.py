import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import charseq.text.batches
from charseq.text.batches import Buckets, Part, Windows, padded
from charseq.text.sequences import Sequences


def test_strings_of_unequal_length_share_one_batch_and_padding_is_masked() -> None:
    (batch,) = Windows([np.array([1, 2, 3, 4]), np.array([5, 6])], 2, 3)
    assert batch.inputs.tolist() == [[1, 2, 3], [5, 0, 0]]
    assert batch.targets.tolist() == [[2, 3, 4], [6, 0, 0]]
    assert batch.weights.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch.fresh.all()
    assert batch.positions == 4


def test_a_long_text_is_split_into_rows_that_continue_from_window_to_window() -> None:
    batches = list(Windows([np.arange(25)], batch_size=2, sequence_length=6))
    assert [batch.fresh.tolist() for batch in batches] == [[True, True], [False, False]]
    assert batches[0].inputs.tolist() == [[0, 1, 2, 3, 4, 5], [12, 13, 14, 15, 16, 17]]
    assert batches[1].inputs.tolist() == [[6, 7, 8, 9, 10, 11], [18, 19, 20, 21, 22, 23]]


@given(st.lists(st.integers(2, 40), min_size=1, max_size=12), st.integers(1, 7), st.integers(1, 9))
def test_every_transition_is_read_exactly_once_per_epoch(lengths: list[int], rows: int, steps: int) -> None:
    sequences = [1000 * i + np.arange(n) for i, n in enumerate(lengths)]
    windows = Windows(sequences, rows, steps)
    seen = []
    for batch in windows:
        in_loss = batch.weights > 0
        assert batch.inputs.shape[0] <= rows
        assert (batch.targets[in_loss] == batch.inputs[in_loss] + 1).all()
        seen += batch.inputs[in_loss].tolist()
    assert sorted(seen) == sorted(int(i) for sequence in sequences for i in sequence[:-1])
    assert windows.positions == len(seen)


@given(st.integers(2, 300), st.integers(1, 5), st.integers(1, 9))
def test_a_row_that_is_not_fresh_continues_from_its_last_position(length: int, rows: int, steps: int) -> None:
    expected: dict[int, int] = {}
    for batch in Windows([np.arange(length)], rows, steps):
        for row in range(len(batch.inputs)):
            in_loss = batch.weights[row] > 0
            if in_loss.any() and not batch.fresh[row]:
                assert batch.inputs[row][0] == expected[row]
            if in_loss.any():
                expected[row] = int(batch.targets[row][in_loss][-1])


def test_the_number_of_batches_is_known_in_advance() -> None:
    windows = Windows([np.arange(100), np.arange(7)], 3, 4)
    assert len(windows) == len(list(windows))


def test_padded_ids_keep_the_order_of_the_strings() -> None:
    ids, lengths = padded([np.array([1, 2]), np.array([3, 4, 5])])
    assert ids.tolist() == [[1, 2, 0], [3, 4, 5]]
    assert lengths.tolist() == [2, 3]


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_a_batch_never_has_more_rows_than_the_batch_size(batch_size: int) -> None:
    for batch in Windows([np.arange(5)] * 7, batch_size, 4):
        assert len(batch.inputs) == batch_size


def lines_with(positions: "list[int]") -> Sequences:
    """Return lines with these numbers of positions and consecutive ids."""
    edges = np.cumsum([0, *positions], dtype=np.uint32)
    return Sequences(np.arange(int(edges[-1]) + 1, dtype=np.uint32), edges[:-1], edges[1:] + np.uint32(1))


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=30),
    st.integers(1, 7),
    st.integers(1, 9),
    st.sampled_from([3, 1000]),
)
def test_buckets_read_every_transition_once_per_epoch_in_order(
    positions: list[int], size: int, steps: int, block: int
) -> None:
    lines = lines_with(positions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charseq.text.batches, "BLOCK", block)
        buckets = Buckets(lines, size, steps, seed=0)
        epochs = [list(buckets.batches(epoch)) for epoch in range(2)]
    assert buckets.positions == sum(positions)
    for batches in epochs:
        seen, last = [], np.zeros(0, np.int64)
        assert len(batches) == len(buckets)
        for batch in batches:
            in_loss = batch.weights > 0
            assert batch.inputs.shape[0] <= size
            assert batch.inputs.shape[1] <= steps
            assert (batch.targets[in_loss] == batch.inputs[in_loss] + 1).all()
            continuing = ~batch.fresh
            assert (batch.inputs[continuing, 0] == last[continuing]).all() if continuing.any() else True
            assert np.isin(batch.inputs[batch.fresh & in_loss[:, 0], 0], lines.starts).all()
            last = batch.targets[:, -1]
            seen += batch.inputs[in_loss].tolist()
        assert sorted(seen) == [*range(sum(positions))]


def test_buckets_have_little_padding_and_a_different_order_every_epoch() -> None:
    lines = lines_with(np.random.default_rng(0).integers(2, 16, 1000).tolist())
    buckets = Buckets(lines, 32, 64, seed=1)
    first, second = ([batch.inputs.shape[1] for batch in buckets.batches(epoch)] for epoch in range(2))
    assert first != second
    assert sorted(first) == sorted(second)
    filled = [batch.positions / batch.weights.size for batch in buckets.batches()]
    assert np.mean(filled) > 0.9
    again = [batch.inputs.shape[1] for batch in Buckets(lines, 32, 64, seed=1).batches()]
    assert again == first


def test_an_epoch_can_be_resumed_after_any_of_its_batches() -> None:
    lines = lines_with(np.random.default_rng(0).integers(1, 12, 40).tolist())
    streams = [np.arange(50), np.arange(7), np.arange(23)]
    for some in (Buckets(lines, 3, 4, seed=1), Windows(streams, 4, 6), Windows(streams, 2, 5)):
        full = list(some.batches(epoch=2))
        assert len(full) == len(some)
        for skip in range(len(full) + 1):
            rest = list(some.batches(epoch=2, skip=skip))
            assert len(rest) == len(full) - skip
            for actual, expected in zip(rest, full[skip:], strict=True):
                for name in ("inputs", "targets", "weights", "fresh"):
                    assert (getattr(actual, name) == getattr(expected, name)).all()


def test_a_different_seed_orders_the_lines_differently() -> None:
    lines = lines_with([3] * 40)
    one, other = (
        [batch.inputs.tolist() for batch in Buckets(lines, 4, 8, seed=seed).batches()] for seed in (1, 2)
    )
    assert one != other


@pytest.mark.parametrize("processes", [2, 3, 7])
def test_the_parts_of_several_processes_are_the_rows_of_every_batch(processes: int) -> None:
    lines = lines_with(np.random.default_rng(0).integers(1, 12, 41).tolist())
    streams = [np.arange(50), np.arange(7), np.arange(23)]

    def sources(part: Part) -> list[Buckets | Windows]:
        return [Buckets(lines, 5, 4, 1, part), Windows(streams, 4, 6, part), Windows(streams, 2, 5, part)]

    parts = [sources(Part(rank, processes)) for rank in range(processes)]
    for number, whole in enumerate(sources(Part())):
        several = [list(some[number].batches(epoch=2, skip=3)) for some in parts]
        for batch, *pieces in zip(whole.batches(epoch=2, skip=3), *several, strict=True):
            for name in ("inputs", "targets", "weights", "fresh"):
                joined = np.concatenate([getattr(piece, name) for piece in pieces])
                assert np.array_equal(joined, getattr(batch, name))
            first = 0
            for piece in pieces:
                assert (piece.epoch, piece.number) == (batch.epoch, batch.number)
                assert (piece.positions, piece.rows) == (batch.positions, batch.rows)
                assert piece.first_row == first
                first += len(piece.fresh)
        assert batch.number == len(whole) - 1

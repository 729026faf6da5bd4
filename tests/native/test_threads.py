"""The number of threads fits the work."""

import ctypes
from unittest.mock import Mock

import pytest

from charseq.native import threads
from charseq.native.threads import FasterTeam, threads_for_sequence

FOUR_CORES = Mock(spec=ctypes.CDLL, charseq_max_threads=lambda: 4)
SIXTEEN_CORES = Mock(spec=ctypes.CDLL, charseq_max_threads=lambda: 16)


def test_a_sequence_with_much_work_in_each_step_takes_all_cores() -> None:
    assert threads_for_sequence(FOUR_CORES, 1000, 8 * threads.MULTIPLICATIONS_PER_STEP) == 4


def test_each_thread_of_a_sequence_has_enough_work_in_a_step() -> None:
    assert threads_for_sequence(FOUR_CORES, 1000, 3 * threads.MULTIPLICATIONS_PER_STEP) == 3
    assert threads_for_sequence(FOUR_CORES, 1000, threads.MULTIPLICATIONS_PER_STEP // 2) == 1


def test_many_threads_need_more_work_in_a_step() -> None:
    assert threads_for_sequence(SIXTEEN_CORES, 1000, 9 * threads.MULTIPLICATIONS_PER_STEP) == 4
    assert threads_for_sequence(SIXTEEN_CORES, 1000, 9 * threads.MULTIPLICATIONS_PER_THREAD) == 9


def test_a_short_sequence_takes_one_thread() -> None:
    assert threads_for_sequence(FOUR_CORES, 1, 3 * threads.MULTIPLICATIONS_PER_STEP) == 1


def test_a_forked_process_takes_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "forked", True)
    assert threads_for_sequence(FOUR_CORES, 1000, 8 * threads.MULTIPLICATIONS_PER_STEP) == 1


def test_a_sequence_is_read_by_the_team_that_was_faster() -> None:
    faster = FasterTeam()
    for team, seconds in ((3, 2.0), (1, 5.0)):
        assert faster.choose(work=100, several=3) == team
        faster.add(100, team, seconds)
    assert faster.choose(work=100, several=3) == 3
    for _ in range(5):  # another process has begun to use the cores
        faster.add(100, 3, 9.0)
    assert faster.choose(work=100, several=3) == 1
    assert faster.choose(work=200, several=3) == 3  # another amount of work is measured by itself


def test_the_slower_team_is_tried_again_from_time_to_time() -> None:
    faster = FasterTeam()
    faster.add(100, 2, 9.0)
    faster.add(100, 1, 5.0)
    chosen = [faster.choose(work=100, several=2) for _ in range(2 * FasterTeam.READS)]
    assert chosen.count(2) == 2
    assert faster.choose(work=100, several=1) == 1

"""The number of threads fits the work."""

import ctypes
from unittest.mock import Mock

import pytest

from charseq.native import threads
from charseq.native.threads import threads_for_sequence

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

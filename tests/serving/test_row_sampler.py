"""Rows that are sampled together get the symbols that each would get alone."""

from typing import Any

import numpy as np
import pytest

from charseq.inference.sampling import GumbelNoise, SamplingParams, sample
from charseq.serving.row_sampler import RowSampler

PARAMS = [
    SamplingParams(0.0),
    SamplingParams(0.7),
    SamplingParams(1.0, top_k=3),
    SamplingParams(2.0, top_p=0.6),
    SamplingParams(1.0, top_k=4, top_p=0.9, min_p=0.1),
    SamplingParams(5.0, top_k=1),
    SamplingParams(1.0, top_k=3),
]


@pytest.mark.parametrize("symbols", [3, 61, 5003])
def test_each_row_is_sampled_as_alone(symbols: int) -> None:
    steps = 150 if symbols < 1000 else 17
    r = np.random.default_rng(0)
    logits = r.normal(0, 2, (steps, len(PARAMS), symbols)).astype(np.float32)
    alone: list[list[int]] = []
    for row, params in enumerate(PARAMS):
        noise = GumbelNoise([[3, row]], symbols)
        first = row  # the rows join one after the other
        alone.append([int(sample(logits[t, row : row + 1], params, noise)[0]) for t in range(first, steps)])
    sampler = RowSampler(symbols, len(PARAMS))
    rows: list[int] = []
    found: list[list[int]] = [[] for _ in PARAMS]
    for t in range(steps):
        if t < len(PARAMS):
            sampler.join(PARAMS[t], [3, t])
            rows.append(t)
        if t == steps // 2:
            kept = [0, 2, 3, 6]
            sampler.keep(kept)
            rows = [rows[index] for index in kept]
        for row, symbol in zip(rows, sampler.sample(logits[t, rows]).tolist(), strict=True):
            found[row].append(symbol)
    for row in range(len(PARAMS)):
        end = steps if row in rows else steps // 2
        assert found[row] == alone[row][: end - row]


def test_the_place_of_a_row_that_left_is_used_again() -> None:
    sampler = RowSampler(5, 1)
    logits: Any = np.zeros((1, 5), np.float32)
    for seed in range(3):
        sampler.join(SamplingParams(1.0), [seed])
        noise = GumbelNoise([[seed]], 5)
        for _ in range(70):
            assert sampler.sample(logits) == sample(logits, SamplingParams(1.0), noise)
        sampler.keep([])


def test_logits_are_not_changed() -> None:
    sampler = RowSampler(5, 2)
    sampler.join(SamplingParams(1.0, top_k=2), [0])
    sampler.join(SamplingParams(0.0), [1])
    logits: Any = np.arange(10, dtype=np.float32).reshape(2, 5)
    sampler.sample(logits)
    assert np.array_equal(logits, np.arange(10).reshape(2, 5))

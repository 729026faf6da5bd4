"""Dropout by position: the same mask for any number of processes, in C and in torch."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from charseq import native
from charseq.text.batches import Batch, Part
from charseq.training.kernels import dropout as kernels
from charseq.training.kernels.dropout import draw_keys, dropout


@pytest.fixture(params=["native", "torch"])
def _kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "torch":
        monkeypatch.setattr(kernels, "library", lambda: None)
    elif native.library() is None:
        pytest.skip("installed without a C compiler")


pytestmark = pytest.mark.usefixtures("_kernel")


def rows_of(count: int, part: Part) -> Batch:
    own = part.rows(count)
    ids, fresh = np.zeros((own.stop - own.start, 3), np.int64), np.ones(own.stop - own.start, np.bool_)
    return Batch(ids, ids, ids.astype(np.float32), fresh, first_row=own.start, other_rows=count - len(fresh))


def keyed(x: Tensor, p: float, random: torch.Generator) -> Tensor:
    (pair,) = [draw_keys(1, random)]
    return dropout(x, p, (pair[0], pair[1]), rows_of(len(x), Part()))


def dropped(p: float, seed: int, x: Tensor) -> Tensor:
    return keyed(x, p, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_zeroes_elements_with_its_probability_and_preserves_the_mean(p: float) -> None:
    result = dropped(p, 0, torch.ones(20, 31, 500))
    kept = result > 0
    assert kept.float().mean().item() == pytest.approx(1 - p, abs=0.004)
    torch.testing.assert_close(result[kept], torch.full_like(result[kept], 1 / (1 - p)))
    assert kept.float().mean((0, 1)).std().item() == pytest.approx(math.sqrt(p * (1 - p) / 620), rel=0.2)


def test_dropout_masks_are_independent_and_the_same_for_the_same_seed() -> None:
    x = torch.ones(20, 31, 500)
    generator = torch.Generator().manual_seed(0)
    first, second = (keyed(x, 0.5, generator) for _ in range(2))
    assert torch.equal(first, dropped(0.5, 0, x))
    both = torch.stack([first.flatten(), second.flatten()])
    assert abs(torch.corrcoef(both)[0, 1].item()) < 0.01
    neighbors = torch.stack([first.flatten()[1:], first.flatten()[:-1]])
    assert abs(torch.corrcoef(neighbors)[0, 1].item()) < 0.01


def test_the_backward_pass_of_dropout_uses_the_same_mask_for_any_memory_layout() -> None:
    for x in (torch.randn(3, 5, 7), torch.randn(5, 3, 7).transpose(0, 1)):
        x.requires_grad_()
        result = dropped(0.5, 2, x)
        (gradient,) = torch.autograd.grad((result * 3).sum(), x)
        torch.testing.assert_close(gradient, torch.where(result == 0, 0.0, 6.0))
        torch.testing.assert_close(result, torch.where(result == 0, 0.0, 2 * x.detach()))


def test_dropout_is_the_same_for_any_number_of_threads() -> None:
    x, before = torch.randn(11, 13, 17), torch.get_num_threads()
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(dropped(0.3, 1, x))
    torch.set_num_threads(before)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_the_mask_is_the_same_in_c_and_in_torch_and_for_rows_of_several_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = torch.ones(7, 5, 13)
    keys = (0xFFFFFFF0, 12345)  # positions wrap around
    whole = dropout(x, 0.3, keys, rows_of(7, Part()))
    for processes in (2, 3, 11):
        parts = [Part(rank, processes) for rank in range(processes)]
        pieces = [dropout(x[part.rows(7)], 0.3, keys, rows_of(7, part)) for part in parts]
        assert torch.equal(torch.cat(pieces), whole)
    monkeypatch.setattr(kernels, "library", lambda: None)
    assert torch.equal(dropout(x, 0.3, keys, rows_of(7, Part())), whole)

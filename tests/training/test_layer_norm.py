"""The layer normalization of training in bfloat16 is that of PyTorch, with gradients that repeat."""

import pytest
import torch
from torch import Tensor

from charseq.training.kernels.layer_norm import REPEATABLE
from charseq.training.kernels.torch_ops import TORCH, TorchOps


def results_of(ops: TorchOps, *shape: int, time_first: bool = False) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    x, d = (torch.randn(*shape, generator=generator) for _ in range(2))
    gain, bias = (torch.randn(shape[-1], generator=generator).requires_grad_() for _ in range(2))
    x = (x.transpose(0, 1).contiguous().transpose(0, 1) if time_first else x).requires_grad_()
    out = ops.normalized(x, gain, bias)
    return [out.detach(), *torch.autograd.grad(out, (x, gain, bias), d)]


@pytest.mark.parametrize("time_first", [False, True])
def test_outputs_and_gradients_are_those_of_pytorch(time_first: bool) -> None:
    results = results_of(REPEATABLE, 3, 5, 7, time_first=time_first)
    for result, expected in zip(results, results_of(TORCH, 3, 5, 7, time_first=time_first), strict=True):
        torch.testing.assert_close(result, expected)


def test_the_number_of_threads_changes_no_bit() -> None:
    before, results = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(results_of(REPEATABLE, 67, 31, 131))
    torch.set_num_threads(before)
    for one, two, three in zip(*results, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)

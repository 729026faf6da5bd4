"""Native layer normalization is that of PyTorch, with the same bits for any number of threads."""

import pytest
import torch
from torch import Tensor

from charseq import native
from charseq.model.numpy_ops import NUMPY
from charseq.training.kernels import layer_norm
from charseq.training.kernels.layer_norm import NATIVE, select_ops
from charseq.training.kernels.torch_ops import TORCH, TorchOps

CPU = torch.device("cpu")
SHAPES = [(1, 7), (3, 5, 7), (2, 3, 32), (33, 67), (67, 31, 131), (1031, 100), (4099, 65)]
requires_library = pytest.mark.skipif(native.library() is None, reason="no C compiler")


def inputs_of(*shape: int, mean: float = 0.0, time_first: bool = False) -> list[Tensor]:
    """Return x, gain, bias and the gradient of the output."""
    generator = torch.Generator().manual_seed(1)
    x, d = (torch.randn(*shape, generator=generator) for _ in range(2))
    gain, bias = (torch.randn(shape[-1], generator=generator) for _ in range(2))
    x = x.transpose(0, 1).contiguous().transpose(0, 1) if time_first else x
    return [x + mean, gain, bias, d]


def results_of(ops: TorchOps, inputs: list[Tensor], dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Return the output, and the gradients of x, gain and bias."""
    *leaves, d = (each.to(dtype).detach() for each in inputs)
    out = ops.normalized(*(leaf.requires_grad_() for leaf in leaves))
    return [out.detach(), *torch.autograd.grad(out, leaves, d)]


def errors_of(ops: TorchOps, inputs: list[Tensor]) -> list[float]:
    """Return the largest errors of the results, relative to the largest value of each."""
    exact = results_of(TORCH, inputs, torch.float64)
    pairs = zip(results_of(ops, inputs), exact, strict=True)
    return [float((result - expected).abs().max() / expected.abs().max()) for result, expected in pairs]


@requires_library
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_outputs_and_gradients_are_those_of_pytorch_in_float64(shape: tuple[int, ...]) -> None:
    for time_first in {False, len(shape) == 3}:
        inputs = inputs_of(*shape, time_first=time_first)
        assert max(errors_of(NATIVE, inputs)) < 2e-6


@requires_library
@pytest.mark.parametrize("mean", [0.0, 30.0, 1e4])
@pytest.mark.parametrize("shape", [(67, 31), (1031, 100), (131, 1021)], ids=str)
def test_errors_are_not_larger_than_those_of_pytorch(shape: tuple[int, int], mean: float) -> None:
    inputs = inputs_of(*shape, mean=mean)
    for error, of_torch in zip(errors_of(NATIVE, inputs), errors_of(TORCH, inputs), strict=True):
        assert error <= 1.5 * of_torch + 1e-7


@requires_library
def test_the_output_is_that_of_inference() -> None:
    x, gain, bias, _ = inputs_of(1031, 100)
    expected = NUMPY.normalized(*(each.numpy() for each in (x, gain, bias)))
    torch.testing.assert_close(NATIVE.normalized(x, gain, bias), torch.from_numpy(expected))


@requires_library
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_number_of_threads_changes_no_bit(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_norm, "VALUES_PER_THREAD", 1)
    before, results = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(results_of(NATIVE, inputs_of(*shape)))
    torch.set_num_threads(before)
    for one, two, three in zip(*results, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)


@requires_library
def test_one_nan_or_infinite_value_reaches_only_its_row() -> None:
    for value in (float("nan"), float("inf")):
        x, gain, bias, _ = inputs_of(67, 131)
        expected = NATIVE.normalized(x, gain, bias)
        x[31, 100] = value
        out = NATIVE.normalized(x, gain, bias)
        assert out[31].isnan().all()
        rows = torch.arange(67) != 31
        assert torch.equal(out[rows], expected[rows])


@requires_library
def test_no_rows_have_no_gradients() -> None:
    out, dx, d_gain, d_bias = results_of(NATIVE, inputs_of(0, 7))
    assert out.shape == dx.shape == (0, 7)
    assert not d_gain.any()
    assert not d_bias.any()


@requires_library
def test_values_that_are_not_float32_are_rejected() -> None:
    with pytest.raises(TypeError, match=r"require float32 on a CPU, not torch\.float64"):
        results_of(NATIVE, inputs_of(3, 7), torch.float64)


@requires_library
def test_the_native_one_is_chosen_on_a_cpu_unless_the_kernel_is_torch() -> None:
    assert select_ops(CPU, "auto") is select_ops(CPU, "native") is NATIVE
    assert select_ops(CPU, "torch") is select_ops(torch.device("cuda"), "auto") is TORCH


def test_without_the_library_it_is_that_of_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_norm, "library", lambda: None)
    assert select_ops(CPU, "auto") is TORCH

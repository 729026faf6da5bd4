"""The number of threads changes no bit of a run on a CPU with native kernels, in either precision.

python -m pytest -n 0 -m long tests/training/test_number_of_threads.py takes about a minute.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from charseq import native
from charseq.model.network import Network
from charseq.training import threads
from charseq.training.gate import solve
from charseq.training.kernels.torch_ops import TORCH
from charseq.training.loss import sequence_loss
from tests.support.runs import never_stop, run_files, train_run

COUNTS = (1, 2, 3)
SYMBOLS = "".join(map(chr, range(0x430, 0x430 + 67)))
requires_library = pytest.mark.skipif(native.library() is None, reason="no C compiler")
PRECISIONS = ["float32", *["bfloat16"] * native.has_bfloat16()]
SIZES: dict[str, Any] = {"hidden_size": 131, "batch_size": 17, "sequence_length": 31}
"""Sizes whose tensors torch shares between threads, which divide into no equal parts."""
PLAN: dict[str, Any] = {**SIZES, "epochs": 1, "validation": 0.1, "layer_norm": True, "average": 0.9}
STACK: dict[str, Any] = {"layers": 2, "dropout": 0.3, "residual": True, "ngram": 3}
OPTIONS: dict[str, dict[str, Any]] = {
    "one layer": {},
    "two layers without a residual connection": {"layers": 2, "optimizer": "adamw"},
    "without layer normalization": {**STACK, "layer_norm": False, "optimizer": "rmsprop"},
    "an embedding": {**STACK, "embedding_size": 29},
    "tied weights": {**STACK, "embedding_size": 131, "tie_weights": True},
    "more units": {**STACK, "hidden_size": 521, "optimizer": "sgd"},
    "a power of two": {"hidden_size": 256, "batch_size": 32, "sequence_length": 64, "ngram": 3},
}


@pytest.fixture(autouse=True)
def _same_threads_after() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def text_of(length: int) -> str:
    """Return a text in which some symbols can be predicted from others."""
    random = np.random.default_rng(1)
    ids = np.where(random.random(length) < 0.3, random.integers(0, 67, length), np.arange(length) ** 2 % 67)
    return "".join(SYMBOLS[i] for i in ids)


def assert_same_bytes(**plan: Any) -> None:
    settings = {**PLAN, **plan}
    text, files = text_of(3 * settings["batch_size"] * settings["sequence_length"]), set()
    for count in COUNTS:
        torch.set_num_threads(count)
        train_run((text,), stop=never_stop, **settings)
        assert torch.get_num_threads() == count  # the sizes are large enough for all of them
        files.add(run_files())
    assert len(files) == 1, plan


def assert_same_bits(results_of: Callable[[], tuple[Tensor, ...]], counts: tuple[int, ...] = COUNTS) -> None:
    results = []
    for count in counts:
        torch.set_num_threads(count)
        results.append(results_of())
    for others in results[1:]:
        assert all(torch.equal(one, other) for one, other in zip(results[0], others, strict=True))


@requires_library
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("cell", native.kernels())
def test_it_changes_no_byte_of_a_run(cell: str, precision: str) -> None:
    assert_same_bytes(cell=cell, precision=precision, **STACK)


@pytest.mark.long
@requires_library
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("cell", native.kernels())
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_it_changes_no_byte_of_a_run_with_other_options(
    cell: str, precision: str, options: dict[str, Any]
) -> None:
    learned = {"initial_state": "learned"} if cell != "slstm" else {}
    assert_same_bytes(cell=cell, precision=precision, **learned, **options)


def test_it_changes_no_bit_of_the_loss_of_many_positions() -> None:
    random = torch.Generator().manual_seed(1)
    logits, targets = torch.randn(37, 1031, 7, generator=random), torch.zeros(37, 1031, dtype=torch.long)
    assert_same_bits(lambda: (sequence_loss(logits, targets, torch.ones(37, 1031)),))


def test_it_changes_no_bit_of_the_gradient_of_an_embedding() -> None:
    network, random = Network("rnn", 67, 131, embedding_size=131), torch.Generator().manual_seed(1)
    arrays = {name: torch.zeros(spec.shape) for name, spec in network.parameter_specs().items()}
    ids, d = torch.randint(67, (17, 31), generator=random), torch.randn(17, 31, 131, generator=random)

    def gradient() -> tuple[Tensor, ...]:
        weights = network.arrange({name: value.requires_grad_() for name, value in arrays.items()})
        assert weights.embedding is not None
        return torch.autograd.grad(network.embed(TORCH, weights, ids), weights.embedding, d)

    assert_same_bits(gradient)


def test_it_changes_no_bit_of_a_step_of_the_gate() -> None:
    random = torch.Generator().manual_seed(1)
    a, vector = torch.randn(307, 307, generator=random).double(), torch.randn(307, generator=random).double()
    matrix = a @ a.t() + torch.eye(307)
    assert_same_bits(lambda: (solve(matrix, vector),))
    torch.testing.assert_close(matrix @ solve(matrix, vector), vector)


@pytest.mark.skipif(not torch._C.has_mkl, reason="products are not those of MKL")
@pytest.mark.parametrize(("rows", "depth", "columns"), [(527, 131, 67), (1024, 131, 65), (256, 67, 131)])
def test_it_changes_no_bit_of_products_of_pytorch(rows: int, depth: int, columns: int) -> None:
    random = torch.Generator().manual_seed(1)
    shapes = (rows, depth), (columns, depth), (columns,), (rows, columns)
    h, w, bias, d = (torch.randn(*shape, generator=random) for shape in shapes)
    assert_same_bits(lambda: (functional.linear(h, w, bias), d @ w, d.t() @ h), (1, 2, 3, 4))


def test_sizes_are_large_enough_for_several_threads() -> None:
    assert SIZES["batch_size"] * SIZES["hidden_size"] ** 2 >= threads.NATIVE_WORK_PER_THREAD
    assert SIZES["batch_size"] * SIZES["sequence_length"] * SIZES["hidden_size"] > 1 << 15

"""charseq's optimizers agree with those of torch.optim."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from charseq.training.optimizer import OPTIMIZERS
from charseq.training.schedule import scheduled

THEIRS: dict[str, Any] = {
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_are_those_of_torch(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(13, dtype=torch.float64, generator=generator)
    ours, theirs = start.clone(), start.clone().requires_grad_()
    optimizer, reference = OPTIMIZERS[name]([ours]), THEIRS[name]([theirs])  # type: ignore[index]
    for _ in range(7):
        gradient = torch.randn(13, dtype=torch.float64, generator=generator)
        optimizer.update([gradient], 0.01)
        theirs.grad = gradient.clone()
        reference.step()
    torch.testing.assert_close(ours, theirs.detach(), atol=1e-12, rtol=1e-10)


def test_training_never_loads_the_compiler_of_torch(programs: Path) -> None:
    code = (
        "import sys; from charseq.cli.app import run; "
        "run(['train', '--text', 'ab', '--epochs', '2', '--json']); "
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([programs / "charseq", "-c", code], check=True, capture_output=True, timeout=120)


def test_a_cosine_schedule_falls_from_the_rate_to_a_twentieth_of_it() -> None:
    rates = [scheduled(0.1, "cosine", done / 10) for done in range(11)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0.005)
    assert rates == sorted(rates, reverse=True)
    assert scheduled(0.1, "constant", 0.7) == 0.1


def test_a_one_cycle_schedule_rises_to_the_rate_before_it_falls() -> None:
    rates = [scheduled(0.1, "one-cycle", done / 10) for done in range(11)]
    assert rates[0] == pytest.approx(0.005)
    assert rates[3] == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0.005)
    assert rates[:4] == sorted(rates[:4])
    assert rates[3:] == sorted(rates[3:], reverse=True)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_with_a_warm_up_any_schedule_rises_in_a_straight_line_first(schedule: Any) -> None:
    rates = [scheduled(0.1, schedule, done / 10, 0.2) for done in range(11)]
    assert rates[:3] == pytest.approx([0.005, 0.0525, 0.1])
    assert rates[-1] == pytest.approx(0.1 if schedule == "constant" else 0.005)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_is_independent_of_the_gradient(name: str) -> None:
    parameter = torch.ones(3, dtype=torch.float64)
    OPTIMIZERS[name]([parameter], 0.5).update([torch.zeros(3, dtype=torch.float64)], 0.1)  # type: ignore[index]
    torch.testing.assert_close(parameter, torch.full((3,), 0.95, dtype=torch.float64))

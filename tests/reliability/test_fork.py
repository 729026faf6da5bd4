"""A model or a training run in use before a fork: children work, and get the same results."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from charseq import train

CELLS = ("lstm", "mlstm", "none")
REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def children(model: Path, method: str, job: str, before: str, **environment: str) -> str:
    """Run tests/support/forked.py with two threads, and return its verdict."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.support.forked", method, job, before],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "2",
            "PYTHONPATH": str(REPOSITORY),
            "MODEL": str(model),
            **environment,
        },
        timeout=120,
        text=True,
    )
    return ended.stdout.strip()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of a long text for each kind of native layer, and one of a cell that has none."""
    folder = tmp_path_factory.mktemp("models")
    text = "".join(f"{i} times {i + 1} is {i * (i + 1)}.\n" for i in range(30))
    for cell in CELLS:
        for _ in train(text, cell=cell, hidden_size=64, epochs=1, out=folder / cell):
            pass
    return {cell: folder / cell for cell in CELLS}


@pytest.mark.parametrize("cell", CELLS)
def test_a_forked_child_predicts_with_a_model_that_its_parent_used(
    cell: str, models: dict[str, Path]
) -> None:
    assert children(models[cell], "fork", "predict", "predict") == "same"


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_child_that_is_not_forked_predicts_the_same(method: str, models: dict[str, Path]) -> None:
    assert children(models["lstm"], method, "predict", "predict") == "same"


@pytest.mark.parametrize("kernel", ["auto", pytest.param("torch", marks=pytest.mark.long)])
@pytest.mark.long
def test_a_forked_child_trains_after_its_parent_has_trained(kernel: str, models: dict[str, Path]) -> None:
    assert children(models["lstm"], "fork", "train", "train,predict", KERNEL=kernel) == "same"


@pytest.mark.long
def test_a_forked_child_trains_in_a_thread_after_its_parent_has_predicted(models: dict[str, Path]) -> None:
    assert children(models["lstm"], "fork", "train_in_a_thread", "predict") == "same"


@pytest.mark.long
def test_a_spawned_child_trains_the_same(models: dict[str, Path]) -> None:
    assert children(models["lstm"], "spawn", "train", "train") == "same"

"""Unusual input to trained models of every cell: finite, sane predictions, and no warning."""

import math
from typing import Any

import numpy as np
import pytest

from charseq.api import TrainedModel, load
from charseq.cells import CELLS
from charseq.cells.normalized import STATE_NORM
from charseq.model.network import Network
from charseq.model.numpy_ops import NUMPY, SeededDraw
from charseq.model.stepper import Reader
from tests.support.training import LONG, events_of

STEPS = 3_000
ALPHABET = "0123456789 abcdefghijklmnopqrstuvwxyz.\n"


def adversarial(model: TrainedModel, steps: int) -> dict[str, str]:
    symbols = model.vocabulary.symbols
    random = np.random.default_rng(0).choice(list(symbols), steps)
    return {
        "one symbol": symbols[0] * steps,
        "another symbol": symbols[-1] * steps,
        "alternation": (symbols[1] + symbols[2]) * (steps // 2),
        "random symbols": "".join(random),
    }


def require_sane(model: TrainedModel, steps: int) -> None:
    uniform = math.log(len(model.vocabulary))
    for name, text in adversarial(model, steps).items():
        nats = model.score(text).nats_per_character
        assert nats is not None
        assert 0 <= nats < 20 * uniform, name
        step = model.predict(text, length=1, temperature=1.0).steps[0]
        assert 0 < step.probability <= 1
        assert math.fsum(p for _, p in step.top) <= 1 + 1e-6


def default_model(cell: str, **plan: Any) -> TrainedModel:
    events_of(LONG, cell=cell, epochs=2, validation=0.1, **plan)
    return load("out")


@pytest.mark.parametrize("cell", CELLS)
def test_unusual_input_gives_finite_and_sane_predictions(cell: str) -> None:
    require_sane(default_model(cell, hidden_size=64), STEPS)


@pytest.mark.long
@pytest.mark.parametrize("cell", CELLS)
def test_a_million_steps_give_finite_and_sane_predictions(cell: str) -> None:
    require_sane(default_model(cell), 1_000_000)


def test_an_unseen_character_leaves_the_prediction_finite() -> None:
    model = default_model("rnn-norm", hidden_size=32)
    assert math.isfinite(model.score("\u2603" * 300, unknown="replace").nats_per_character or 0)
    assert math.isfinite(model.predict("\u2603" * 300, unknown="replace", length=3).steps[0].probability)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("cell", ["rnn-norm", "rnn-relu"])
@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_the_state_is_finite_for_weights_of_any_size(cell: str, native: bool, scale: float) -> None:
    network = Network(cell, 5, 24, layers=2)
    arrays = {name: a * scale for name, a in network.draw(SeededDraw(0)).items()}
    reader = Reader(network, network.arrange(arrays), native=native)
    outputs = reader.advance_sequence(np.zeros((2000, 1), np.int64))
    assert np.isfinite(outputs).all()
    if cell == "rnn-norm":
        assert np.linalg.norm(outputs, axis=-1).max() <= STATE_NORM * (1 + 1e-5)


def test_the_norm_of_the_state_is_the_same_at_every_step() -> None:
    network = Network("rnn-norm", 5, 24)
    weights = network.arrange(network.draw(SeededDraw(0)))
    xs = network.embed(NUMPY, weights, np.random.default_rng(0).integers(0, 5, (3, 500)))
    hs, _ = network.forward(NUMPY, weights, xs, network.initial_states(NUMPY, weights, 3))
    assert np.linalg.norm(hs, axis=-1) == pytest.approx(STATE_NORM, rel=1e-3)

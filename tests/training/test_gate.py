"""The fit of the gate: it finds the gate that made the data, and never does harm."""

from typing import Any

import numpy as np
import pytest

from charseq.model.mixture import FEATURES, Gate
from charseq.training import gate
from charseq.training.gate import CONSTANT_PENALTY, HIDDEN_PENALTY, PENALTY, Observations, fit_gate

N, H = 3, 5


def observations(seed: int, count: int, *, hidden: int = H, weight: Any = None) -> Observations:
    """Return positions whose symbols were drawn from one of two models, chosen by a known gate.

    Each model gives the symbols that it draws a high probability, and the others a low one.
    """
    random = np.random.default_rng(seed)
    depths = random.integers(0, N, count).astype(np.int32)
    features = random.normal(2, 3, (count, len(FEATURES))).astype(np.float32)
    h = random.normal(-1, 2, (count, hidden)).astype(np.float32)
    z = np.array([-1.5, 0.0, 1.0])[depths] + 0.3 * features[:, 0] - 0.4 * features[:, 5] + 0.5 * h[:, 1]
    by_network = random.random(count) < 1 / (1 + np.exp(-z))
    log_p = np.log(np.where(by_network, 0.9, 0.01)).astype(np.float32)
    log_q = np.log(np.where(by_network, 0.01, 0.9)).astype(np.float32)
    return Observations(depths, features, h, log_p, log_q, np.arange(count) % 2)


def loss(of: Gate, seen: Observations) -> float:
    """Return the mean loss of a mixture, in nats."""
    z = of.logit(seen.features, seen.depths, seen.hidden).astype(np.float64)
    share = 1 / (1 + np.exp(-z))
    return float(-np.log(share * np.exp(seen.log_p) + (1 - share) * np.exp(seen.log_q)).mean())


def test_the_gate_that_made_the_data_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "HIDDEN_PENALTY", 1e3)
    found = fit_gate(observations(3, 20_011), N)
    assert np.diff(found.depths).tolist() == pytest.approx([1.5, 1.0], abs=0.2)
    assert found.features.tolist() == pytest.approx([0.3, 0, 0, 0, 0, -0.4, 0], abs=0.05)
    assert found.hidden.tolist() == pytest.approx([0, 0.5, 0, 0, 0], abs=0.05)


def test_it_is_better_on_other_text_than_the_best_constant() -> None:
    seen, other = observations(5, 2003), observations(7, 2003)
    constants = [loss(Gate.constant(N, H, weight), other) for weight in np.linspace(0.02, 0.98, 49)]
    assert loss(fit_gate(seen, N), other) < min(constants) - 0.05


def test_the_penalized_loss_is_the_lowest_nearby() -> None:
    seen = observations(11, 503)
    found = fit_gate(seen, N)
    deviations = [seen.features.std(0), seen.hidden.std(0)]

    def penalized(of: Gate) -> float:
        """Return the loss plus the penalties, with the best division into a constant and the depths."""
        centered = of.depths + seen.features.mean(0) @ of.features + seen.hidden.mean(0) @ of.hidden
        constant = centered.sum() * PENALTY / (CONSTANT_PENALTY + N * PENALTY)
        total = CONSTANT_PENALTY * constant**2 + PENALTY * ((centered - constant) ** 2).sum()
        total += PENALTY * ((of.features * deviations[0]) ** 2).sum()
        total += HIDDEN_PENALTY / 503 * ((of.hidden * deviations[1]) ** 2).sum()
        return loss(of, seen) * 503 + float(total) / 2

    lowest = penalized(found)
    for field, values in enumerate(found):
        for i in range(len(values)):
            for step in (-0.1, 0.1):
                moved = [each.copy() for each in found]
                moved[field][i] += step
                assert penalized(Gate(*moved)) > lowest - 1e-3


def test_inputs_that_never_change_get_no_weight() -> None:
    seen = observations(13, 503)
    features, hidden = seen.features.copy(), seen.hidden.copy()
    features[:, 2], hidden[:, 3] = 7.0, -2.0
    found = fit_gate(seen._replace(features=features, hidden=hidden), N)
    assert (found.features[2], found.hidden[3]) == (0, 0)
    assert np.isfinite(np.concatenate(found)).all()


def test_many_hidden_units_are_projected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MAX_HIDDEN", 11)
    monkeypatch.setattr(gate, "HIDDEN_PENALTY", 1e3)
    seen = observations(17, 2003, hidden=23)
    found = fit_gate(seen, N)
    assert found.hidden.shape == (23,)
    without = fit_gate(seen._replace(hidden=0 * seen.hidden), N)
    assert loss(found, seen) < loss(without, seen)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_without_finite_positions_both_models_get_the_same_weight(wrong: float) -> None:
    seen = observations(19, 101)
    log_p = seen.log_p.copy()
    log_p[3] = wrong
    for useless in (seen.select(np.zeros(101, np.bool_)), seen._replace(log_p=log_p)):
        for field, expected in zip(fit_gate(useless, N), Gate.constant(N, H), strict=True):
            assert (field == expected).all()

"""Samples follow the distribution of temperature, top-k, top-p and min-p, computed here independently."""

from dataclasses import replace

import numpy as np
import pytest

from charseq.inference.decoding import Decoding
from charseq.inference.requests import Request
from charseq.inference.sampling import GumbelNoise, SamplingParams, sample, top_p
from charseq.model.model_file import Model
from charseq.settings.generation_settings import GenerationSettings
from tests.support.models import gru_model

SYMBOLS = "abcdefg"
LOGITS = (0.9, 2.0, -1.7, 1.3, -0.4, 0.1, -1.1)
TEXTS, STEPS = 101, 97
CRITICAL = 22.46
"""The 99.9th percentile of the chi-squared distribution with 6 degrees of freedom."""

LOW, HIGH = 0.5, 2.0
CASES = [
    *(SamplingParams(temperature) for temperature in (LOW, 1.0, HIGH)),
    *(SamplingParams(temperature, top_p=0.8) for temperature in (LOW, 1.0, HIGH)),
    *(SamplingParams(temperature, min_p=0.2) for temperature in (LOW, 1.0, HIGH)),
    *(SamplingParams(temperature, top_k=5, top_p=0.8) for temperature in (LOW, HIGH)),
]


def named(params: SamplingParams) -> str:
    """Return the name of a case."""
    return f"temperature {params.temperature}, k {params.top_k}, top-p {params.top_p}, min-p {params.min_p}"


def expected(params: SamplingParams) -> "list[float]":
    """Return the probability of each symbol."""
    weights = [float(np.exp(logit / params.temperature)) for logit in LOGITS]
    falling = sorted(range(len(LOGITS)), key=lambda i: -LOGITS[i])
    falling = falling[: params.top_k or None]
    total = sum(weights[i] for i in falling)
    nucleus: list[int] = []
    for i in falling:
        if sum(weights[j] for j in nucleus) / total >= params.top_p:
            break
        nucleus.append(i)
    kept = [i for i in nucleus if weights[i] >= params.min_p * max(weights)]
    return [weights[i] / sum(weights[j] for j in kept) if i in kept else 0.0 for i in range(len(LOGITS))]


def require_drawn_from(probabilities: "list[float]", counts: "list[int]") -> None:
    """Fail if the counts are improbable: Pearson's chi-squared test."""
    draws = sum(counts)
    assert [count > 0 for count in counts] == [p > 0 for p in probabilities]
    pairs = [(count, draws * p) for count, p in zip(counts, probabilities, strict=True) if p]
    assert sum((count - mean) ** 2 / mean for count, mean in pairs) < CRITICAL


def constant_model() -> Model:
    """Return a model that gives the same logits after every prompt."""
    model = gru_model(SYMBOLS)
    head = {"head.W": 0 * model.arrays["head.W"], "head.b": np.array(LOGITS, np.float32)}
    return replace(model, arrays={**model.arrays, **head})


@pytest.mark.parametrize("params", CASES, ids=named)
def test_samples_follow_the_softmax_at_the_temperature_over_the_symbols_that_are_kept(
    params: SamplingParams,
) -> None:
    noise = GumbelNoise([[text] for text in range(TEXTS)], len(LOGITS))
    logits = np.tile(np.array(LOGITS, np.float32), (TEXTS, 1))
    drawn = [sample(logits, params, noise) for _ in range(STEPS)]
    require_drawn_from(expected(params), np.bincount(np.concatenate(drawn), minlength=len(LOGITS)).tolist())


@pytest.mark.parametrize("params", CASES, ids=named)
def test_generated_text_follows_the_distribution_that_the_settings_define(params: SamplingParams) -> None:
    settings = GenerationSettings(
        temperature=params.temperature,
        top_k=params.top_k,
        top_p=params.top_p,
        min_p=params.min_p,
        samples=TEXTS,
        top=None,
    )
    model = constant_model()
    answers = Decoding.of(model, settings).answers(model, [Request("a", seed=3, length=STEPS)])
    text = "".join(step.character for answer in answers for step in answer.steps)
    assert len(text) == TEXTS * STEPS
    require_drawn_from(expected(params), [text.count(symbol) for symbol in SYMBOLS])


@pytest.mark.parametrize("temperature", [LOW, 1.0, HIGH])
def test_a_nucleus_of_exactly_top_p_gets_no_further_symbol(temperature: float) -> None:
    logits = np.log(np.array([[1, 8, 2, 4, 1]], np.float64) / 16) * temperature
    for p, nucleus in ((0.5, [1]), (0.75, [1, 3]), (0.875, [1, 2, 3]), (0.9375, [0, 1, 2, 3])):
        kept = np.flatnonzero(np.isfinite(top_p(logits, p, temperature)[0]))
        assert kept.tolist() == nucleus
        more = np.flatnonzero(np.isfinite(top_p(logits, p + 1e-9, temperature)[0]))
        assert len(more) == len(nucleus) + 1


@pytest.mark.parametrize(("p", "kept"), [(1 / 11, 1), (3 / 11, 3), (10 / 11, 10), (1e-12, 1)])
def test_a_sum_that_is_top_p_up_to_rounding_is_enough(p: float, kept: int) -> None:
    assert int(np.isfinite(top_p(np.zeros((1, 11), np.float32), p)).sum()) == kept

"""Log-probabilities equal those of `charseq score` and `charseq predict`, to the last digits."""

from typing import Any

import numpy as np
import pytest

from charseq.cells import CELLS
from charseq.inference.continuation import continuation, continuations
from charseq.inference.requests import Request
from charseq.inference.sampling import SamplingParams
from charseq.inference.scoring import score_texts
from charseq.model.model_file import Model
from tests.support.models import cycling_model
from tests.support.served_models import MODELS, TEXT, plain
from tests.support.serving import Served, serving

LONG = TEXT * 3


def scored(model: Model, text: str, label: str | None = None, *, unknown: Any = "error") -> list[float]:
    """Return the log-probabilities of score, the end of a line included."""
    encode = model.vocabulary.encode_text
    targets = encode(text, unknown=unknown, begin=True, end=True, label=label).targets
    (surprisals,) = score_texts(model, [targets])
    return [-nats for nats in surprisals.nats.tolist()]


def echoed(served: Served, prompt: Any, **more: Any) -> Any:
    """Return the choice for a prompt of which only log-probabilities are asked for."""
    response = served.post(prompt=prompt, max_tokens=0, echo=True, logprobs=1, **more)
    assert response.status == 200, response.body
    return response.json["choices"][0]


@pytest.mark.parametrize("kind", MODELS)
def test_those_of_a_prompt_are_those_of_score(kind: str) -> None:
    model = MODELS[kind]()
    has_lines = model.vocabulary.boundary
    labels = model.vocabulary.label_names or (None,)
    with serving(model) as served:
        for label in labels:
            text = "annabelbert" if kind == "lines" else "abcdaeg" if kind == "labels" else LONG
            more = {"label": label, "echo_end": has_lines}
            choice = echoed(served, text, **more)
            found = choice["logprobs"]["token_logprobs"]
            assert choice["text"] == text
            assert len(found) == len(choice["logprobs"]["tokens"]) == len(choice["logprobs"]["text_offset"])
            assert (found[0] is None) == (not has_lines)
            expected = scored(model, text, label)
            np.testing.assert_allclose([value for value in found if value is not None], expected, atol=1e-9)
            without_end = echoed(served, text, label=label)["logprobs"]["token_logprobs"]
            assert without_end == found[: len(text) if has_lines else None]


@pytest.mark.parametrize("cell", CELLS)
def test_those_of_every_cell_are_those_of_score(cell: str) -> None:
    model = plain(cell)
    with serving(model) as served:
        found = echoed(served, LONG)["logprobs"]["token_logprobs"]
    np.testing.assert_allclose(found[1:], scored(model, LONG), atol=1e-9)


@pytest.mark.parametrize("kind", MODELS)
def test_those_of_generated_text_are_those_of_predict(kind: str) -> None:
    model = MODELS[kind]()
    label = (*model.vocabulary.label_names, None)[0]
    prompt = "a" if model.vocabulary.boundary else "the"
    with serving(model) as served:
        response = served.post(
            prompt=prompt, label=label, max_tokens=37, seed=4, temperature=0.8, logprobs=3, top_p=0.9
        )
    logprobs = response.json["choices"][0]["logprobs"]
    params = SamplingParams(0.8, top_p=0.9)
    if label is None:
        steps = [*continuation(model, prompt, params, length=37, seed=4, top=3)]
    else:
        (answer,) = continuations(model, [Request(prompt, 4, 0, 37, label=label)], params, top=3)
        steps = [*answer]
    expected = np.log([step.probability for step in steps])
    np.testing.assert_allclose(logprobs["token_logprobs"], expected, atol=1e-5)
    for step, name, top in zip(steps, logprobs["tokens"], logprobs["top_logprobs"], strict=True):
        assert 3 <= len(top) <= 4
        assert name in top
        best = sorted(top.values(), reverse=True)[:3]
        np.testing.assert_allclose(np.exp(best), [p for _, p in step.top], atol=1e-5)


def test_tokens_have_their_places_in_the_text() -> None:
    model = plain()
    with serving(model) as served:
        choice = served.post(prompt="the cat", max_tokens=11, echo=True, logprobs=0).json["choices"][0]
    logprobs, text = choice["logprobs"], choice["text"]
    assert "".join(logprobs["tokens"]) == text
    assert [text[offset] for offset in logprobs["text_offset"]] == logprobs["tokens"]
    assert all(len(top) == 1 for top in logprobs["top_logprobs"][1:])


def test_bytes_are_tokens() -> None:
    model = MODELS["bytes"]()
    with serving(model) as served:
        logprobs = echoed(served, "é 한")["logprobs"]
    names = [r"bytes:\xc3", r"bytes:\xa9", " ", r"bytes:\xed", r"bytes:\x95", r"bytes:\x9c"]
    assert logprobs["tokens"] == names
    assert logprobs["text_offset"] == [0, 0, 1, 2, 2, 2]


def test_unknown_characters_are_scored_as_score_does() -> None:
    model = plain()
    with serving(model) as served:
        for unknown in ("skip", "replace"):
            found = echoed(served, "the Zat", unknown=unknown)["logprobs"]["token_logprobs"]
            np.testing.assert_allclose(found[1:], scored(model, "the Zat", unknown=unknown), atol=1e-9)


def test_a_prompt_of_one_character_has_no_log_probability() -> None:
    with serving(cycling_model()) as served:
        choice = echoed(served, "a")
        assert choice["logprobs"]["token_logprobs"] == [None]
        assert choice["logprobs"]["top_logprobs"] == [None]
        several = served.post(prompt=["a", "abc", "ab"], max_tokens=0, echo=True, logprobs=0).json["choices"]
    assert [len(each["logprobs"]["tokens"]) for each in several] == [1, 3, 2]


def test_a_stream_has_the_same_log_probabilities() -> None:
    model = plain()
    parameters: dict[str, Any] = {"prompt": "the", "max_tokens": 41, "seed": 1, "logprobs": 2, "echo": True}
    with serving(model) as served:
        whole = served.post(**parameters).json["choices"][0]
        streamed = served.post(**parameters, stream=True)
    pieces = [choice["logprobs"] for event in streamed.events for choice in event["choices"]]
    assert streamed.streamed_text == whole["text"]
    for name, values in whole["logprobs"].items():
        assert [value for piece in pieces for value in piece[name]] == values


def test_a_stop_string_has_no_log_probabilities() -> None:
    with serving(cycling_model()) as served:
        response = served.post(prompt="a", max_tokens=9, temperature=0, stop="ab", logprobs=1)
    choice = response.json["choices"][0]
    assert choice["text"] == "bc"
    assert choice["logprobs"]["tokens"] == ["b", "c"]


def test_scoring_with_labels_requires_a_label() -> None:
    with serving(MODELS["labels"]()) as served:
        error = served.post(prompt="ab", max_tokens=0, echo=True, logprobs=0).error
        assert error["param"] == "label"
    with serving(plain()) as served:
        error = served.post(prompt="the", max_tokens=0, echo=True, logprobs=0, echo_end=True).error
        assert "model of lines" in error["message"]

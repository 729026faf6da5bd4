"""Malformed requests are refused with an error in the interface's own form, and nothing else happens."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charseq.serving.completion import resolve
from charseq.serving.errors import APIError
from charseq.serving.fields import json_object
from charseq.serving.parameters import PARAMETERS, Parameters
from tests.support.models import cycling_model, gru_model
from tests.support.serving import Served, serving

MODEL = gru_model()
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("abc")
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(cycling_model("abcab")) as server:
        yield server


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from([*PARAMETERS]), VALUES, max_size=5))
def test_any_values_are_answered_or_refused(values: dict[str, Any]) -> None:
    refused: APIError | None = None
    try:
        assert resolve(MODEL, Parameters.of(values)).choices
    except APIError as error:
        refused = error
    if refused:
        assert 400 <= refused.status < 500
        assert json.dumps(refused.body)
        assert refused.param in {*PARAMETERS, None}


@settings(max_examples=60)
@given(st.binary(max_size=50) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_answered_or_refused(served: Served, body: bytes) -> None:
    response = served.request("POST", "/v1/completions", body)
    if response.status == 200:
        assert response.json["choices"]
    else:
        assert 400 <= response.status < 500
        assert response.error["type"] == "invalid_request_error"


INVALID: list[tuple[str, Any, str]] = [
    ("temperature", -1, "temperature must be from 0 to 100, not -1"),
    ("temperature", True, "temperature must be a number, not true"),
    ("temperature", "hot", "temperature must be a number, not the string 'hot'"),
    ("max_tokens", 1.5, "max_tokens must be a whole number, not 1.5"),
    ("max_tokens", 10**30, "max_tokens must be from 0 to 65,536, not a very large number"),
    ("top_p", 2, "top_p must be from 0 to 1, not 2"),
    ("n", 0, "n must be from 1 to 128, not 0"),
    ("logprobs", 21, "logprobs must be from 0 to 20, not 21"),
    ("seed", -1, "seed must be from 0 to 9,223,372,036,854,775,807, not -1"),
    ("stream", "yes", "stream must be true or false, not the string 'yes'"),
    ("stop", 5, "stop must be a string or a list of strings, not 5"),
    ("stop", [""], "each string of stop must have 1 to 1,000 characters"),
    ("stop", ["a"] * 17, "stop may have 16 strings, not 17"),
    ("prompt", [], "prompt must be a string, a list of strings"),
    ("prompt", {}, "prompt must be a string, a list of strings"),
    ("prompt", ["a", 1], "a list of different things"),
    ("prompt", [1, True], "a token id that is not a whole number"),
    ("prompt", ["a"] * 1025, "a request may have 1,024 completions, not 1,025"),
    ("best_of", 3, "best_of is not supported, unless it is n (1)"),
    ("suffix", "b", "suffix is not supported, unless it is empty"),
    ("logit_bias", {"1": 5}, "logit_bias is not supported, unless it is empty"),
    ("presence_penalty", 0.5, "presence_penalty is not supported, unless it is 0"),
    ("frequency_penalty", False, "frequency_penalty is not supported, unless it is 0"),
    ("stream_options", {"include_usage": True}, "stream_options requires stream"),
    ("unknown", "maybe", "unknown must be one of error, skip, replace, not the string 'maybe'"),
    ("echo_end", True, "echo_end requires echo, logprobs, and max_tokens 0"),
    ("label", "x", "label requires a model trained with --labels"),
    ("messages", [], "unknown parameter 'messages'"),
]


@pytest.mark.parametrize(("name", "value", "message"), INVALID)
def test_the_message_names_the_parameter_and_the_value(
    served: Served, name: str, value: Any, message: str
) -> None:
    response = served.post(**{"prompt": "a", name: value})
    assert response.status == 400
    assert message in response.error["message"]
    assert response.error["param"] == name


def test_neutral_values_of_other_parameters_are_accepted(served: Served) -> None:
    neutral: dict[str, Any] = {
        "best_of": 1, "suffix": "", "logit_bias": {}, "presence_penalty": 0, "frequency_penalty": 0.0,
        "user": "me", "n": 1, "stream": False, "stop": None, "logprobs": None, "temperature": None,
    }  # fmt: skip
    assert served.text("a", **neutral) == "bcab"
    assert served.text("a", **dict.fromkeys(PARAMETERS.keys() - {"prompt"})) == "bcab"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not valid JSON"),
        (b"{", "the body is not valid JSON"),
        (b"[]", "the body is not a JSON object, but a list"),
        (b"null", "the body is not a JSON object, but null"),
        (b'{"prompt": "\xff"}', "the body is not UTF-8: byte 13 is ill-formed"),
        (b'{"temperature": NaN}', "NaN is no JSON value"),
        (b'{"temperature": ' + b"9" * 5000 + b"}", "the body is not valid JSON"),
        (b"[" * 100_000, "the body is"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(served: Served, body: bytes, message: str) -> None:
    response = served.request("POST", "/v1/completions", body)
    assert response.status == 400
    assert message in response.error["message"]


def test_an_unknown_character_is_named_with_its_position(served: Served) -> None:
    error = served.post(prompt=["a", "abé"]).error
    assert "prompt 2: 'é' (U+00E9), character 3 of 'abé'" in error["message"]
    assert '"unknown": "skip"' in error["message"]
    assert (error["param"], error["code"]) == ("prompt", "unknown_character")
    assert served.text("éa", unknown="skip") == "bcab"
    surrogate = served.request("POST", "/v1/completions", b'{"prompt": "a\\ud800"}')
    assert "U+D800" in surrogate.error["message"]


def test_paths_methods_and_models_are_refused_in_the_same_form(served: Served) -> None:
    for method, path, status in (
        ("GET", "/v1/completions", 405),
        ("POST", "/v1/chat/completions", 404),
        ("GET", "/", 404),
        ("GET", "/v1/completions/", 404),
        ("DELETE", "/v1/models/run", 405),
        ("GET", "/v1/models/other", 404),
    ):
        response = served.request(method, path)
        assert response.status == status
        assert response.error["message"]
    error = served.post(model="other", prompt="a").error
    assert (error["param"], error["code"]) == ("model", "model_not_found")
    assert served.request("GET", "/v1/completions").headers["allow"] == "POST"


def test_the_model_is_listed(served: Served) -> None:
    (listed,) = served.request("GET", "/v1/models").json["data"]
    assert listed["id"] == "run"
    assert served.request("GET", "/v1/models/run").json == listed
    assert served.request("GET", "/v1/models/runs/run").json == listed
    assert served.text("a", model="run") == served.text("a", model="runs/run") == "bcab"
    health = served.request("GET", "/health").json
    assert health == {"status": "ok", "model": "run", "running": 0, "waiting": 0}


def test_too_many_log_probabilities_are_refused() -> None:
    with pytest.raises(APIError, match="at most 524,288 log-probabilities, not 589,824"):
        resolve(MODEL, Parameters.of({"max_tokens": 65_536, "logprobs": 9}))


def test_json_is_strict() -> None:
    with pytest.raises(APIError, match="Infinity"):
        json_object(b'{"a": Infinity}')

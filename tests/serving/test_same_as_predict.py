"""A completion is what `charseq predict` generates, whichever other requests are in the batch."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from charseq.cells import CELLS
from charseq.model.model_file import Model
from tests.support.models import cycling_model, gru_model
from tests.support.served_models import MODELS, plain, prompts_of
from tests.support.serving import Served, predicted, serving

SAMPLING: list[dict[str, Any]] = [
    {"temperature": 0.0},
    {"temperature": 0.7},
    {"temperature": 1.3, "top_k": 5},
    {"temperature": 1.0, "top_p": 0.8, "min_p": 0.05},
    {"temperature": 2.0, "top_k": 1},
]


def check(served: Served, model: Model, prompt: str, length: int, **settings: Any) -> None:
    """Compare a completion with what predict generates."""
    settings.setdefault("temperature", 1.0)
    expected = predicted(model, prompt, length=length, **settings)[0]
    assert served.text(prompt, max_tokens=length, **settings) == expected


@pytest.mark.parametrize("kind", MODELS)
def test_a_completion_is_what_predict_generates(kind: str) -> None:
    model = MODELS[kind]()
    jobs = [
        (prompt, length, {**sampling, "seed": seed})
        for seed, sampling in enumerate(SAMPLING)
        for prompt, length in zip(prompts_of(kind), (29, 1, 113), strict=True)
    ]
    with serving(model, capacity=7) as served, ThreadPoolExecutor(len(jobs)) as pool:
        done = [pool.submit(check, served, model, prompt, length, **more) for prompt, length, more in jobs]
        for future in done:
            future.result()


@pytest.mark.parametrize(
    "kind", [k if k in ("plain", "n-gram") else pytest.param(k, marks=pytest.mark.long) for k in MODELS]
)
def test_a_prompt_that_is_read_in_pieces_is_continued_as_by_predict(kind: str) -> None:
    model = MODELS[kind]()
    prompt = (prompts_of(kind)[-1] * 400)[: 307 if kind == "stride" else 1009]  # windows are slow to read
    with serving(model) as served, ThreadPoolExecutor(3) as pool:
        other = pool.submit(served.text, prompts_of(kind)[1], max_tokens=20_011, stop=["never"])
        for seed in range(3):
            check(served, model, prompt, 41, seed=seed)
        assert other.result() is not None


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_generates_the_same_in_a_batch(cell: str) -> None:
    model = plain(cell)
    with serving(model, capacity=5) as served, ThreadPoolExecutor(11) as pool:
        for future in [
            pool.submit(check, served, model, "the cat"[: 1 + row % 7], 17 + 3 * row, seed=row)
            for row in range(11)
        ]:
            future.result()


def test_sixty_four_clients_each_get_their_own_text() -> None:
    model = plain()
    prompts = [f"the {'cat sat on'[: row % 10]}" for row in range(64)]
    with serving(model) as served, ThreadPoolExecutor(64) as pool:
        for future in [
            pool.submit(check, served, model, prompt, 100 + row, seed=row, temperature=0.9)
            for row, prompt in enumerate(prompts)
        ]:
            future.result()


def test_samples_are_those_of_predict() -> None:
    model = plain()
    with serving(model) as served:
        response = served.post(prompt=["the", "a"], n=3, seed=5, max_tokens=19, temperature=1.0)
    texts = [choice["text"] for choice in response.json["choices"]]
    settings: dict[str, Any] = {"samples": 3, "seed": 5, "length": 19, "temperature": 1.0}
    assert texts == predicted(model, "the", **settings) + predicted(model, "a", **settings)
    assert [choice["index"] for choice in response.json["choices"]] == [*range(6)]


def test_a_memorized_text_is_completed_greedily_to_its_end() -> None:
    with serving(cycling_model("abcab")) as served:
        response = served.post(prompt="a")
        assert response.json["choices"][0]["text"] == "bcab"
        assert response.json["choices"][0]["finish_reason"] == "stop"
        assert served.text("") == "bcab"
        assert served.text("a", max_tokens=7) == "bcabcab"
        whole = served.post(prompt="abcab").json["choices"][0]
        assert (whole["text"], whole["finish_reason"]) == ("", "stop")


def test_other_models_have_the_defaults_of_the_interface() -> None:
    model = gru_model()
    with serving(model) as served:
        first, second = (served.post(prompt="a").json for _ in range(2))
        assert len(first["choices"][0]["text"]) == 16
        assert first["choices"][0]["finish_reason"] == "length"
        assert first["seed"] != second["seed"]
        again = served.post(prompt="a", seed=first["seed"], temperature=1).json
    assert again["choices"] == first["choices"]


def test_a_short_text_is_the_beginning_of_a_longer_one() -> None:
    model = plain()
    (expected,) = predicted(model, "the", length=200, temperature=1.0, seed=7)
    with serving(model) as served:
        assert served.text("the", seed=7) == expected[:16]
        for length in (1, 67, 200):
            assert served.text("the", seed=7, max_tokens=length) == expected[:length]


def test_a_stop_string_ends_the_text_and_is_no_part_of_it() -> None:
    model = gru_model()
    (text,) = predicted(model, "a", length=97, temperature=1.0, seed=3)
    stop = text[40:43]
    with serving(model) as served:
        for stops in ([stop], ["zz", stop, stop[1:]], [stop[2:] + "never", stop]):
            choice = served.post(prompt="a", max_tokens=97, seed=3, stop=stops).json["choices"][0]
            assert choice["text"] == text[: min(text.find(each) for each in stops if each in text)]
            assert choice["finish_reason"] == "stop"
        assert served.text("a", max_tokens=97, seed=3, stop=stop) == text[: text.find(stop)]
        streamed = served.post(prompt="a", max_tokens=97, seed=3, stop=stop, stream=True)
        assert streamed.streamed_text == text[: text.find(stop)]


def test_token_ids_are_a_prompt() -> None:
    model = gru_model(boundary=True)
    ids = model.vocabulary.encode("abc").tolist()
    with serving(model) as served:
        expected = served.text("abc", seed=1, max_tokens=31)
        assert served.text(ids, seed=1, max_tokens=31) == expected
        assert served.text([[0, *ids]], seed=1, max_tokens=31) == expected
        for wrong in ([1, 0], [99], [-1]):
            assert served.post(prompt=wrong).error["param"] == "prompt"


def test_a_label_is_an_extension() -> None:
    model = MODELS["labels"]()
    with serving(model) as served:
        for label in model.vocabulary.label_names:
            (expected,) = predicted(model, "a", label=label, length=23, temperature=1.0, seed=2)
            assert served.text("a", label=label, max_tokens=23, seed=2) == expected
        drawn = served.post(prompt="a", seed=2).json["choices"][0]
        assert drawn["label"] in model.vocabulary.label_names
        assert "unknown label" in served.post(prompt="a", label="nine").error["message"]

"""The client package `openai` works with the server: completions, streams, models and errors."""

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from charseq.model.model_file import Model
from charseq.text.vocabulary import Vocabulary
from tests.support.models import cycling_model
from tests.support.served_models import MODELS, drawn, plain
from tests.support.serving import SECONDS, Served, predicted, serving

PROMPT = "the cat"


@pytest.fixture(scope="module")
def model() -> Model:
    return plain()


@pytest.fixture(scope="module")
def served(model: Model) -> Iterator[Served]:
    with serving(model) as server:
        yield server


def client_of(served: Served, **options: Any) -> openai.OpenAI:
    url = f"http://127.0.0.1:{served.port}/v1"
    return openai.OpenAI(**{"base_url": url, "api_key": "-", "timeout": SECONDS, "max_retries": 0, **options})


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[openai.OpenAI]:
    with client_of(served) as opened:
        yield opened


def test_a_completion(client: openai.OpenAI, model: Model) -> None:
    completion = client.completions.create(
        model="run", prompt=PROMPT, max_tokens=43, temperature=0.7, top_p=0.9, seed=5
    )
    (choice,) = completion.choices
    assert choice.text == predicted(model, PROMPT, length=43, temperature=0.7, top_p=0.9, seed=5)[0]
    assert (choice.finish_reason, choice.index, choice.logprobs) == ("length", 0, None)
    assert completion.object == "text_completion"
    assert completion.model == "run"
    usage = completion.usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (7, 43, 50)


def test_a_stream(client: openai.OpenAI, model: Model) -> None:
    stream = client.completions.create(
        model="run",
        prompt=PROMPT,
        max_tokens=3001,
        seed=1,
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = stream
    text = "".join(chunk.choices[0].text for chunk in chunks)
    assert text == predicted(model, PROMPT, length=3001, temperature=1.0, seed=1)[0]
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "length"
    assert all(chunk.usage is None for chunk in chunks)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == 3001


def test_a_stream_of_several_choices(client: openai.OpenAI, model: Model) -> None:
    texts = ["", "", "", ""]
    for chunk in client.completions.create(
        model="run", prompt=["the", "a"], n=2, max_tokens=211, seed=1, stream=True, echo=True
    ):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    settings: dict[str, Any] = {"length": 211, "temperature": 1.0, "seed": 1, "samples": 2}
    expected = [prompt + text for prompt in ("the", "a") for text in predicted(model, prompt, **settings)]
    assert texts == expected


def test_log_likelihoods_as_evaluation_harnesses_ask_for_them(client: openai.OpenAI) -> None:
    completion = client.completions.create(
        model="run", prompt=[PROMPT, "the dog"], max_tokens=0, temperature=0, logprobs=1, echo=True, seed=1234
    )
    for choice, text in zip(completion.choices, (PROMPT, "the dog"), strict=True):
        logprobs = choice.logprobs
        assert logprobs is not None
        assert logprobs.tokens == [*text]
        assert logprobs.token_logprobs is not None
        assert logprobs.token_logprobs[:1] == [None]
        assert all(value < 0 for value in logprobs.token_logprobs[1:])
        assert logprobs.text_offset == [*range(7)]


def test_fields_of_charseq_are_sent_as_extra_body() -> None:
    labeled = MODELS["labels"]()
    with serving(labeled) as served, client_of(served) as client:
        completion = client.completions.create(
            model="run", prompt="a", max_tokens=19, seed=1, extra_body={"label": "two", "top_k": 3}
        )
    settings: dict[str, Any] = {"label": "two", "top_k": 3, "temperature": 1.0}
    assert completion.choices[0].text == predicted(labeled, "a", length=19, seed=1, **settings)[0]


def test_the_models(client: openai.OpenAI) -> None:
    assert [listed.id for listed in client.models.list()] == ["run"]
    assert client.models.retrieve("run").owned_by == "charseq"


def test_errors_are_those_of_the_client(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="temperature must be") as refused:
        client.completions.create(model="run", prompt="the", temperature=-1)
    assert (refused.value.param, refused.value.code) == ("temperature", "invalid_value")
    assert refused.value.type == "invalid_request_error"
    with pytest.raises(openai.NotFoundError, match="'other' does not exist"):
        client.completions.create(model="other", prompt="the")
    with pytest.raises(openai.NotFoundError, match="is not supported"):
        client.embeddings.create(model="run", input="the")


def test_an_error_within_a_stream_is_raised() -> None:
    with serving(cycling_model(), timeout=0.2) as served, client_of(served) as client:
        stream = client.completions.create(model="run", prompt="a", max_tokens=65_536, stream=True)
        with pytest.raises(openai.APIError, match="not finished within"):
            for _ in stream:
                pass


def test_a_stream_that_the_client_closes_is_dropped() -> None:
    with serving(cycling_model(), capacity=1) as served, client_of(served) as client:
        stream = client.completions.create(model="run", prompt="a", max_tokens=65_536, n=97, stream=True)
        next(iter(stream))
        stream.close()
        served.wait_for_load(0, 0)


def test_a_full_queue_is_tried_again() -> None:
    with (
        serving(cycling_model(), capacity=1, queue=0) as served,
        client_of(served, max_retries=5) as client,
        served.socket(b'{"prompt": "a", "max_tokens": 20000, "temperature": 0}'),
    ):
        served.wait_for_load(1, 0)
        assert client.completions.create(model="run", prompt="a", max_tokens=2, temperature=0).choices


def test_unpaired_surrogates_arrive() -> None:
    model = drawn(Vocabulary.of(["a\udc80\udcff"], unit="byte"), scale=1.0)
    with serving(model) as served, client_of(served) as client:
        text = client.completions.create(model="run", prompt="a", max_tokens=29, seed=1).choices[0].text
    assert text == predicted(model, "a", length=29, seed=1, temperature=1.0)[0]
    assert "\udc80" in text


def test_sixty_four_concurrent_clients(served: Served, model: Model) -> None:
    async def one(client: openai.AsyncOpenAI, row: int) -> str:
        request: dict[str, Any] = {"prompt": PROMPT, "max_tokens": 50 + row, "seed": row}
        if row % 2:
            completion = await client.completions.create(model="run", **request, stream=False)
            text: str = completion.choices[0].text
            return text
        stream = await client.completions.create(model="run", **request, stream=True)
        return "".join([chunk.choices[0].text async for chunk in stream])

    async def all_of_them() -> list[str]:
        url = f"http://127.0.0.1:{served.port}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="-", timeout=SECONDS, max_retries=0) as client:
            return await asyncio.gather(*(one(client, row) for row in range(64)))

    texts = asyncio.run(all_of_them())
    for row, text in enumerate(texts):
        assert text == predicted(model, PROMPT, length=50 + row, seed=row, temperature=1.0)[0]

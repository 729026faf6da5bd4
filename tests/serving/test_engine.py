"""The engine loses no place when choices are canceled at any moment, and stops when asked to."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from charseq.serving.choice import Choice, Finish
from charseq.serving.completion import resolve
from charseq.serving.engine import Engine
from charseq.serving.errors import APIError
from charseq.serving.parameters import Parameters
from tests.support.models import cycling_model, gru_model
from tests.support.serving import wait_until

MODEL = gru_model()
KINDS: list[dict[str, Any]] = [{}, {"logprobs": 2}, {"logprobs": 1, "echo": True}, {"stop": "a"}]


def choices_of(**values: Any) -> list[Choice]:
    return resolve(MODEL, Parameters.of({"prompt": "abc", "temperature": 1, **values})).waiting


def test_choices_that_are_canceled_at_any_moment_leave_no_trace() -> None:
    engine = Engine(MODEL, capacity=5, queue=1000)
    bugs: list[BaseException] = []
    engine.report = bugs.append
    engine.start()

    def client(number: int) -> None:
        r = random.Random(number)
        for _ in range(23):
            prompt = "abcdefgh" * r.choice([1, 2, 97])
            choices = choices_of(
                prompt=prompt, max_tokens=r.randint(1, 300), n=r.randint(1, 3), **r.choice(KINDS)
            )
            engine.submit(choices)
            time.sleep(r.choice([0, 0, 0.001, 0.003]))
            engine.cancel(choices)

    with ThreadPoolExecutor(7) as pool:
        assert [*pool.map(client, range(7))] == [None] * 7
    wait_until(lambda: engine.load == (0, 0))
    (last,) = choices_of(max_tokens=3)
    engine.submit([last])
    wait_until(lambda: last.ended)
    engine.stop()
    engine.join(5)
    assert len(last.ids) == 3
    assert not bugs


def test_what_was_submitted_is_published_once_it_has_ended() -> None:
    engine, ended = Engine(MODEL, capacity=3), threading.Event()
    published: list[Choice] = []

    def publish(choices: Any) -> None:
        published.extend(choices)
        if len(published) == 7:
            ended.set()

    engine.publish = publish
    choices = choices_of(n=7, max_tokens=11)
    engine.submit(choices)
    engine.start()
    assert ended.wait(20)
    assert {choice.finish for choice in published} == {Finish.LENGTH}
    assert {*published} == {*choices}
    engine.stop()
    engine.join(5)


def test_an_engine_that_stops_lets_short_choices_finish_and_refuses_others() -> None:
    engine = Engine(MODEL, capacity=2)
    long, short = choices_of(max_tokens=65_536)[0], choices_of(max_tokens=5)[0]
    engine.submit([long, short])
    engine.start()
    wait_until(lambda: engine.load == (1, 0) or short.ended)
    engine.stop(grace=0.1)
    with pytest.raises(APIError, match="stopping"):
        engine.submit(choices_of())
    engine.join(5)
    assert short.finish is Finish.LENGTH
    assert long.error is not None
    assert long.error.code == "stopping"
    assert engine.load == (0, 0)


def test_a_canceled_choice_leaves_the_queue_at_once() -> None:
    engine = Engine(MODEL, capacity=1, queue=2)  # not started
    choices = choices_of(n=3)
    engine.submit(choices)
    with pytest.raises(APIError, match="overloaded"):
        engine.submit(choices_of())
    engine.cancel(choices[:1])
    assert engine.load == (0, 2)
    engine.submit(choices_of())


def test_many_symbols_that_wait_fill_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.serving.engine.WAITING_SYMBOLS", 1000)
    engine = Engine(MODEL, queue=10)  # not started
    engine.submit(choices_of(prompt="a" * 5000))
    with pytest.raises(APIError, match="overloaded"):
        engine.submit(choices_of(prompt="a" * 501))


def test_a_memorized_text_needs_no_step() -> None:
    model = cycling_model("abcab")
    completion = resolve(model, Parameters.of({"prompt": ["abcab", "a"]}))
    assert completion.choices[0].finish is Finish.STOP
    assert completion.waiting == [completion.choices[1]]
    empty = resolve(model, Parameters.of({"prompt": "ab", "max_tokens": 0}))
    assert empty.choices[0].finish is Finish.LENGTH

import hashlib
from typing import Any

import numpy as np
import pytest

from charseq.errors import UnknownCharacter
from charseq.inference.continuation import BATCH_SIZE, continuation, continuations, default_sampling
from charseq.inference.requests import Request, Step, opening
from charseq.inference.sampling import SamplingParams
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.stepper import Reader
from charseq.text.vocabulary import Vocabulary
from tests.support.models import cycling_model, gru_model, text_record

SAMPLED = SamplingParams(temperature=1.0)


def run(of: Model, prompt: str, params: SamplingParams, **options: object) -> list[Step]:
    return list(continuation(of, prompt, params, **options))  # type: ignore[arg-type]


def test_the_default_is_greedy_for_a_memorized_text_and_else_sampling() -> None:
    assert default_sampling(gru_model()) == SamplingParams(0.8)
    assert default_sampling(cycling_model("abc")) == SamplingParams(0.0)


def test_a_continuation_ends_at_the_end_of_a_memorized_text() -> None:
    trained = cycling_model("abcab")
    greedy = default_sampling(trained)
    assert text_record(run(trained, "a", greedy)) == "bcab"
    assert text_record(run(trained, "abca", greedy)) == "b"
    assert text_record(run(trained, "abcab", greedy)) == ""


def test_the_matching_one_of_several_memorized_texts_ends_the_continuation() -> None:
    trained = cycling_model("ab", "bcabca")
    greedy = default_sampling(trained)
    assert text_record(run(trained, "a", greedy)) == "b"
    assert text_record(run(trained, "b", greedy)) == "cabca"


def test_a_memorized_prefix_of_a_longer_text_does_not_end_the_continuation() -> None:
    trained = cycling_model("ab", "abcabc")
    assert text_record(run(trained, "a", default_sampling(trained))) == "bcabc"


def test_length_counts_new_characters_beyond_a_memorized_text() -> None:
    trained = cycling_model("abc")
    assert text_record(run(trained, "a", default_sampling(trained), length=7)) == "bcabcab"
    assert run(trained, "a", default_sampling(trained), length=0) == []


def test_the_default_length_is_200_characters() -> None:
    assert len(run(gru_model(), "a", default_sampling(gru_model()))) == 200


def test_until_ends_after_the_generated_string() -> None:
    assert text_record(run(cycling_model(), "a", SamplingParams(0.0), until=["ca"], length=50)) == "bca"
    assert text_record(run(cycling_model(), "ca", SamplingParams(0.0), until=["ca"], length=50)) == "bca"


@pytest.mark.parametrize("end", ["é", "€", "😀"])
def test_until_ends_with_a_character_of_several_bytes(end: str) -> None:
    size = len(end.encode())
    vocabulary = Vocabulary.of([end + "!"], unit="byte")
    order = vocabulary.encode("!" + end)
    network = Network("rnn", len(order), hidden_size=len(order))
    arrays = {name: np.zeros(spec.shape, np.float32) for name, spec in network.parameter_specs().items()}
    arrays["layers.0.W_x"] = 5 * np.eye(len(order), dtype=np.float32)
    arrays["head.W"][np.roll(order, -1), order] = 9
    steps = run(Model(network, vocabulary, arrays, opening="!"), "!", SamplingParams(0.0), until=[end])
    assert len(steps) == size
    assert vocabulary.joined(step.character for step in steps) == end


def test_the_text_depends_on_the_seed() -> None:
    one = text_record(run(gru_model(), "a", SAMPLED, seed=4))
    assert one == text_record(run(gru_model(), "a", SAMPLED, seed=4))
    assert one != text_record(run(gru_model(), "a", SAMPLED, seed=5))
    assert one != text_record(run(gru_model(), "a", SAMPLED, seed=4, sample=1))


def test_temperature_0_and_top_k_1_are_both_greedy() -> None:
    assert run(gru_model(), "a", SamplingParams(0.0), length=30) == run(
        gru_model(), "a", SamplingParams(1.5, top_k=1), length=30
    )


@pytest.mark.parametrize("top_p", [1.0, 0.5])
@pytest.mark.parametrize("temperature", [1e-300, 1e-50, 1e-6])
def test_the_smallest_temperatures_equal_greedy(temperature: float, top_p: float) -> None:
    cold = text_record(run(gru_model(), "a", SamplingParams(temperature, top_p=top_p), length=30))
    assert cold == text_record(run(gru_model(), "a", SamplingParams(0.0), length=30))


def test_a_step_has_its_probability_and_the_most_probable_characters() -> None:
    for step in run(gru_model(), "abc", SAMPLED, length=40, top=8):
        probabilities = [p for _, p in step.top]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
        assert dict(step.top)[step.character] == step.probability


def test_top_k_and_top_p_exclude_improbable_characters() -> None:
    for step in run(gru_model(), "a", SamplingParams(2.0, top_k=2), length=60):
        assert step.character in [character for character, _ in step.top[:2]]
    for step in run(gru_model(), "a", SamplingParams(1.0, top_p=0.4), length=60, top=8):
        before = 0.0
        for character, probability in step.top:
            if character == step.character:
                break
            before += probability
        assert before < 0.4


def test_sampling_follows_the_probabilities() -> None:
    (first,) = run(gru_model(), "a", SAMPLED, length=1, top=8)
    requests = [Request("a", sample=i, length=1) for i in range(2000)]
    drawn = [text_record(list(steps)) for steps in continuations(gru_model(), requests, SAMPLED)]
    for character, probability in first.top:
        assert drawn.count(character) / 2000 == pytest.approx(probability, abs=0.04)


def test_a_model_of_lines_ends_lines() -> None:
    lines = gru_model(boundary=True)
    assert opening(lines) == ""
    texts = {text_record(run(lines, "", SAMPLED, sample=i)) for i in range(50)}
    assert len(texts) > 10
    assert min(map(len, texts)) < 20


def test_an_unknown_character_in_a_prompt_is_an_error() -> None:
    with pytest.raises(UnknownCharacter):
        run(gru_model(), "az", SAMPLED)


PROMPTS = ["a", "abc", "h", "gfedcba", "a", "", "c"]


@pytest.mark.parametrize("boundary", [False, True])
@pytest.mark.parametrize(
    "params", [SamplingParams(0.0), SAMPLED, SamplingParams(1.3, top_k=4), SamplingParams(1.0, top_p=0.7)]
)
def test_a_continuation_does_not_depend_on_the_other_prompts(boundary: bool, params: SamplingParams) -> None:
    of = gru_model(boundary=boundary)
    requests = [
        Request(prompt, seed, sample=seed % 3, length=23)
        for seed in range(15)
        for prompt in PROMPTS
        if prompt or boundary
    ]
    until = ["ba", "hh"]
    together = [text_record(list(steps)) for steps in continuations(of, requests, params, until=until)]
    assert len(requests) > BATCH_SIZE
    for request, text in zip(requests, together, strict=True):
        assert text == text_record(
            run(of, request.prompt, params, seed=request.seed, sample=request.sample, length=23, until=until)
        )


def test_memorized_texts_of_different_lengths_end_in_one_batch() -> None:
    trained = cycling_model("ab", "bcabca")
    requests = [Request("a"), Request("b"), Request("ab"), Request("bcabca")]
    found = [text_record(list(steps)) for steps in continuations(trained, requests, SamplingParams(0.0))]
    assert found == ["b", "cabca", "", ""]


def test_steps_are_computed_as_they_are_read() -> None:
    first, second = continuations(
        gru_model(), [Request("a", length=10**9), Request("b", length=10**9)], SAMPLED
    )
    assert next(first).character
    assert next(second).character
    assert next(first).character


def test_without_probabilities_the_characters_are_the_same() -> None:
    with_probabilities = run(gru_model(), "a", SAMPLED, length=40)
    without = run(gru_model(), "a", SAMPLED, length=40, top=None)
    assert text_record(without) == text_record(with_probabilities)
    assert all(np.isnan(step.probability) and step.top == () for step in without)


def test_different_prompts_have_different_random_numbers() -> None:
    of = gru_model()
    flat = Model(of.network, of.vocabulary, {name: array * 0 for name, array in of.arrays.items()})
    requests = [Request(prompt, length=30) for prompt in "abcd"]
    texts = {text_record(list(steps)) for steps in continuations(flat, requests, SAMPLED)}
    assert len(texts) == 4


def test_few_steps_wait_to_be_read_if_texts_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    plain = Reader.read

    def noted(reader: Reader, ids: Any) -> Any:
        read.append(len(ids))
        return plain(reader, ids)

    monkeypatch.setattr(Reader, "read", noted)

    def first(length: int, top: int | None) -> None:
        requests = [Request("a", sample=i, length=length) for i in range(BATCH_SIZE)]
        next(next(continuations(gru_model(), requests, SAMPLED, top=top)))

    for top, length in ((5, 40_000), (None, 3_000_000)):
        first(length, top)
        assert read.pop() == 1
    first(200, None)
    assert read.pop() == BATCH_SIZE


def test_the_random_numbers_depend_on_prompt_seed_and_sample_alone() -> None:
    digest = hashlib.sha256(b"ab").digest()
    assert Request("ab", seed=3, sample=2).entropy == [3, 2, int.from_bytes(digest[:8], "big")]

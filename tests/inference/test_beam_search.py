import math
from itertools import product

import numpy as np
import pytest

from charseq.errors import UsageError
from charseq.inference.beam_search import beams
from charseq.inference.constraint import Constraint
from charseq.inference.continuation import continuation
from charseq.inference.requests import Request
from charseq.inference.sampling import SamplingParams
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import NUMPY, Floats, log_softmax
from charseq.text.vocabulary import Vocabulary
from tests.support.models import cycling_model, gru_model, text_record


def log_p(of: Model, ids: list[int]) -> Floats:
    """Return the log-probabilities after each of some ids, by the unrolled network."""
    network, weights = of.network, of.weights
    xs = network.embed(NUMPY, weights, np.array([ids]))
    hs, _ = network.forward(NUMPY, weights, xs, network.initial_states(NUMPY, weights, 1))
    return log_softmax(network.read_out(weights, hs)[0].astype(np.float64))


def likelihood(of: Model, prompt: str, added: list[int]) -> float:
    edge = [0] if of.vocabulary.boundary else []
    given = [*edge, *of.vocabulary.encode(prompt).tolist()]
    found = log_p(of, given + added)
    return sum(float(found[len(given) - 1 + t, symbol]) for t, symbol in enumerate(added))


def test_a_wide_beam_finds_the_most_probable_of_all_texts() -> None:
    of = gru_model("abcd")
    every = sorted(product(range(4), repeat=4), key=lambda ids: -likelihood(of, "a", list(ids)))
    found = beams(of, Request("a", length=4), 64)
    assert [text_record(list(beam.steps)) for beam in found[:10]] == [
        of.vocabulary.decode(ids) for ids in every[:10]
    ]
    for beam in found:
        ids = of.vocabulary.encode(text_record(list(beam.steps))).tolist()
        assert beam.log_probability == pytest.approx(likelihood(of, "a", ids), abs=1e-5)
        assert beam.log_probability == pytest.approx(
            sum(math.log(s.probability) for s in beam.steps), abs=1e-4
        )


def test_the_log_probability_includes_the_end_of_a_line() -> None:
    of = gru_model("abc", boundary=True)
    found = beams(of, Request("", length=20), 5)
    assert [beam.log_probability for beam in found] == sorted(
        (b.log_probability for b in found), reverse=True
    )
    for beam in found:
        ids = of.vocabulary.encode(text_record(list(beam.steps))).tolist()
        assert len(ids) < 20
        assert beam.log_probability == pytest.approx(likelihood(of, "", [*ids, 0]), abs=1e-5)


def test_a_beam_of_one_is_greedy() -> None:
    (beam,) = beams(gru_model(), Request("ab", length=25), 1)
    assert list(beam.steps) == list(continuation(gru_model(), "ab", SamplingParams(0.0), length=25))


def test_beams_end_as_sampled_continuations_do() -> None:
    assert text_record(list(beams(cycling_model("abcab"), Request("a"), 3)[0].steps)) == "bcab"
    until = beams(cycling_model(), Request("a", length=9), 2, until=["ca"])
    assert text_record(list(until[0].steps)) == "bca"
    assert beams(cycling_model("abc"), Request("abc"), 3)[0].steps == ()


def test_every_beam_satisfies_the_constraint() -> None:
    of = gru_model()
    constraint = Constraint.of(of.vocabulary, pattern="[ab]{3}c")
    texts = [text_record(list(b.steps)) for b in beams(of, Request("h", length=9), 4, constraint=constraint)]
    assert len(set(texts)) == 4
    assert all(len(text) == 4 and set(text[:3]) <= set("ab") and text[3] == "c" for text in texts)


def test_an_empty_prompt_is_an_error() -> None:
    with pytest.raises(UsageError, match="nothing to continue"):
        beams(gru_model(), Request(""), 2)


def chain(*after: "list[float]") -> Model:
    """A model of lines of a and b, with the probabilities of (end, a, b) after the start, a and b."""
    vocabulary = Vocabulary.of(["ab"], boundary=True)
    network = Network("rnn", 3, hidden_size=3)
    arrays = {name: np.zeros(spec.shape, np.float32) for name, spec in network.parameter_specs().items()}
    arrays["layers.0.W_x"] = 9 * np.eye(3, dtype=np.float32)
    arrays["head.W"] = np.log(np.array(after, np.float32)).T
    return Model(network, vocabulary, arrays)


def test_beam_search_continues_while_an_active_path_is_more_probable_than_the_finished_ones() -> None:
    found = beams(chain([0.3, 0.69, 0.01], [0.1, 0.01, 0.89], [0.98, 0.01, 0.01]), Request("", length=5), 2)
    assert [text_record(list(beam.steps)) for beam in found] == ["ab", ""]
    assert math.exp(found[0].log_probability) == pytest.approx(0.69 * 0.89 * 0.98, rel=1e-5)


def test_beam_search_continues_while_an_active_path_is_more_probable_than_the_last_finished_one() -> None:
    found = beams(chain([0.5, 0.3, 0.2], [0.4, 0.01, 0.59], [0.98, 0.01, 0.01]), Request("", length=5), 2)
    assert [text_record(list(beam.steps)) for beam in found] == ["", "ab"]
    assert math.exp(found[1].log_probability) == pytest.approx(0.3 * 0.59 * 0.98, rel=1e-5)

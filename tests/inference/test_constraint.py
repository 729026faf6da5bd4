import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charseq.errors import UsageError
from charseq.inference.constraint import Constraint
from charseq.inference.continuation import continuations
from charseq.inference.requests import Request
from charseq.inference.sampling import SamplingParams
from charseq.text.vocabulary import Vocabulary
from tests.support.models import gru_model, text_record
from tests.support.patterns import in_process

LETTERS = Vocabulary.of(["abcd019 -"])


def following(constraint: Constraint, text: str, left: int, vocabulary: Vocabulary = LETTERS) -> set[str]:
    """What may come after a text, with so many symbols left."""
    states = constraint.start(1)
    for symbol in vocabulary.encode(text):
        states = constraint.advance(states, np.array([symbol]))
    (allowed,) = constraint.allowed(states, [left])
    return {vocabulary.symbols[i] for i in np.flatnonzero(allowed)}


def test_only_symbols_that_can_still_match_are_allowed() -> None:
    date = Constraint.of(LETTERS, pattern=r"[ab]+-\d{2}")
    assert following(date, "", 9) == {"a", "b"}
    assert following(date, "a", 9) == {"a", "b", "-"}
    assert following(date, "ab-", 9) == {"0", "1", "9"}
    assert following(date, "ab-01", 9) == set()
    assert date.shortest == 4


def test_a_symbol_that_requires_an_unknown_character_is_not_allowed() -> None:
    assert following(Constraint.of(LETTERS, pattern="aX|bc|cX*d"), "", 9) == {"b", "c"}


def test_a_symbol_that_requires_a_longer_text_is_not_allowed() -> None:
    either = Constraint.of(LETTERS, pattern="abcd|ba")
    assert following(either, "", 4) == {"a", "b"}
    assert following(either, "", 3) == {"b"}


def test_a_line_may_end_in_an_accepting_state() -> None:
    lines = Vocabulary.of(["abc"], boundary=True)
    pattern = Constraint.of(lines, pattern="ab?")
    assert following(pattern, "", 5, lines) == {"a"}
    assert following(pattern, "a", 5, lines) == {"", "b"}
    assert following(Constraint.of(lines, allow="ac"), "", 5, lines) == {"", "a", "c"}


def test_anchors_around_a_pattern_change_nothing() -> None:
    assert following(Constraint.of(LETTERS, pattern="^ab$"), "a", 5) == {"b"}


def test_allowed_characters_and_a_pattern_combine() -> None:
    assert following(Constraint.of(LETTERS, allow="b01", pattern=r"\w\d"), "", 5) == {"b", "0", "1"}


@pytest.mark.parametrize(
    ("unit", "text", "pattern", "expected"),
    [
        ("byte", "가나", "가", {"\xea"}),
        ("grapheme", "e\u0301e", "e\u0301+", {"e\u0301"}),
        ("character", "가나b", "[가-힣]", {"가", "나"}),
    ],
)
def test_a_symbol_may_have_several_bytes(unit: str, text: str, pattern: str, expected: set[str]) -> None:
    vocabulary = Vocabulary.of([text], unit=unit)  # type: ignore[arg-type]
    assert following(Constraint.of(vocabulary, pattern=pattern), "", 9, vocabulary) == expected


@pytest.mark.parametrize("pattern", ["X", "[^a-d019 -]", "aX", r"a{3}X{2,}"])
def test_a_pattern_that_no_known_text_matches_is_an_error(pattern: str) -> None:
    with pytest.raises(UsageError, match="no text of the model's characters matches"):
        Constraint.of(LETTERS, pattern=pattern)


def test_allowing_only_unknown_characters_is_an_error() -> None:
    with pytest.raises(UsageError, match="names no character that the model knows"):
        Constraint.of(LETTERS, allow="xyz")


@given(
    pattern=st.recursive(
        st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", "", "-"]),
        lambda inner: st.one_of(
            st.builds("(?:{}|{})".format, inner, inner),
            st.builds("{}{}".format, inner, inner),
            st.builds("(?:{})*".format, inner),
            st.builds("(?:{})?".format, inner),
            st.builds("(?:{}){{2}}".format, inner),
        ),
        max_leaves=6,
    )
)
@settings(max_examples=150, deadline=None)
@in_process
def test_the_automaton_accepts_what_a_regular_expression_matches(pattern: str) -> None:
    vocabulary = Vocabulary.of(["abc-"])
    texts = ["".join(t) for n in range(5) for t in product("abc-", repeat=n)]
    matching = [text for text in texts if re.fullmatch(pattern, text)]
    try:
        constraint = Constraint.of(vocabulary, pattern=pattern)
    except UsageError:
        assert not matching
        return
    for text in texts:
        states, alive = constraint.start(1), True
        for left, symbol in zip(range(4, 0, -1), vocabulary.encode(text).tolist(), strict=False):
            begun = alive
            alive = begun and bool(constraint.allowed(states, [left])[0, symbol])
            states = constraint.advance(states, np.array([symbol])) if alive else states
        assert alive == any(match.startswith(text) for match in matching) or not text
        assert (alive and constraint.is_accepting(int(states[0]))) == (text in matching)


def test_a_match_can_be_extended_to_a_longer_one() -> None:
    assert following(Constraint.of(LETTERS, pattern="a(-a)*"), "a", 9) == {"-"}
    assert following(Constraint.of(LETTERS, pattern="a|ab"), "a", 9) == {"b"}


PATTERNS = [
    "a(,a)*|[a-d](h[a-d])*",
    "[a-d]{3}",
    "a*h",
    "(ab|cd)+",
    "[^h]*h",
    "a?b?c?d?e",
    "h{5,7}",
    "(?:a|bb|ccc)*",
]


@given(
    pattern=st.sampled_from(PATTERNS),
    length=st.integers(5, 30),
    temperature=st.sampled_from([0.0, 0.5, 2.0]),
    boundary=st.booleans(),
    top_k=st.sampled_from([0, 1, 2]),
)
@in_process
def test_every_text_matches_and_has_at_most_the_length(
    pattern: str, length: int, temperature: float, boundary: bool, top_k: int
) -> None:
    of = gru_model(boundary=boundary)
    constraint = Constraint.of(of.vocabulary, pattern=pattern)
    requests = [Request("a", sample=n, length=length) for n in range(3)]
    for steps in continuations(of, requests, SamplingParams(temperature, top_k), constraint=constraint):
        text = text_record(list(steps))
        assert re.fullmatch(pattern, text)
        assert len(text) <= length


def test_a_pattern_longer_than_the_length_is_an_error_before_generation() -> None:
    of = gru_model()
    constraint = Constraint.of(of.vocabulary, pattern="a{5}")
    with pytest.raises(UsageError, match="has 5 characters, and at most 3 are added"):
        next(continuations(of, [Request("a", length=3)], SamplingParams(1.0), constraint=constraint))


def test_allowed_symbols_keep_their_relative_probabilities() -> None:
    of = gru_model()
    constraint = Constraint.of(of.vocabulary, allow="bd")
    requests = [Request("a", sample=n, length=1) for n in range(4000)]
    drawn = [
        next(iter(steps))
        for steps in continuations(of, requests, SamplingParams(1.0), constraint=constraint, top=8)
    ]
    expected = dict(drawn[0].top)
    share = sum(step.character == "b" for step in drawn) / len(drawn)
    assert {step.character for step in drawn} == {"b", "d"}
    assert share == pytest.approx(expected["b"] / (expected["b"] + expected["d"]), abs=0.04)

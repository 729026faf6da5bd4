"""Patterns match as in Python; ill-formed and very large ones are refused within limits."""

import re
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charseq.errors import CharseqError, UsageError
from charseq.inference.constraint import Constraint
from charseq.text.vocabulary import Vocabulary
from tests.support.patterns import in_process

LETTERS = Vocabulary.of(["abcd019 -"])


def accepted(constraint: Constraint, vocabulary: Vocabulary, text: str) -> bool:
    """Whether a text matches, and every symbol of it may be added with the length there is."""
    states = constraint.start(1)
    for left, symbol in zip(range(len(text), 0, -1), vocabulary.encode(text).tolist(), strict=True):
        if not constraint.allowed(states, [left])[0, symbol]:
            return False
        states = constraint.advance(states, np.array([symbol]))
    return constraint.is_accepting(int(states[0]))


@given(pattern=st.text("ab()|*?.\\^$#x:", max_size=9))
@settings(max_examples=300, deadline=None)
@in_process
def test_a_random_pattern_is_refused_or_matches_as_in_python(pattern: str) -> None:
    if re.search(r"[*?]{2}", pattern):  # lazy, or an error, in Python; repeated twice here
        return
    vocabulary = Vocabulary.of(["ab)#"])
    texts = ["".join(t) for n in range(4) for t in product("ab)#", repeat=n)]
    try:
        constraint = Constraint.of(vocabulary, pattern=pattern)
    except UsageError as refused:
        if "no text" in refused.message:
            assert not any(re.fullmatch(pattern, text) for text in texts)
        return
    for text in texts:
        assert accepted(constraint, vocabulary, text) == bool(re.fullmatch(pattern, text)), text


@pytest.mark.parametrize("pattern", ["(", "a**{", r"a\b", "(?=a)a", r"(a)\1"])
def test_an_unsupported_pattern_is_an_error_with_a_hint(pattern: str) -> None:
    with pytest.raises(UsageError, match="pattern") as error:
        Constraint.of(LETTERS, pattern=pattern)
    assert "look-around" in error.value.hint


MEASURED = """
import resource, sys
from charseq.errors import UsageError
from charseq.inference.constraint import Constraint
from charseq.text.vocabulary import Vocabulary
try:
    Constraint.of(Vocabulary.of(["abcd019 -"]), pattern=sys.argv[1])
except UsageError as error:
    print(error.message)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
with open("/proc/self/status") as status:
    print(status.read().partition("VmHWM:")[2].split()[0])
"""
"""Prints the error, and the kilobytes of the process that compiles and of this one."""
LARGE = [
    pytest.param("(.*a.{9}|.*b.{9}){2}", marks=pytest.mark.long),
    "((a{999}){999}){999}",
    *(
        pytest.param(slow, marks=pytest.mark.long)
        for slow in ("[ab]*a[ab]{17}", "([a-d]{0,1000}){1000}", r"(\w{9}|\W){999}", "[^a]*b[^a]{99}{99}")
    ),
]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("pattern", LARGE)
def test_a_pattern_that_needs_too_much_memory_or_time_is_refused_within_limits(pattern: str) -> None:
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, pattern], capture_output=True, text=True, timeout=60
    )
    assert time.monotonic() - started < 5
    message, *peaks = ended.stdout.splitlines()
    assert "too many states" in message
    assert all(int(kilobytes) < 500_000 for kilobytes in peaks)


def test_a_pattern_of_too_many_states_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.inference.automaton.MAX_TRANSITIONS", 500)
    with pytest.raises(UsageError, match="too many states"):
        Constraint.of(LETTERS, pattern="a{100}")
    assert Constraint.of(LETTERS, pattern="a{40}").shortest == 40


def test_repetitions_of_zero_and_without_a_maximum_are_allowed() -> None:
    assert Constraint.of(LETTERS, pattern="[a-d]{0,0}b{10,}").shortest == 10


@pytest.mark.parametrize(
    "pattern",
    [
        "a)|(?:b",
        ")(",
        "a)(b",
        "(?:a))|((?:b)",
        ")",
        "a\\",
        "(?x)a\\",
        "[a",
        "a{2,1}",
        "(?x)(a # )",
        "[",
    ],
)
def test_an_ill_formed_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"is not a regular expression|is not in the syntax"):
        Constraint.of(LETTERS, pattern=pattern)


@pytest.mark.parametrize(
    "pattern", ["a$|b", "(^a$)", "a$b", "a^", "$a", r"\Aa", r"a\z", "(?x)a$ # c", "^^a", "a$$"]
)
def test_an_anchor_inside_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="has an anchor inside"):
        Constraint.of(Vocabulary.of(["ab$^"]), pattern=pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"a\\$", "a\\"),
        (r"a\$", "a$"),
        (r"a\\\$", "a\\$"),
        ("[$^]a", "$a"),
        ("[^^]$", "$"),
        ("[]$]a$", "$a"),
        ("[^]]a", "$a"),
        ("[[a]$]", "$"),
        ("(?x)a # c", "a"),
        ("(?x)a # $ (", "a"),
        ("(?x) a # c\\", "a"),
        ("(?x)a # c\n b $", "ab"),
        ("(?x: a ) # c", "a # c"),
        ("a#c", "a#c"),
        ("(?i)A", "a"),
        ("^", ""),
        ("$", ""),
        ("", ""),
    ],
)
def test_a_legal_pattern_matches(pattern: str, text: str) -> None:
    vocabulary = Vocabulary.of(["abc\\$^]# ("])
    constraint = Constraint.of(vocabulary, pattern=pattern)
    assert accepted(constraint, vocabulary, text)
    assert constraint.shortest == len(text)


def test_a_failure_of_the_worker_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.inference.automaton.MAX_BYTES", "many")
    with pytest.raises(CharseqError, match="cannot be compiled: TypeError"):
        Constraint.of(LETTERS, pattern="a")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match="requires the package outlines_core") as error:
        Constraint.of(LETTERS, pattern="a")
    assert error.value.hint == "pip install outlines_core"


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"\p{Foo}", "is not in the syntax of --pattern"),
        (r"a(?<!b)", "is not in the syntax of --pattern"),
        (r"\bmo", r"has \b, or another word boundary"),
        ("a)", "is not a regular expression: unbalanced parenthesis at position 1"),
        ("[b-a]", "is not a regular expression: bad character range b-a at position 1"),
    ],
)
def test_the_reason_for_a_refusal_fits_this_syntax(pattern: str, reason: str) -> None:
    with pytest.raises(UsageError) as error:
        Constraint.of(LETTERS, pattern=pattern)
    assert error.value.message == f"--pattern {pattern!r} {reason}"
    assert "no look-around" in error.value.hint

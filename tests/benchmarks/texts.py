"""Generated running texts of many kinds, each determined by a seed.

In a `random` text, no model can be better than the symbol frequencies.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.support.line_texts import name, paragraph, sentence, tune, word, wrapped

Files = list[str]


@dataclass(frozen=True)
class Kind:
    """A kind of text: how to generate its files, how to read it, and the best possible loss."""

    make: Callable[[random.Random], Files]
    lines: bool = False
    """Whether each line is a sequence (--lines)."""
    random: bool = False
    """Whether no model can be better than the symbol frequencies."""


def symbols(r: random.Random, alphabet: str, count: int, weights: "list[float] | None" = None) -> str:
    """Return independent random symbols."""
    codes = np.frombuffer(alphabet.encode("utf-32-le"), "<u4")
    p = None if weights is None else np.array(weights) / sum(weights)
    drawn = np.random.default_rng(r.getrandbits(64)).choice(codes, count, p=p)
    return drawn.astype("<u4").tobytes().decode("utf-32-le")


def alphabet(first: int, count: int) -> str:
    """Return consecutive code points."""
    return "".join(map(chr, range(first, first + count)))


def book(r: random.Random, characters: int) -> str:
    """Return English-like text: sentences from a Markov chain over words, in paragraphs."""
    words = [word(r) for _ in range(600)] + ["the", "of", "and", "to", "a", "in"] * 20
    generator = np.random.default_rng(r.getrandbits(64))
    following = generator.integers(len(words), size=(len(words), 8))
    count = min(characters, 400_000) // 3 + 10
    choices, current, chain = generator.integers(8, size=count).tolist(), 0, []
    for choice in choices:
        current = int(following[current, choice])
        chain.append(words[current])
    sentences, first = [], 0
    while first < count:
        length = r.randint(4, 18)
        sentences.append(" ".join(chain[first : first + length]).capitalize() + ".")
        first += length
    paragraphs = ["\n".join(sentences[i : i + 3]) for i in range(0, len(sentences), 3)]
    text = "\n\n".join(paragraphs)
    blocks = [text]
    while sum(map(len, blocks)) < characters:  # paragraphs in another order: fast, and never a copy
        r.shuffle(paragraphs)
        blocks.append("\n\n".join(paragraphs))
    return "\n\n".join(blocks)[:characters]


def script(first: int, count: int) -> Callable[[random.Random], str]:
    """Return a generator of text in another script: words of few syllables, sentences, paragraphs."""

    def make(r: random.Random) -> str:
        syllables = alphabet(first, count)
        words = ["".join(r.choices(syllables, k=r.randint(1, 4))) for _ in range(500)]
        weights = [1 / (i + 1) for i in range(500)]
        lines = (" ".join(r.choices(words, weights, k=r.randint(5, 14))) + "." for _ in range(1_500))
        return "\n".join(lines) + "\n"

    return make


HANGUL, DEVANAGARI, HAN = script(0xAC00, 400), script(0x0905, 50), script(0x4E00, 800)


def scripts_mixed(r: random.Random) -> str:
    """Return lines of three scripts in random order."""
    lines = "".join([book(r, 60_000), HANGUL(r), HAN(r)]).splitlines(keepends=True)
    r.shuffle(lines)
    return "".join(lines)


def bursty(r: random.Random) -> str:
    """Return text with other words every 5,000 characters."""
    topics = []
    for _ in range(60):
        words = [word(r) for _ in range(25)]
        topics.append(" ".join(r.choices(words, k=1_500))[:5_000])
    return "".join(topics)


def drifting(r: random.Random) -> str:
    """Return independent symbols with frequencies that change slowly over the text."""
    pieces = []
    for step in range(100):
        weights = [1.0 + 30 * max(0.0, 1 - abs(i - step / 4) / 4) for i in range(26)]
        pieces.append(symbols(r, alphabet(97, 26), 2_000, weights))
    return "".join(pieces)


def chain(r: random.Random, alphabet: str, count: int, order: int) -> str:
    """Return a Markov chain of symbols in which two of them are likely after every context."""
    likely: dict[str, str] = {}
    text = "".join(r.choices(alphabet, k=order))
    chain_symbols = list(text)
    for _ in range(count):
        context = "".join(chain_symbols[-order:])
        if context not in likely:
            likely[context] = "".join(r.choices(alphabet, k=2)) * 4 + alphabet
        chain_symbols.append(r.choice(likely[context]))
    return "".join(chain_symbols)


def license_text(r: random.Random) -> str:
    """Return paragraphs in capitals."""
    return "\n\n".join(wrapped(paragraph(r).upper(), 78) for _ in range(80)) + "\n"


def hexadecimal(r: random.Random) -> str:
    """Return a table of addresses and bytes."""
    return "".join(f"{16 * i:08x}  {r.randbytes(16).hex(' ')}\n" for i in range(600))


def notes_and_book(r: random.Random, *, book_first: bool) -> Files:
    """Return 200 short notes and a book, each in its own file."""
    notes = ["\n".join(sentence(r) for _ in range(r.randint(1, 4))) + "\n" for _ in range(200)]
    long = book(r, 200_000)
    return [long, *notes] if book_first else [*notes, long]


def code(r: random.Random) -> str:
    """Return indented source code."""
    functions = []
    for _ in range(1_200):
        a, b = word(r), word(r)
        functions.append(f"def {a}({b}):\n    if {b} > {r.randint(0, 9)}:\n        return {word(r)}({b})\n")
        functions.append(f"    return {b}\n\n\n")
    return "".join(functions)


def languages(r: random.Random) -> str:
    """Return paragraphs that alternate between two languages."""
    other = re.compile("[aeiou]")
    paragraphs = [paragraph(r) for _ in range(400)]
    turned = [other.sub(lambda v: v[0] + "k", p) if i % 2 else p for i, p in enumerate(paragraphs)]
    return "\n\n".join(turned)


def one(make: Callable[[random.Random], str], *, random: bool = False) -> Kind:
    """Return a kind of running text in one file."""
    return Kind(lambda r: [make(r)], random=random)


def periodic(length: int) -> Kind:
    """Return a kind of text that repeats a random block."""
    return one(lambda r: symbols(r, alphabet(97, 26), length) * (60_000 // length))


def uniform(first: int, count: int, characters: int) -> Kind:
    """Return a kind of text with equally likely symbols."""
    return one(lambda r: symbols(r, alphabet(first, count), characters), random=True)


def of_length(characters: int) -> Kind:
    """Return a kind of text that is the beginning of a book."""
    return one(lambda r: book(r, characters))


RUNNING: dict[str, Kind] = {
    "constant": one(lambda r: "a" * 50_000, random=True),
    "period 2": one(lambda r: "ab" * 30_000),
    "period 7": periodic(7),
    "period 100": periodic(100),
    "period 1,000": periodic(1_000),
    "uniform 2": uniform(48, 2, 100_000),
    "uniform 4": uniform(65, 4, 100_000),
    "uniform 26": uniform(97, 26, 100_000),
    "uniform 1,000": uniform(0xAC00, 1_000, 200_000),
    "digits": uniform(48, 10, 100_000),
    "Zipf 200": one(
        lambda r: symbols(r, alphabet(0x100, 200), 200_000, [1 / (i + 1) for i in range(200)]), random=True
    ),
    "20,000 symbols": uniform(0x4E00, 20_000, 400_000),
    "bursty": one(bursty),
    "drift": one(drifting),
    "English-like": of_length(300_000),
    "languages by turns": one(languages),
    "one line of 4 MB": one(lambda r: book(r, 4_000_000).replace("\n", " ")),
    "book, license": one(lambda r: book(r, 250_000) + license_text(r)),
    "book, hexadecimal": one(lambda r: book(r, 250_000) + hexadecimal(r)),
    "book, notes": Kind(lambda r: notes_and_book(r, book_first=True)),
    "notes, book": Kind(lambda r: notes_and_book(r, book_first=False)),
    "three scripts, files": Kind(lambda r: [book(r, 60_000), HANGUL(r), DEVANAGARI(r)]),
    "three scripts, mixed": one(scripts_mixed),
    "10 characters": of_length(10),
    "50 characters": of_length(50),
    "199 characters": of_length(199),
    "200 characters": of_length(200),
    "1,001 characters": of_length(1_001),
    "12,000 characters": of_length(12_000),
    "50 MB": of_length(50_000_000),
    "white space": one(lambda r: "".join(r.choices(["   \n", "\t\n", "\n", " \t \n"], k=20_000))),
    "code": one(code),
    "tunes": one(lambda r: tune(r) * 3),
    "DNA": one(lambda r: chain(r, "ACGT", 150_000, 4)),
    "CSV, unbroken": one(lambda r: "".join(f"{i},{name(r)},{r.randint(0, 99)}\n" for i in range(8_000))),
}
"""Running texts by name; charseq reads them without --lines."""

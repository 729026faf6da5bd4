"""Recognize a text that is a list of independent lines: names, words, passwords, molecules, records.

Three kinds of list are recognized, each by features that running text lacks:

- tokens: almost no line has a space;
- phrases: one to three words a line, no sentence punctuation, all lines begin with a capital or none does;
- records: lines begin alike and with digits (time stamps), or have the same number of delimiters (CSV).

Hard-wrapped prose, verse, plays, source code and text wrapped at a fixed width are none of these.
"""

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from charseq.text.corpus import AnyCorpus, Corpus

SAMPLE_CHARACTERS = 1 << 20
"""Characters, or bytes of large text, that are examined in all sources together."""
FEWEST_LINES = 10
"""The minimum number of lines of a list."""
MOST_LINES = 20_000
"""The maximum number of lines that are examined."""
MOST_SOURCES = 100
"""The maximum number of files that are examined."""

_SENTENCE_ENDS = tuple('.,;:!?…"”»。，、；：！？」』।')
_CODE_ENDS = tuple("{}();,:\\")
_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Han and kana, which have no space between words; lines of verse can have five characters."""
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
"""Thai, Lao, Burmese and Khmer, which have no space between words."""
_HANGUL = re.compile("[\uac00-\ud7a3]")
_RUN = re.compile(r"(?P<digits>[-+]?\d+)|(?P<letters>[^\W\d_]+)|(?P<spaces>\s+)")


def resembles_list(corpus: AnyCorpus) -> bool:
    """Return whether every source of a corpus, judged by its beginning, is a list of independent lines."""
    if corpus.lines:
        return False
    remaining, lists = SAMPLE_CHARACTERS, 0
    for text in _beginnings(corpus):
        if remaining <= 0:
            break
        lines = sample_lines(text, remaining)
        remaining -= len(text)
        if not lines:
            continue
        if not is_list(lines):
            return False
        lists += 1
    return lists > 0


def sample_lines(text: str, most: int = SAMPLE_CHARACTERS) -> list[str]:
    """Return the complete lines at the beginning of a text."""
    lines = text[:most].replace("\r\n", "\n").split("\n")
    if len(text) > most:
        lines.pop()
    return lines[:MOST_LINES]


def is_list(lines: Sequence[str]) -> bool:
    """Return whether lines, blank ones included, are items of a list rather than parts of running text."""
    filled = [line for line in lines if line.strip()]
    if len(filled) < FEWEST_LINES:
        return False
    blank = 1 - len(filled) / max(1, len(lines) - 1)
    if blank > 0.1 or _share(filled, lambda line: line[0].isspace()) > 0.02 or _is_wrapped(filled):
        return False
    return _are_tokens(filled) or (blank < 0.03 and (_are_phrases(filled) or _are_records(filled)))


def _beginnings(corpus: AnyCorpus) -> Iterator[str]:
    """Yield the beginning of each of a corpus's sources."""
    if isinstance(corpus, Corpus):
        yield from corpus.sequences[:MOST_SOURCES]
        return
    for source in corpus.sources[:MOST_SOURCES]:
        yield next(source.blocks(SAMPLE_CHARACTERS + 1), b"").decode("utf-8", "replace")


def _are_tokens(lines: Sequence[str]) -> bool:
    """Return whether lines are single tokens: words, names, passwords, molecules, numbers."""
    if _share(lines, lambda line: " " not in line.strip() and "\t" not in line.strip()) < 0.95:
        return False
    ends_sentence = _share(lines, lambda line: line.endswith(_SENTENCE_ENDS))
    # Running text with one token per line, as taggers read it, has lines of punctuation alone.
    punctuation = _share(lines, lambda line: len(line) <= 2 and not any(map(str.isalnum, line)))
    median = statistics.median(map(len, lines))
    return median <= _longest_token(lines) and ends_sentence < 0.3 and punctuation < 0.04


def _longest_token(lines: Sequence[str]) -> int:
    """Return the greatest median length of lines that are tokens, not phrases or verse."""
    if _share(lines, lambda line: bool(_HAN.search(line))) > 0.5:
        return 4
    return 12 if _share(lines, lambda line: bool(_UNSPACED.search(line))) > 0.5 else 200


def _are_phrases(lines: Sequence[str]) -> bool:
    """Return whether lines are phrases of very few words, such as full names and titles."""
    if _share(lines, lambda line: line.endswith((*_SENTENCE_ENDS, *_CODE_ENDS))) > 0.1:
        return False
    words = statistics.fmean(len(line.split()) for line in lines)
    median = statistics.median(map(len, lines))
    return words <= _most_words(lines) and median <= min(40, _longest_token(lines))


def _most_words(lines: Sequence[str]) -> float:
    """Return the greatest mean number of words of lines that are phrases, by how the lines begin."""
    if _share(lines, lambda line: line[0].isupper()) > 0.9:
        return 3.0
    korean = _share(lines, lambda line: bool(_HANGUL.search(line))) > 0.5  # its verse has short lines
    caseless = _share(lines, lambda line: line[0].isalpha() and line[0].lower() == line[0].upper()) > 0.9
    lower = _share(lines, lambda line: line[0].islower()) > 0.9
    return 2.2 if lower or (caseless and not korean) else 1.6


def _are_records(lines: Sequence[str]) -> bool:
    """Return whether lines are records: they begin alike, with digits, or have the same delimiters."""
    if _share(lines, lambda line: line.endswith(_SENTENCE_ENDS)) > 0.3:
        return False
    if statistics.median(map(len, lines)) > 1_000:
        return False
    for delimiter in "\t,;|":
        counts = Counter(line.count(delimiter) for line in lines)
        number, frequency = counts.most_common(1)[0]
        if number >= 2 and frequency >= 0.9 * len(lines):
            return True
    shapes = Counter(_shape(line) for line in lines)
    shape, frequency = shapes.most_common(1)[0]
    return frequency >= 0.9 * len(lines) and (shape.count("0") >= 2 or shape.startswith('{"'))


def _shape(line: str) -> str:
    """Return the beginning of a line with one character per run: 0 for digits, a for letters."""
    return _RUN.sub(lambda run: {"digits": "0", "letters": "a"}.get(run.lastgroup or "", " "), line[:40])[:8]


def _is_wrapped(lines: Sequence[str]) -> bool:
    """Return whether nearly all lines have one length, as text wrapped at a fixed width has."""
    lengths = Counter(len(line) for line in lines)
    length, frequency = lengths.most_common(1)[0]
    return length >= 40 and frequency >= 0.8 * len(lines)


def _share(lines: Sequence[str], predicate: Callable[[str], bool]) -> float:
    return sum(map(predicate, lines)) / len(lines)

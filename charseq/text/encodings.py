"""Guess the encoding of text that is not UTF-8, from the letters that each encoding would give it.

An encoding fits if all bytes are valid in it, and almost all of what is not ASCII are letters of one script.
Where several fit, as for Cyrillic and East Asian text, the one with the most frequent letters is chosen.
"""

import codecs
import re
from typing import NamedTuple

SAMPLE_BYTES = 1 << 16
"""Bytes that are examined, from the beginning of the line with the first invalid byte."""
MIN_SHARE = 0.9
"""The least share of plausible characters among those that are not ASCII."""
LATIN_SCORE = 0.5
"""The score of Latin text, for which no frequencies are known."""


class _Candidate(NamedTuple):
    encoding: str
    expected: "re.Pattern[str]"
    """Stretches of plausible characters."""
    common: str = ""
    """The most frequent letters of the script; empty for Latin, as which no other script is plausible."""
    longest: int = 1
    """The least length of the longest stretch: a single Cyrillic or Chinese letter is rather a Latin one."""
    least_common: float = 0.05
    """The least share of frequent letters: almost any bytes are some Chinese character."""


_PUNCTUATION = "\u2010-\u2026\u201c-\u201f\u3000-\u303f\uff01-\uff65\u00ab\u00bb\u2116\u00a0\u00a7\u00b7"
_LATIN_SIGNS = (
    "\u2010-\u2026\u20ac\u2122\u2030\u2039\u203a"
    "\u00a0\u00a1\u00a3\u00a7\u00a9\u00ab\u00ae\u00b0\u00b7\u00bb\u00bf"
)
_MARKED = "[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]"
_LATIN = re.compile(f"(?<!{_MARKED}){_MARKED}{{1,2}}(?!{_MARKED})|[{_LATIN_SIGNS}]")
"""Letters with marks: they stand alone in Western languages, but not in other text that is read as cp1252."""
_CYRILLIC = re.compile(f"(?<![A-Za-z])[\u0400-\u045f{_PUNCTUATION}]+(?![A-Za-z])")
_HAN = re.compile(f"[\u4e00-\u9fff{_PUNCTUATION}]+")
_JAPANESE = re.compile(f"[\u3040-\u30ff\u4e00-\u9fff{_PUNCTUATION}]+")
_KANA = "".join(map(chr, range(0x3041, 0x30FF)))
_RUSSIAN = "оеаинтсрвлкмдпу"
_HANGUL = re.compile(f"[\uac00-\ud7a3{_PUNCTUATION}]+")
_KOREAN = "이다는을의에가고하지를은한로사서인아도기나어자라리대그시수일정부해보안세요여주전제스있과장게니만들"
_CHINESE = (
    "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之"
    "过家学对可里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前"
    "所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种"
    "声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次东政海"
)
_TRADITIONAL = (
    "的一是不我有人在他這中大來上個國到說們為子和你地出道也時年得就那要下以生會自著去之過"
    "家學對可裡後小麼心多天而能好都然沒日於起還發成事只作當想看文無開手十用主行方又如前所"
    "本見經頭面公同三已老從動兩長世界"
)

_CANDIDATES = (
    _Candidate("cp1252", _LATIN),
    _Candidate("cp1251", _CYRILLIC, _RUSSIAN, 3),
    _Candidate("koi8-r", _CYRILLIC, _RUSSIAN, 3),
    _Candidate("cp949", _HANGUL, _KOREAN, 2, 0.0),
    _Candidate("shift_jis", _JAPANESE, _KANA, 2),
    _Candidate("euc_jp", _JAPANESE, _KANA, 2),
    _Candidate("gb18030", _HAN, _CHINESE, 2),
    _Candidate("big5", _HAN, _TRADITIONAL, 2),
)  # fmt: skip
"""Encodings in the order in which they are preferred."""
_CONTROL = re.compile(rb"[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def fitting_encoding(data: bytes, position: int) -> str:
    """Return an encoding that bytes would fit which are not UTF-8 at a position; empty if none does."""
    start = max(data.rfind(b"\n", 0, position) + 1, position - SAMPLE_BYTES // 2)
    sample = data[start : start + SAMPLE_BYTES]
    if _CONTROL.search(sample):
        return ""
    scores = [(_plausibility(sample, candidate), candidate.encoding) for candidate in _CANDIDATES]
    score, encoding = max(scores, key=lambda scored: scored[0])
    return encoding if score else ""


def _plausibility(sample: bytes, candidate: _Candidate) -> float:
    """Return 0 if an encoding does not fit, and more the more frequent the letters are."""
    try:
        text = codecs.getincrementaldecoder(candidate.encoding)().decode(sample)
    except UnicodeDecodeError:
        return 0.0
    others = re.sub(r"[\x00-\x7f]", "", text)
    lengths = [len(match[0]) for match in candidate.expected.finditer(text)]
    if not others or sum(lengths) < MIN_SHARE * len(others) or max(lengths) < candidate.longest:
        return 0.0
    if not candidate.common:
        return LATIN_SCORE
    frequency = sum(character in candidate.common for character in others) / len(others)
    return frequency + 0.01 if frequency >= candidate.least_common else 0.0

"""Text that is not UTF-8 is recognized by its letters, and never if it is implausible."""

import random
from pathlib import Path

import pytest

from charseq.text.encodings import fitting_encoding
from tests.support.command import Command

TEXTS = {
    "cp1252": [
        "Grüße aus München: schöne Tage, weiß und süß.", "Größe", "café", "il est à Paris",
        "“quoted” — naïve", "¿Qué año, niño?", "5 €",
    ],
    "cp1251": ["Привет, как дела? Сегодня хорошая погода.", "Москва", "он сказал: «нет»"],
    "koi8-r": ["Привет, как дела? Сегодня хорошая погода.", "Москва", "мама мыла раму"],
    "shift_jis": ["こんにちは、世界。今日はいい天気ですね。", "東京は日本の首都です", "カタカナ"],
    "euc_jp": ["こんにちは、世界。今日はいい天気ですね。", "東京は日本の首都です"],
    "cp949": ["안녕하세요, 세계! 오늘은 날씨가 좋습니다.", "대한민국", "서울은 한국의 수도이다", "김치찌개"],
    "gb18030": ["你好，世界！今天天气很好。", "我是中国人", "北京是中国的首都"],
    "big5": ["你好，世界！今天天氣很好。", "我是台灣人", "這是一個很好的學生"],
}  # fmt: skip
CASES = [(encoding, text) for encoding, texts in TEXTS.items() for text in texts]
FAST = ("--cell", "gru", "--hidden-size", "3", "--epochs", "1")


def guess(data: bytes) -> str:
    """Return the guess for bytes that are not UTF-8."""
    with pytest.raises(UnicodeDecodeError) as error:
        data.decode()
    return fitting_encoding(data, error.value.start)


@pytest.mark.parametrize(("encoding", "text"), CASES)
def test_the_encoding_of_short_text_is_guessed(encoding: str, text: str) -> None:
    assert guess(text.encode(encoding)) == encoding


@pytest.mark.parametrize(("encoding", "text"), CASES)
def test_ascii_around_the_text_and_a_cut_character_do_not_mislead(encoding: str, text: str) -> None:
    before = b'<p class="x">some words, 12 < 34;</p>\n' * 3
    assert guess(before + text.encode(encoding)) == encoding
    long = (text + "\n").encode(encoding) * 9999
    assert guess(long) == encoding


def test_random_bytes_fit_no_encoding() -> None:
    draw = random.Random(7)
    for _ in range(211):
        assert fitting_encoding(bytes(draw.randrange(32, 256) for _ in range(97)), 0) == ""


def test_text_with_control_characters_fits_no_encoding() -> None:
    assert fitting_encoding(b"caf\xe9 \x00\x01", 3) == ""


@pytest.mark.parametrize(("encoding", "text"), [(encoding, texts[0]) for encoding, texts in TEXTS.items()])
def test_the_hint_is_an_option_that_works(charseq: Command, encoding: str, text: str) -> None:
    Path("a.txt").write_bytes(f"{text}\n{text}\n".encode(encoding))
    result = charseq("train", "--file", "a.txt", *FAST)
    assert result.status == 2
    message, hint = result.errors.splitlines()
    assert "charseq: 'a.txt' is not UTF-8: byte 0x" in message
    assert hint.startswith(f"  {encoding} would fit: add --encoding {encoding}, or use --unit byte")
    assert charseq("train", "--file", "a.txt", "--encoding", encoding, *FAST).status == 0
    scored = charseq("score", "-", "--lines", stdin=text.encode(encoding))
    assert (
        f"{encoding} would fit: add --encoding {encoding}, or train on it with --unit byte" in scored.errors
    )


def test_without_a_guess_the_hint_asks_for_the_name(charseq: Command) -> None:
    Path("a.txt").write_bytes(b"abc\xff\xfe\xfd\x81\n")
    assert "  name its --encoding, or use --unit byte" in charseq("train", "--file", "a.txt").errors


def test_an_argument_has_no_encoding_to_add(charseq: Command) -> None:
    assert "--encoding" not in charseq("train", "--text", "caf\udce9").errors

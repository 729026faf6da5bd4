"""Generated texts to try the recognition of lists on: some are lists of lines, some are running text."""

import base64
import random
import re
from collections.abc import Callable
from pathlib import Path

Generator = Callable[[random.Random], str]

SYLLABLES = re.findall("..", "anbecodaelfigahoinjokalimonaorperasitaulvawiyazo")
FUNCTION_WORDS = re.findall(
    r"\w+", "the of and to a in that it is was for on with as at by not but they from"
)
SURNAMES, GIVEN = "김이박최정강조윤장임한오서신권황안송", "민서준하은지우현수연예진영도윤채원"
HAN = "".join(map(chr, range(0x4E00, 0x5200)))


def word(r: random.Random) -> str:
    return "".join(r.choices(SYLLABLES, k=r.randint(1, 4)))


def name(r: random.Random) -> str:
    return word(r).capitalize()


def sentence(r: random.Random) -> str:
    words = [r.choice(FUNCTION_WORDS) if r.random() < 0.45 else word(r) for _ in range(r.randint(5, 25))]
    marks = [r.choice([",", ",", ";"]) if r.random() < 0.12 else "" for _ in words]
    text = " ".join(w + m for w, m in zip(words, marks, strict=True)).rstrip(",;")
    return text[0].upper() + text[1:] + r.choice("...?!")


def paragraph(r: random.Random) -> str:
    return " ".join(sentence(r) for _ in range(r.randint(2, 9)))


def wrapped(text: str, width: int) -> str:
    lines, line = [], ""
    for piece in text.split():
        if line and len(line) + 1 + len(piece) > width:
            lines.append(line)
            line = piece
        else:
            line = f"{line} {piece}".strip()
    return "\n".join([*lines, line])


def items(make: Generator, count: int = 300) -> Generator:
    return lambda r: "".join(f"{make(r)}\n" for _ in range(count))


def smiles(r: random.Random) -> str:
    parts = [
        "C",
        "CC",
        "c1ccccc1",
        "C(=O)O",
        "N",
        "[nH]",
        "C#N",
        "(Cl)",
        "/C=C/",
        "S(=O)(=O)",
        "C1CCNCC1",
        "F",
    ]
    return "".join(r.choices(parts, k=r.randint(2, 12)))


def password(r: random.Random) -> str:
    kinds = [
        word(r) + str(r.randint(0, 9999)),
        name(r) + r.choice("!@#?."),
        str(r.randint(10**5, 10**8)),
        word(r),
    ]
    return r.choice(kinds)


def clock(r: random.Random) -> str:
    return f"{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}"


def iso_log(r: random.Random) -> str:
    level = r.choice(["INFO", "WARN", "ERROR"])
    return f"2024-03-{r.randint(1, 28):02} {clock(r)},{r.randint(0, 999):03} {level} {sentence(r)[:-1]}"


def syslog(r: random.Random) -> str:
    return f"Mar {r.randint(1, 28):2} {clock(r)} host {word(r)}[{r.randint(1, 9999)}]: {sentence(r)[:-1]}"


def access_log(r: random.Random) -> str:
    address = ".".join(str(r.randint(1, 254)) for _ in range(4))
    return f'{address} - - [12/Mar/2024:{clock(r)} +0000] "GET /{word(r)} HTTP/1.1" 200 {r.randint(9, 9999)}'


def json_log(r: random.Random) -> str:
    return f'{{"time": "2024-03-02T{clock(r)}Z", "level": "info", "message": "{sentence(r)}"}}'


def korean_name(r: random.Random) -> str:
    return r.choice(SURNAMES) + "".join(r.choices(GIVEN, k=2))


def korean_sentence(r: random.Random) -> str:
    words = ["".join(r.choices(SURNAMES + GIVEN, k=r.randint(1, 4))) for _ in range(r.randint(4, 12))]
    return " ".join(words) + "다."


def han(r: random.Random, count: int) -> str:
    return "".join(r.choices(HAN, k=count))


def letters(characters: str, shortest: int, longest: int) -> Generator:
    return lambda r: "".join(r.choices(characters, k=r.randint(shortest, longest)))


arabic, thai = letters("ابتثجحدذرزسشعغفقكلمنهوي", 3, 6), letters("กขคงจชดตนบปพมยรลวสอ", 4, 8)


def with_footer(r: random.Random) -> str:
    return items(name, 400)(r) + "\n" + wrapped(paragraph(r), 72) + "\n"


def with_long_line(r: random.Random) -> str:
    lines = items(name)(r).splitlines()
    lines.insert(r.randint(0, len(lines)), "x" * 2_000)
    return "\n".join(lines)


LISTS: dict[str, Generator] = {
    "10 names": items(name, 10),
    "100 names": items(name, 100),
    "5,000 names": items(name, 5_000),
    "full names": items(lambda r: f"{name(r)} {name(r)}"),
    "full names, no final newline": lambda r: items(lambda q: f"{name(q)} {name(q)}")(r).rstrip(),
    "titles of one to four words": items(lambda r: " ".join(name(r) for _ in range(r.randint(1, 4)))),
    "words": items(word),
    "words, CR LF": lambda r: items(word)(r).replace("\n", "\r\n"),
    "few words, many repeats": lambda r: "\n".join(r.choices([word(r) for _ in range(150)], k=4_000)),
    "names with a footer": with_footer,
    "names with a line of 2,000": with_long_line,
    "passwords": items(password),
    "molecules": items(smiles),
    "Korean names": items(korean_name),
    "Korean names, 40": items(korean_name, 40),
    "Chinese names": items(lambda r: han(r, r.randint(2, 3))),
    "Arabic full names": items(lambda r: f"{arabic(r)} {arabic(r)}"),
    "Thai names": items(thai),
    "binomial names": items(lambda r: f"{name(r)} {word(r)}"),
    "dates": items(lambda r: f"{r.randint(1900, 2020)}-{r.randint(1, 12):02}-{r.randint(1, 28):02}"),
    "coordinates": items(lambda r: f"{r.uniform(-90, 90):.4f} {r.uniform(-180, 180):.4f}"),
    "addresses of pages": items(lambda r: f"https://{word(r)}.org/{word(r)}/{r.randint(1, 999)}"),
    "e-mail addresses": items(lambda r: f"{word(r)}.{word(r)}@{word(r)}.com"),
    "numbers": items(lambda r: str(r.randint(0, 10**6))),
    "sums": items(lambda r: f"{r.randint(1, 99)}+{r.randint(1, 99)}={r.randint(1, 198)}"),
    "DNA reads": items(lambda r: "".join(r.choices("ACGT", k=r.randint(30, 90)))),
    "lengths 3 and 300": items(lambda r: "".join(r.choices("abcdefgh", k=r.choice([3, 3, 300])))),
    "log, ISO times": items(iso_log),
    "log, syslog": items(syslog),
    "log, web server": items(access_log),
    "log, JSON": items(json_log),
    "CSV": items(lambda r: f"{r.randint(1, 999)},{name(r)},{r.random():.3f},{word(r)} {word(r)}"),
    "TSV": items(lambda r: f"{name(r)}\t{r.randint(1, 99)}\t{sentence(r)[:-1]}"),
    "rows of numbers": items(lambda r: " ".join(f"{r.random():.2f}" for _ in range(5))),
}  # fmt: skip


def prose(width: int) -> Generator:
    return lambda r: "\n\n".join(wrapped(paragraph(r), width) for _ in range(40)) + "\n"


def verse(stanza: int, punctuation: bool, words: int = 7) -> Generator:
    def line(r: random.Random) -> str:
        text = " ".join(r.choice(FUNCTION_WORDS) if r.random() < 0.5 else word(r) for _ in range(words))
        return text.capitalize() + (r.choice([",", ",", ";", ".", "", ""]) if punctuation else "")

    def make(r: random.Random) -> str:
        lines = [line(r) + ("\n" if stanza and i % stanza == stanza - 1 else "") for i in range(80)]
        return "\n".join(lines)

    return make


def phrase(r: random.Random, fewest: int, most: int) -> str:
    return " ".join(r.choice([*FUNCTION_WORDS, word(r)]) for _ in range(r.randint(fewest, most)))


def play(r: random.Random) -> str:
    return "\n".join(f"{name(r).upper()}:\n{wrapped(sentence(r), 45)}\n" for _ in range(60))


def fasta(r: random.Random) -> str:
    chain = "".join(r.choices("ACGT", k=60 * 100 + 17))
    return ">chain 1\n" + "\n".join(chain[i : i + 60] for i in range(0, len(chain), 60)) + "\n"


def hexdump(r: random.Random) -> str:
    return "".join(
        f"{16 * i:08x}  {r.randbytes(8).hex(' ')}  {r.randbytes(8).hex(' ')}\n" for i in range(200)
    )


def tokens(r: random.Random) -> str:
    every = " ".join(paragraph(r) for _ in range(20))
    return "\n".join(every.replace(".", "\n.").replace(",", "\n,").replace(";", "\n;").split())


def tune(r: random.Random) -> str:
    bars = [" ".join("".join(r.choices("ABcdefga", k=4)) for _ in range(2)) for _ in range(400)]
    staves = ["|" + "|".join(bars[i : i + 4]) + "|" for i in range(0, 400, 4)]
    tunes = [
        "\n".join([f"X:{i}", f"T:{name(r)} {name(r)}", "M:4/4", "K:D", *staves[i : i + 4]]) for i in range(96)
    ]
    return "\n\n".join(tunes)


def here(path: str) -> Generator:
    return lambda _: (Path(__file__).parents[2] / path).read_text(encoding="utf-8")


RUNNING: dict[str, Generator] = {
    "a word": lambda _: "hihello",
    "a line": sentence,
    "3 short lines": lambda r: f"{name(r)}\n{name(r)}\n{name(r)}\n",
    "one long line": lambda r: " ".join(paragraph(r) for _ in range(200)),
    "one long word": lambda r: "".join(r.choices("abc", k=10_000)),
    "prose at 30": prose(30),
    "prose at 60": prose(60),
    "prose at 72, CR LF": lambda r: prose(72)(r).replace("\n", "\r\n"),
    "prose at 72, no blank lines": lambda r: wrapped(" ".join(paragraph(r) for _ in range(40)), 72),
    "a paragraph a line": lambda r: "\n".join(paragraph(r) for _ in range(60)),
    "a sentence a line": items(sentence),
    "verse in stanzas": verse(4, True),
    "verse without stanzas": verse(0, True),
    "verse without punctuation": verse(0, False),
    "short verse in stanzas, without punctuation": verse(4, False, 3),
    "a play": play,
    "Korean prose": lambda r: wrapped(" ".join(korean_sentence(r) for _ in range(200)), 40),
    "Korean verse": lambda r: "\n".join(" ".join(korean_name(r) for _ in range(3)) for _ in range(40)),
    "Chinese prose": lambda r: "\n".join("，".join(han(r, 9) for _ in range(9)) + "。" for _ in range(40)),
    "Chinese verse": lambda r: "".join(f"{han(r, 5)}，\n{han(r, 5)}。\n" for _ in range(20)),
    "Chinese verse without punctuation": lambda r: "".join(f"{han(r, 7)}\n" for _ in range(40)),
    "free verse": items(lambda r: phrase(r, 1, 5)),
    "lyrics": items(lambda r: phrase(r, 4, 6).capitalize(), 60),
    "a dialogue": items(lambda r: f"{r.choice(['ANNA', 'BEN'])}: {sentence(r)}"),
    "numbered verses": lambda r: "".join(f"{1 + i // 30}:{1 + i % 30} {sentence(r)}\n" for i in range(200)),
    "a web page": items(lambda r: f"<p>{sentence(r)}</p>"),
    "FASTA": fasta,
    "base64": lambda r: base64.encodebytes(r.randbytes(4_000)).decode(),
    "digits wrapped at 80": lambda r: "\n".join("".join(r.choices("0123456789", k=80)) for _ in range(60)),
    "a hexadecimal table": hexdump,
    "a token a line": tokens,
    "tunes": tune,
    "blank lines": lambda _: "\n" * 500 + "   \n" * 500,
    "Python": here("charseq/text/vocabulary.py"),
    "Python, short file": here("charseq/errors.py"),
    "C": here("charseq/native/library.c"),
    "C header": here("charseq/native/cells.h"),
    "Markdown": here("README.md"),
    "a changelog": here("CHANGELOG.md"),
    "a license": here("LICENSE"),
    "TOML": here("pyproject.toml"),
    "a shell script": here(".ci/run"),
}  # fmt: skip

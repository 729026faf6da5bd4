"""The README's commands run, and what it and the other pages refer to exists."""

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.command import shell
from tests.support.picture import PICTURE, recorded, training_events

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(sh|console)\n(.*?)^```", TEXT, re.M | re.S)
PAGES = [README, *sorted(ROOT.glob("tests/**/*.md"))]

MOST_LINES, MOST_COLUMNS = 350, 120
"""The limits of the README."""
MOST_BYTES_OF_PICTURE = 60_000
SMALLER = {"--file": ("CHARSEQ_HIDDEN_SIZE", "32"), "charseq compare": ("CHARSEQ_EPOCHS", "5")}
"""Settings that make a block faster, by a part of its commands: the long test trains by default."""


@pytest.mark.long
def test_every_command_of_the_readme_runs_in_order_and_prints_what_is_shown() -> None:
    run_the_readme()


def test_every_command_of_the_readme_runs_with_torch_loaded(programs: Path) -> None:
    run_the_readme(programs, smaller=SMALLER)


def run_the_readme(*programs: Path, smaller: Mapping[str, tuple[str, str]] = {}) -> None:
    assert len(BLOCKS) >= 8
    write_texts()
    for kind, block in BLOCKS:
        if "pip install" in block:
            block = block.partition("pip install . && ")[2]  # .ci/run tests the installation
        if kind == "console":
            for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
                ended = shell(command, *programs)
                assert ended.returncode == 0, (command, ended.stderr)
                assert ended.stdout == expected, command
            continue
        with pytest.MonkeyPatch.context() as patch:
            for part, variable in smaller.items():
                if part in block:
                    patch.setenv(*variable)
            ended = shell(block, *programs)
        assert ended.returncode == 0, (block, ended.stderr)
        assert "Traceback" not in ended.stderr
    check_the_files_of_the_recipes()


def write_texts() -> None:
    """Write the files that the README's commands read."""
    Path("corpus.txt").write_text("".join(f"He said {i}, and she {i * i % 997}.\n" for i in range(200)))
    syllables = [a + b for a in "kmrstvw" for b in ("a", "e", "in", "o")]
    names = sorted(
        a + b + c for i, a in enumerate(syllables) for b in syllables[::3] for c in syllables[i % 3 :: 13]
    )
    Path("names.txt").write_text("".join(f"{name}\n" for name in names))
    endings = {"Italian": ("rossi", "bini", "letti"), "German": ("weber", "mann", "stein")}
    labeled = [
        f"{label}\t{(start + ending).capitalize()}\n"
        for start in syllables
        for label, ends in endings.items()
        for ending in ends
    ]
    Path("labeled.tsv").write_text("".join(labeled))
    Path("test.tsv").write_text("Italian\tRossi\nGerman\tSteinweber\n")
    log = [f"12:{i % 60:02d} INFO request {i} took {i * 7 % 90} ms" for i in range(300)]
    log[280] = "12:40 ERROR disk full: cannot write block 17"
    Path("app.log").write_text("".join(f"{line}\n" for line in log))


def check_the_files_of_the_recipes() -> None:
    names = Path("new-names.txt").read_text().splitlines()
    assert len(names) == len(set(names)) == 1000
    assert not set(names) & set(Path("train.txt").read_text().splitlines())
    assert len(Path("labels.tsv").read_text().splitlines()) == 2
    assert "ERROR disk full" in Path("odd.tsv").read_text()
    assert len(Path("odd.tsv").read_text().splitlines()) < 25
    assert json.loads(Path("events.ndjson").read_text().splitlines()[-1])["status"] == "completed"


def test_the_python_of_the_readme_runs_and_prints_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.M | re.S)
    exec(compile(block, str(README), "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    shown = [
        line.rpartition("# ")[2]
        for line in block.splitlines()
        if line.startswith("print(") and "  # " in line
    ]
    assert shown == ["hihello", "hello"]
    assert printed[printed.index("hihello") : printed.index("hihello") + 2] == shown


def test_the_two_install_commands_come_first_and_are_the_ones_that_ci_runs() -> None:
    commands = [block for kind, block in BLOCKS if kind == "sh" and "python3 -m venv" in block]
    assert BLOCKS[0][1] == commands[0]
    assert commands[0].endswith("&& charseq train --text hihello --cell lstm\n")
    assert commands[1].endswith("&& pytest\n")
    assert len(commands) == 2


def test_the_readme_is_short() -> None:
    lines = TEXT.splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= MOST_COLUMNS


def test_the_picture_shows_what_training_prints() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    assert len(picture) <= MOST_BYTES_OF_PICTURE
    assert "http" not in re.sub(r'xmlns="[^"]*"|<!--.*?-->', "", picture)
    drawn: dict[str, list[str]] = {}
    for y, text in re.findall(r'<text [^>]*y="([\d.]+)"[^>]*>([^<]*)</text>', picture):
        drawn.setdefault(y, []).extend(html.unescape(text).split())
    printed = [line.split() for line in recorded(training_events()).export_text().splitlines()]
    headings = 1 + [line[0] for line in printed].index("epoch")
    for number in [*range(headings), -2, -1]:  # the rows between them depend on the processor
        line = list(drawn.values())[number]
        assert words(line) == words(printed[number]), "run python -m tests.support.picture"


def words(line: list[str]) -> list[str]:
    """Return the words that are the same on every machine: no numbers, no kernel."""
    return [word for word in line if not re.search(r"\d|native|torch", word)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_and_program_on_a_page_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    paths = re.findall(r"\btests/[\w/]+\.(?:py|md)\b", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    modules = re.findall(r"\btests(?:\.\w+)+", text)
    files = [ROOT / module.replace(".", "/") for module in modules]
    assert [file for file in files if not (file.is_dir() or file.with_suffix(".py").exists())] == []
    anchors = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", text, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_every_row_of_the_table_of_faults_selects_tests() -> None:
    page = (ROOT / "tests/reliability/README.md").read_text(encoding="utf-8")
    for files, selection in re.findall(r"`((?:tests/\S+ )*)-k ([^`]+)`", page):
        paths = [ROOT / file for file in files.split()] or ROOT.glob("tests/**/test_*.py")
        names = re.findall(r"def (test_\w+)", "".join(path.read_text(encoding="utf-8") for path in paths))
        for part in selection.strip('"').split(" or "):
            assert any(part in name for name in names), f"-k {part} selects no test in {files or 'tests'}"


def test_the_changelog_has_an_unreleased_section() -> None:
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

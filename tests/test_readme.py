"""Whatever the README shows is run here."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.support.command import shell

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"^```(sh|console)\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.long
def test_every_command_of_the_readme_runs_in_order_and_shows_what_is_written() -> None:
    run_the_readme()


def test_every_command_of_the_readme_runs_where_torch_is_at_hand(programs: Path) -> None:
    run_the_readme(programs)


def run_the_readme(*programs: Path) -> None:
    assert len(BLOCKS) >= 8
    write_texts()
    for kind, block in BLOCKS:
        if "pip install" in block:
            block = block.partition("pip install . && ")[2]  # installing is what .ci/run does
        if kind == "console":
            for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
                ended = shell(command, *programs)
                assert ended.returncode == 0, (command, ended.stderr)
                assert ended.stdout == expected, command
            continue
        if "jq " in block and shutil.which("jq") is None:
            continue
        ended = shell(block, *programs)
        assert ended.returncode == 0, (block, ended.stderr)
        assert "Traceback" not in ended.stderr
    recipes_did_what_is_said_of_them()


def write_texts() -> None:
    """The files that the README speaks of."""
    Path("corpus.txt").write_text("".join(f"He said {i}, and she {i * i % 997}.\n" for i in range(500)))
    parts = [a + b for a in "kmrstvw" for b in ("a", "e", "in", "o")]
    names = sorted(a + b + c for i, a in enumerate(parts) for b in parts for c in parts[i % 3 :: 13])
    Path("names.txt").write_text("".join(f"{name}\n" for name in names))
    log = [f"12:{i % 60:02d} INFO request {i} took {i * 7 % 90} ms" for i in range(300)]
    log[280] = "12:40 ERROR disk full: cannot write block 17"
    Path("app.log").write_text("".join(f"{line}\n" for line in log))


def recipes_did_what_is_said_of_them() -> None:
    made = Path("new-names.txt").read_text().splitlines()
    assert len(made) == len(set(made)) == 1000
    assert not set(made) & set(Path("names.txt").read_text().splitlines())
    assert "ERROR disk full" in Path("odd.tsv").read_text()
    assert len(Path("odd.tsv").read_text().splitlines()) < 25
    assert json.loads(Path("events.ndjson").read_text().splitlines()[-1])["status"] == "completed"
    if shutil.which("jq"):
        found = [json.loads(line) for line in Path("cells.ndjson").read_text().splitlines()]
        assert [record["cell"] for record in found] == ["rnn", "lstm", "gru"]
        assert all(record["accuracy"] == 1 for record in found)


def test_the_python_of_the_readme_runs_and_prints_what_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)
    exec(compile(block, str(README), "exec"), {})
    written = capsys.readouterr().out.splitlines()
    shown = [
        line.rpartition("# ")[2]
        for line in block.splitlines()
        if line.startswith("print(") and "  # " in line
    ]
    assert shown == ["hihello", "hello"]
    assert written[written.index("hihello") : written.index("hihello") + 2] == shown


def test_the_two_commands_stand_first_and_are_the_ones_that_ci_runs() -> None:
    commands = [block for kind, block in BLOCKS if kind == "sh" and "python3 -m venv" in block]
    assert BLOCKS[0][1] == commands[0]
    assert commands[0].endswith("&& charseq train --text hihello --cell lstm\n")
    assert commands[1].endswith("&& pytest\n")
    assert len(commands) == 2


def test_the_changelog_has_a_place_for_what_is_unreleased() -> None:
    assert "## Unreleased" in (README.parent / "CHANGELOG.md").read_text(encoding="utf-8")

"""Whatever the README and the help show is run here."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from charseq.cli import cells, compare, inspect_gradients, inspect_shapes, predict, train
from charseq.cli.app import app

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"^```(sh|console)\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)


def shell(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script where `charseq` and `python` are those of these tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


def test_every_command_of_the_readme_runs_in_order_and_shows_what_is_written() -> None:
    assert len(BLOCKS) >= 8
    Path("corpus.txt").write_text("".join(f"He said {i}, and she {i * i % 997}.\n" for i in range(500)))
    for kind, block in BLOCKS:
        if "pip install" in block:
            block = block.partition("pip install . && ")[2]  # installing is what .ci/run does
        if kind == "console":
            for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
                ended = shell(command)
                assert ended.returncode == 0, (command, ended.stderr)
                assert ended.stdout == expected, command
            continue
        for line in block.splitlines():
            ended = shell(line)
            assert ended.returncode == 0, (line, ended.stderr)
            assert "Traceback" not in ended.stderr


def test_the_two_commands_stand_first_and_are_the_ones_that_ci_runs() -> None:
    commands = [block for kind, block in BLOCKS if kind == "sh" and "python3 -m venv" in block]
    assert BLOCKS[0][1] == commands[0]
    assert commands[0].endswith("&& charseq train --text hihello --cell lstm\n")
    assert commands[1].endswith("&& pytest\n")
    assert len(commands) == 2


@pytest.mark.parametrize(
    "module", [train, predict, inspect_shapes, inspect_gradients, compare, cells], ids=lambda m: m.__name__
)
def test_the_help_of_every_command_ends_with_examples_that_run(module: object) -> None:
    examples: list[str] = module.EXAMPLES  # type: ignore[attr-defined]
    shell("charseq train --text hihello --epochs 3")
    for line in examples:
        ended = shell(line)
        assert ended.returncode == 0, (line, ended.stderr)


@pytest.mark.parametrize("command", [c.name for c in app.registered_commands])
def test_the_help_shows_its_examples_last(command: str) -> None:
    for flag in ("-h", "--help"):
        shown = shell(f"charseq {command} {flag}").stdout
        options, _, examples = shown.partition("Examples:")
        assert "--help" in options
        assert f"charseq {command}" in examples


def test_the_changelog_has_a_place_for_what_is_unreleased() -> None:
    assert "## Unreleased" in (README.parent / "CHANGELOG.md").read_text(encoding="utf-8")

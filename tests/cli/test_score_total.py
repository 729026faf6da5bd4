"""The mean surprisal of all lines, at the end of `charseq score --lines`."""

from pathlib import Path

from tests.support.command import Command


def test_the_total_of_several_lines_is_reported(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--text", "yes", "--epochs", "3", "--hidden-size", "3")
    result = charseq("score", "--lines", "hihello\nyes\nhey", "--format", "plain")
    rows = [line.split("\t") for line in result.output.splitlines()[1:]]
    nats = sum(float(row[1]) * int(row[3]) for row in rows)
    characters = sum(int(row[3]) for row in rows)
    assert f"all 3 lines: {characters} characters: " in result.errors
    assert f"{nats / characters:.3f}"[:-1] in result.errors.split("bits and ")[1]
    assert "all " not in charseq("score", "--lines", "hihello").errors
    assert charseq("score", "--lines", "hihello\nyes", "--quiet").errors == ""
    assert charseq("score", "--lines", "hihello\nyes", "--json").errors == ""


def test_an_unknown_character_of_a_file_is_found_before_anything_is_written(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "3", "--hidden-size", "3")
    for name, text in (("known.txt", "hihello"), ("unknown.txt", "hihello" * 9 + "X")):
        Path(name).write_text(text)
    result = charseq("score", "--file", "known.txt", "--file", "unknown.txt", "--json")
    assert result.status == 2
    assert [record["text"] for record in result.records] == ["hihello"]
    assert "unknown" in result.errors
    skipped = charseq("score", "--file", "unknown.txt", "--unknown", "skip", "--json")
    assert skipped.records[0]["unknown"] == 1

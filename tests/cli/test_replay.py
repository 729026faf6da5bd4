"""charseq replay in a pipe: plain lines as train prints them, the log's records, and which run it shows."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from charseq.runs.lock import Lock
from tests.support.command import Command
from tests.support.forks import Forked
from tests.support.logs import hihello_epochs, hihello_events, write_log

FEW = ["--epochs", "3", "--hidden-size", "7"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--text", "hihello"],
        ["--text", "hihello", "--text", "가나다 라\u0301", "--unit", "grapheme"],
        ["--text", "é\x1b[2J\u202e", "--unit", "byte"],
        ["--file", "long.txt", "--ngram", "2"],
        ["--file", "names.txt", "--lines"],
        ["--file", "labels.txt", "--labels"],
    ],
)
def test_in_a_pipe_a_replay_prints_what_training_has_printed(charseq: Command, arguments: list[str]) -> None:
    Path("long.txt").write_text("".join(f"{i} and {i + 1}.\n" for i in range(150)))
    Path("names.txt").write_text("ada\ngrace\nalan\n")
    Path("labels.txt").write_text("x\tada\ny\tgrace\nx\talan\n")
    trained = charseq("train", *arguments, *FEW)
    replayed = charseq("replay")
    assert trained.status == replayed.status == 0
    assert replayed.output == trained.output
    assert len(replayed.output.splitlines()) >= 4


def test_json_equals_the_log(charseq: Command) -> None:
    charseq.train("--text", "hihello", *FEW)
    log = Path("runs/0001-gru/log.ndjson").read_text()
    assert charseq("replay", "--json").output == log


def test_the_table_in_a_pipe_is_that_of_training(charseq: Command) -> None:
    trained = charseq("train", "--text", "hihello", *FEW, "--format", "table")
    assert charseq("replay", "--format", "table").output == trained.output


def test_messages_tell_the_settings_and_the_result_without_times(charseq: Command) -> None:
    charseq.train("--text", "hihello", *FEW)
    lines = charseq("replay").errors.splitlines()
    assert lines[:2] == ["replay of runs/0001-gru", "text: 7 characters, 5 distinct, to memorize"]
    assert lines[-1].startswith("done after 3 epochs; loss ")
    assert charseq("replay", "--quiet").errors == ""


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ([], "0003-rnn"), (["1"], "0001-gru"), (["0002"], "0002-compare/0002-rnn"),
        (["2/1"], "0002-compare/0001-lstm"), (["0001-gru"], "0001-gru"), (["runs/0001-gru/"], "0001-gru"),
        (["runs/0001-gru/log.ndjson"], "0001-gru"), (["runs/0001-gru/model.safetensors"], "0001-gru"),
        (["0002-compare/0001-lstm"], "0002-compare/0001-lstm"),
    ],
)  # fmt: skip
def test_a_run_is_found_by_its_name_its_number_or_its_files(
    charseq: Command, name: list[str], shown: str
) -> None:
    for run in ("0001-gru", "0002-compare/0001-lstm", "0002-compare/0002-rnn", "0003-rnn"):
        write_log(Path("runs", run), *hihello_events())
    result = charseq("replay", *name)
    assert result.errors.splitlines()[0] == f"replay of runs/{shown}"


def test_the_environment_can_name_the_run(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    write_log("elsewhere", *hihello_events())
    monkeypatch.setenv("CHARSEQ_MODEL", "elsewhere")
    assert charseq("replay").errors.startswith("replay of elsewhere\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there is no run in 'runs'"),
        (["7"], "there is no run 7 in 'runs'"),
        (["0002-gru"], "there is no run '0002-gru'"),
        (["folder"], "'folder' is not a run: it has no log (log.ndjson)"),
        (["file.txt"], "'file.txt' is not a run: it has no log (log.ndjson)"),
        (["empty"], "'empty/log.ndjson' has no event that charseq can read"),
        (["empty", "--json"], "'empty/log.ndjson' has no event that charseq can read"),
        (["--delay", "soon"], "invalid value for --delay: 'soon' is not a duration"),
        ([""], "the value is empty"),
        (["\x1b[2J"], "there is no run '\\x1b[2J'"),
    ],
)
def test_what_is_no_run_is_a_usage_error(charseq: Command, arguments: list[str], message: str) -> None:
    Path("folder").mkdir()
    Path("file.txt").touch()
    write_log("empty", "nonsense")
    result = charseq("replay", *arguments)
    assert (result.status, result.output) == (2, "")
    assert message in result.errors
    assert "\x1b" not in result.errors


def test_damaged_lines_are_left_out_and_reported(charseq: Command) -> None:
    events = hihello_events()
    lines = write_log("one", *events[:3], "{", "[]", *events[3:])
    result = charseq("replay", "one")
    assert len(result.output.splitlines()) == 8
    assert "skipped 2 damaged lines of the log" in result.errors
    as_json = charseq("replay", "one", "--json")
    assert as_json.output.splitlines() == [line for line in lines if line not in ("{", "[]")]
    assert as_json.errors == "skipped 2 damaged lines of the log\n"


def test_a_log_without_its_first_line_is_replayed(charseq: Command) -> None:
    write_log("one", *hihello_events()[1:])
    result = charseq("replay", "one")
    assert result.output.splitlines()[-1].split("\t")[3:5] == ["ihello", "ihello"]
    assert "the settings of the run are unknown" in result.errors
    assert len(charseq("replay", "one", "--json").records) == 8


def test_a_log_of_longer_text_without_its_first_line_has_its_validation_losses(charseq: Command) -> None:
    Path("long.txt").write_text("".join(f"{i} and {i + 1}.\n" for i in range(150)))
    trained = charseq("train", "--file", "long.txt", "--ngram", "2", *FEW).output
    log = Path("runs/0001-rnn-norm/log.ndjson")
    log.write_text("".join(log.read_text().splitlines(keepends=True)[1:]))
    assert charseq("replay").output == trained


def test_a_number_that_is_too_large_is_damage(charseq: Command) -> None:
    lines = write_log("one", *hihello_events(3))
    write_log("one", *lines[:2], lines[2].replace('"loss": 0.5', '"loss": 1e999'), *lines[3:])
    result = charseq("replay", "one", "--json")
    assert len(result.records) == 4
    assert result.errors == "skipped 1 damaged line of the log\n"
    assert charseq("replay", "one").status == 0


def test_a_run_that_has_not_ended_is_replayed_as_far_as_it_is(charseq: Command) -> None:
    write_log("one", *hihello_events()[:-1])
    assert charseq("replay", "one").errors.endswith(
        "the log has no end: the run was killed, or its last line is lost\n"
    )
    lock = Lock(Path("one"))
    message = f"the run is still training (process {os.getpid()})\n"
    assert charseq("replay", "one").errors.endswith(message)
    lock.release()
    write_log("two", hihello_events()[0])
    result = charseq("replay", "two")
    assert result.status == 0
    assert result.errors.endswith("the run stopped before its first epoch ended\n")


def test_a_delay_passes_between_epochs_in_a_pipe(charseq: Command) -> None:
    write_log("one", *hihello_events(3))
    for form in ("--json", "--format=plain"):
        began = time.monotonic()
        charseq("replay", "one", form, "--delay", "0.2s")
        assert time.monotonic() - began >= 0.4


def test_lines_arrive_one_by_one_and_a_closed_pipe_ends_quietly() -> None:
    write_log("one", *hihello_events(7))
    process = Forked("replay", "one", "--delay", "60")
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"epoch\t")
    assert process.stdout.readline().startswith(b"1\t")
    process.terminate()
    write_log("two", *hihello_events(7) * 400)
    process = Forked("replay", "two", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait() == 0
    assert process.stderr.read() == b""


def test_a_delay_may_be_a_fraction_in_every_notation(charseq: Command) -> None:
    write_log("one", *hihello_events(1))
    for delay in (".005s", "0.005", "0.s", ".0001m"):
        assert charseq("replay", "one", "--delay", delay).status == 0
    refused = charseq("replay", "one", "--delay", ".s")
    assert refused.status == 2
    assert "write 0.5s, 90s, 2m or 1h30m" in refused.errors


def test_a_network_whose_loss_is_not_finite_has_a_dash_in_a_pipe(charseq: Command) -> None:
    epoch = replace(hihello_epochs(1)[0], validation_loss=1.0, ngram_validation_loss=2.0)
    write_log("one", hihello_events(1)[0], epoch)
    assert "-\t2.000000" in charseq("replay", "one").output


def test_a_prediction_that_is_a_number_is_damage_in_replay_and_plot(charseq: Command) -> None:
    write_log("one", *hihello_events(), '{"event": "epoch", "epoch": 8, "prediction": 5}')
    for command in (
        ["replay", "one"],
        ["replay", "one", "--json"],
        ["plot", "one", "--csv"],
        ["plot", "one"],
    ):
        result = charseq(*command)
        assert result.status == 0
        assert "skipped 1 damaged line of the log\n" in result.errors

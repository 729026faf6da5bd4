"""charseq report: what it writes, where, and what it refuses."""

import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from charseq.cli import report_output
from charseq.render import progress_bar
from charseq.runs.lock import Lock
from charseq.runs.timing import TIMING
from tests.support.command import Command
from tests.support.reported import data_in, trained

RUN = Path("runs/0001-gru")


@pytest.fixture(scope="module")
def hihello(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("trained") / "0001-gru", epochs=3)


@pytest.fixture
def run(hihello: Path) -> Path:
    """Return a run in the current folder."""
    shutil.copytree(hihello, RUN)
    return RUN


def test_report_writes_a_page_into_the_folder_of_the_newest_run_and_prints_its_path(
    charseq: Command, run: Path
) -> None:
    result = charseq("report")
    assert (result.status, result.output, result.errors) == (0, "runs/0001-gru/report.html\n", "")
    data = data_in((run / "report.html").read_text(encoding="utf-8"))
    assert data["title"].startswith("gru, 1 layer of 7 hidden units, trained on “hihello”: loss ")
    assert [
        name for name, section in data.items() if isinstance(section, dict) and "left_out" in section
    ] == []


def test_report_replaces_a_file_only_with_force(charseq: Command, run: Path) -> None:
    page = Path("page.html")
    page.write_text("mine")
    refused = charseq("report", "-o", "page.html")
    assert (refused.status, refused.output) == (2, "")
    assert (
        refused.errors
        == "charseq: 'page.html' already exists\n  add --force to replace it, or choose another -o\n"
    )
    assert page.read_text() == "mine"
    assert charseq("report", "-o", "page.html", "--force").output == "page.html\n"
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_report_writes_to_standard_output(charseq: Command, run: Path) -> None:
    result = charseq("report", "0001-gru", "-o", "-")
    assert result.output.startswith("<!DOCTYPE html>")
    assert result.output.endswith("</html>\n")
    assert not (run / "report.html").exists()


def test_the_same_run_gives_the_same_page(charseq: Command, run: Path) -> None:
    assert charseq("report", "-o", "-").output == charseq("report", "-o", "-").output


def test_a_closed_pipe_ends_report_quietly(run: Path) -> None:
    command = [sys.executable, "-m", "charseq", "report", "-o", "-"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "missing/page.html"], "there is no folder 'missing'"),
        (["-o", "runs"], "'runs' is a folder"),
        (["-o", ""], "the value is empty"),
        (["--max-weights", "-1"], "--max-weights"),
        (["nothing"], "there is no model 'nothing'"),
        (["--text", "hxllo"], "'x' (U+0078), character 2 of 'hxllo'"),
        (["--file", "missing.txt"], "'missing.txt'"),
    ],
)
def test_report_names_what_it_cannot_use(
    charseq: Command, run: Path, arguments: list[str], message: str
) -> None:
    result = charseq("report", *arguments)
    assert (result.status, result.output) == (2, "")
    assert message in result.errors
    assert not (run / "report.html").exists()


def test_report_without_any_run_says_how_to_train_one(charseq: Command) -> None:
    result = charseq("report")
    assert result.status == 2
    assert "charseq train" in result.errors


def test_a_run_without_a_model_has_its_curves_and_says_what_is_left_out(charseq: Command, run: Path) -> None:
    (run / "model.safetensors").unlink()
    assert charseq("report", str(run)).status == 0
    data = data_in((run / "report.html").read_text(encoding="utf-8"))
    assert len(data["learning"]["passes"]) == 3
    assert data["evolution"]["targets"] == [[2, 1, 0, 3, 3, 4]]
    assert data["equations"]
    reasons = {data[name]["left_out"] for name in ("network", "surprisal", "units", "gradients")}
    assert reasons == {"The run has no model: its training ended before one was saved."}
    refused = charseq("report", "--text", "hihello", "-o", "other.html")
    assert "--text and --file require a model" in refused.errors


def test_a_model_file_without_a_log_has_everything_but_the_curves(charseq: Command, run: Path) -> None:
    (run / "model.safetensors").rename("saved.safetensors")
    assert charseq("report", "saved.safetensors").output == "report.html\n"
    data = data_in(Path("report.html").read_text(encoding="utf-8"))
    assert "left_out" in data["learning"]
    assert "left_out" in data["evolution"]
    assert data["surprisal"]["texts"][0]["ids"] == [1, 2, 1, 0, 3, 3, 4]
    assert "--cell" in [setting["name"] for setting in data["settings"]]


def test_an_interrupted_run_is_reported_as_ended_without_a_last_event(charseq: Command, run: Path) -> None:
    log = run / "log.ndjson"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:3]) + b'{"event": "epo')
    assert charseq("report").status == 0
    data = data_in((run / "report.html").read_text(encoding="utf-8"))
    assert len(data["learning"]["passes"]) == 2
    assert "ended without a last event" in data["facts"][4]["detail"]


def test_a_run_that_is_training_now_is_reported_as_such(charseq: Command, run: Path) -> None:
    log = run / "log.ndjson"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:3]))
    lock = Lock(run)
    try:
        assert charseq("report").status == 0
    finally:
        lock.release()
    data = data_in((run / "report.html").read_text(encoding="utf-8"))
    assert "still training" in data["facts"][4]["detail"]


def test_the_time_of_a_run_is_shown_if_it_is_recorded(charseq: Command, run: Path) -> None:
    (run / TIMING).write_text(
        '{"line": 2, "passes": 1.0, "seconds": 61.5}\n{"line": 3, "passes": 2.0, "seconds": 125}\n'
    )
    assert charseq("report").status == 0
    data = data_in((run / "report.html").read_text(encoding="utf-8"))
    assert data["facts"][4]["value"] == "3 epochs"
    assert data["facts"][4]["detail"].startswith("completed, last evaluation after 2 min 5 s, 20")


def test_an_old_log_without_ids_and_passes_is_read(charseq: Command, run: Path) -> None:
    log = run / "log.ndjson"
    records = [json.loads(line) for line in log.read_text().splitlines()]
    for record in records:
        for name in ("predicted_ids", "target_ids", "passes", "fit", "reasons", "text"):
            record.pop(name, None)
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert charseq("report").status == 0
    data = data_in((run / "report.html").read_text(encoding="utf-8"))
    assert data["learning"]["passes"] == [1, 2, 3]
    assert data["evolution"]["targets"] == [[2, 1, 0, 3, 3, 4]]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]\n",
        b"\xff\xfe\n",
        b'{"event": "epoch", "epoch": [1], "loss": "x", "predicted_ids": [[99]]}\n',
    ],
)
def test_a_damaged_log_leaves_out_what_it_lacks(charseq: Command, run: Path, line: bytes) -> None:
    (run / "log.ndjson").write_bytes(line)
    assert charseq("report").status == 0
    data = data_in((run / "report.html").read_text(encoding="utf-8"))
    assert "left_out" in data["evolution"]


def test_the_given_text_is_looked_into(charseq: Command, run: Path) -> None:
    Path("text.txt").write_text("ello\n")
    assert charseq("report", "--text", "hello", "--file", "text.txt").status == 0
    data = data_in((run / "report.html").read_text(encoding="utf-8"))
    texts = data["surprisal"]["texts"]
    assert [each["ids"] for each in texts] == [[1, 0, 3, 3, 4], [0, 3, 3, 4]]
    assert {each["origin"] for each in texts} == {"the given text"}


def test_a_comparison_is_reported_by_its_best_run(charseq: Command) -> None:
    charseq("compare", "--text", "hihello", "--cells", "gru,none", "--epochs", "3", "--hidden-size", "5")
    result = charseq("report")
    assert result.output.startswith("runs/0001-compare/000")
    assert "the best of 2 compared runs" in result.errors


def test_removing_a_run_removes_its_page(charseq: Command, run: Path) -> None:
    assert charseq("report").status == 0
    assert charseq("runs", "remove", "0001-gru", "--yes").status == 0
    assert not run.exists()


def test_the_progress_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    with report_output.progress() as nothing:
        nothing.show((0.5, "computing gradients"))
    assert terminal.getvalue() == ""
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(progress_bar, "SECONDS_BEFORE_A_BAR", 0.0)
    with report_output.progress() as bar:
        bar.show((0.5, "computing gradients"))
        bar.show("the page")
    assert re.search(r"50%, computing gradients, \d\.\d s left", terminal.getvalue())
    assert "the page" not in terminal.getvalue()


def test_damaged_lines_are_counted_and_the_model_file_has_the_verdict(charseq: Command) -> None:
    trained(RUN, epochs=200, learning_rate=0.1)
    log = RUN / "log.ndjson"
    whole = log.read_bytes()
    log.write_bytes(whole.replace(b'{"event": "epoch"', b"x", 2))
    assert charseq("report").errors == "2 damaged lines of the log were skipped\n"
    log.write_bytes(bytes(range(127, 256)))
    assert charseq("report", "--force").errors == "1 damaged line of the log was skipped\n"
    data = data_in((RUN / "report.html").read_text(encoding="utf-8"))
    assert data["facts"][4]["detail"] == "the log is damaged"
    assert (data["facts"][5]["value"], data["facts"][5]["detail"]) == (
        "memorized",
        "100% of the characters are correct",
    )


@pytest.mark.parametrize("changed", ['"labels": 5', '"time_limit": 1e999', '"characters": 1e999'])
def test_values_of_another_type_in_the_first_line_are_left_out(
    charseq: Command, run: Path, changed: str
) -> None:
    (run / "model.safetensors").unlink()
    log = run / "log.ndjson"
    name = changed.partition(":")[0]
    log.write_text(re.sub(rf"{name}: [^,\]]*\]?", changed, log.read_text(), count=1))
    assert changed in log.read_text()
    result = charseq("report", str(run))
    assert result.status == 0, result.errors


def test_the_time_of_the_end_is_shown_if_the_log_has_it(charseq: Command, run: Path) -> None:
    log = run / "log.ndjson"
    log.write_text(log.read_text().replace('"status": "completed"', '"status": "completed", "seconds": 7.9'))
    assert charseq("report").status == 0
    facts = data_in((run / "report.html").read_text(encoding="utf-8"))["facts"]
    assert facts[4]["detail"].startswith("completed after 7.9 s, 20")


def test_an_interrupted_run_is_not_judged(charseq: Command, run: Path) -> None:
    log = run / "log.ndjson"
    changed = log.read_text().replace('"status": "completed"', '"status": "interrupted"')
    log.write_text(changed.replace('"fit": null', '"fit": "fits"'))
    assert charseq("report").status == 0
    verdict = data_in((run / "report.html").read_text(encoding="utf-8"))["facts"][5]
    assert verdict["value"] == "interrupted"
    assert verdict["detail"] == "training ended early, so the fit is not judged"


def test_a_page_cannot_replace_a_device(charseq: Command, run: Path) -> None:
    result = charseq("report", "-o", "/dev/full", "--force")
    assert result.status == 2
    assert result.errors.startswith("charseq: '/dev/full' is not a regular file\n  choose another -o")


def test_the_empty_name_of_a_run_is_refused(charseq: Command, run: Path) -> None:
    result = charseq("report", "")
    assert result.status == 2
    assert "the value is empty" in result.errors

from pathlib import Path

import pytest

from charseq.model.model_file import read
from tests.support.command import Command

FAST = ("compare", "--text", "hihello", "--epochs", "12", "--hidden-size", "16")


def test_every_cell_and_seed_has_a_line_and_a_saved_run(charseq: Command) -> None:
    result = charseq(*FAST, "--cells", "rnn,none", "--seeds", "2")
    assert result.status == 0, result.errors
    header, *lines = (line.split("\t") for line in result.output.splitlines())
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    assert [(row["cell"], row["seed"]) for row in rows] == [
        ("rnn", "0"), ("none", "0"), ("rnn", "1"), ("none", "1"),
    ]  # fmt: skip
    assert {row["epochs"] for row in rows} == {"12"}
    for row in rows:
        assert read_network(row["model"]) == (row["cell"], 16)
    assert [Path(row["model"]).parent.as_posix() for row in rows] == [
        "runs/0001-compare/0001-rnn", "runs/0001-compare/0002-none",
        "runs/0001-compare/0003-rnn", "runs/0001-compare/0004-none",
    ]  # fmt: skip
    assert charseq("predict", "h", "--model", "runs/0001-compare/0001-rnn").status == 0


def test_a_bare_predict_uses_the_best_of_the_compared_cells_and_names_it(charseq: Command) -> None:
    compared = charseq("compare", "--text", "hihello", "--cells", "gru,none", "--epochs", "60")
    best = "runs/0001-compare/0001-gru"
    assert f"best: {best}   next: charseq predict" in compared.errors
    for model in ([], ["--model", "runs/0001-compare"]):
        result = charseq("predict", "h", *model)
        assert result.output == "hihello\n"
        assert f"{best}: the best of 2 compared runs" in result.errors
    assert "compared" not in charseq("predict", "h", "--model", best).errors
    listed = charseq("runs", "--json").records
    assert [run["run"] for run in listed] == [best, "runs/0001-compare/0002-none"]
    charseq.train("--text", "hihello", "--cell", "rnn")
    assert Path("runs/0002-rnn").is_dir()
    assert "compared" not in charseq("predict", "h").errors


def read_network(path: str) -> tuple[str, int]:
    network = read(Path(path)).network
    return network.cell_name, network.hidden_size


def test_json_has_a_start_a_trial_each_and_a_summary_a_cell(charseq: Command) -> None:
    start, *trials, rnn, gru = charseq(*FAST, "--cells", "rnn,gru", "--seeds", "2", "--json").records
    assert (start["event"], start["cells"], start["epochs"]) == ("start", ["rnn", "gru"], 12)
    assert [(t["event"], t["cell"], t["seed"]) for t in trials] == [
        ("trial", cell, seed) for seed in (0, 1) for cell in ("rnn", "gru")
    ]
    assert (rnn["event"], rnn["cell"], gru["cell"]) == ("summary", "rnn", "gru")
    losses = [trial["loss"] for trial in trials if trial["cell"] == "rnn"]
    assert rnn["loss"]["mean"] == pytest.approx(sum(losses) / 2)
    assert (rnn["loss"]["low"], rnn["loss"]["high"]) == (min(losses), max(losses))


def test_a_trial_equals_a_training_with_the_same_settings(charseq: Command) -> None:
    trial = charseq(*FAST, "--cells", "lstm", "--seed", "3", "--json").records[1]
    options = ("--cell", "lstm", "--epochs", "12", "--hidden-size", "16", "--seed", "3")
    end = charseq.train("--text", "hihello", *options)[-1]
    assert (trial["loss"], trial["accuracy"]) == (end["loss"], end["accuracy"])


def test_the_baseline_never_memorizes_the_text(charseq: Command) -> None:
    result = charseq("compare", "--text", "hihello", "--cells", "rnn,none", "--epochs", "60", "--json")
    rnn, none = (record for record in result.records if record["event"] == "trial")
    assert rnn["first_right_epoch"] <= 60
    assert none["first_right_epoch"] is None
    assert none["accuracy"] == pytest.approx(4 / 6)


def test_the_table_has_a_row_a_cell_and_the_range_over_seeds(charseq: Command) -> None:
    result = charseq(*FAST, "--cells", "rnn,none", "--seeds", "2", "--format", "table")
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[0] == ["cell", "parameters", "loss", "correct", "memorized", "chars/s", "time"]
    assert [line[0] for line in lines[1::2]] == ["rnn", "none"]
    assert "–" in lines[2][0]
    assert "never" in lines[3]
    assert max(map(len, result.output.splitlines())) <= 80
    assert "2 cells, 1 layer of 16 hidden units" in result.errors
    assert "12 epochs for each cell, with the same settings; seeds 0 to 1" in result.errors


def test_the_conditions_name_both_limits_and_suit_a_single_cell(charseq: Command) -> None:
    limited = ("compare", "--text", "hihello", "--time-limit", "1s", "--hidden-size", "4")
    errors = charseq(*limited, "--epochs", "3", "--cells", "rnn,rnn").errors
    assert "training: at most 3 epochs and 1.0 s; seed 0" in errors
    errors = charseq(*limited, "--cells", "rnn,none", "--epochs", "3").errors
    assert "training: at most 3 epochs and 1.0 s for each cell, with the same settings; seed 0" in errors


def test_matched_parameters_show_the_hidden_size_of_each(charseq: Command) -> None:
    arguments = (*FAST, "--cells", "rnn,lstm", "--match", "parameters")
    records = [r for r in charseq(*arguments, "--json").records if r["event"] == "trial"]
    assert records[0]["hidden_size"] == 16
    assert abs(records[0]["parameters"] / records[1]["parameters"] - 1) < 0.1
    table = charseq(*arguments, "--format", "table").output
    assert "rnn 16 " in table
    assert f"lstm {records[1]['hidden_size']} " in table


def test_longer_text_is_compared_by_its_validation_loss(charseq: Command) -> None:
    text = "the quick brown fox jumps over the lazy dog. " * 20
    arguments = ("--epochs", "2", "--validation", "0.1", "--hidden-size", "16", "--cells", "rnn,gru")
    trial = charseq("compare", "--text", text, *arguments, "--json").records[1]
    assert trial["validation_loss"] > 0
    assert "validation" in charseq("compare", "--text", text, *arguments, "--format", "table").output


def test_all_names_every_cell(charseq: Command) -> None:
    from charseq.cells import CELLS

    records = charseq("compare", "--text", "ab", "--epochs", "1", "--cells", "all", "--json").records
    assert [r["cell"] for r in records if r["event"] == "trial"] == list(CELLS)


def test_where_some_diverge_the_others_are_compared(charseq: Command) -> None:
    both = ("compare", "--text", "hihello", "--cells", "rnn,gru", "--learning-rate", "1e30", "--epochs", "3")
    result = charseq(*both, "--json")
    assert result.status == 1
    assert {r["status"] for r in result.records if r["event"] == "trial"} == {"diverged"}
    assert charseq(*both, "--format", "table").status == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cells", "rnn,ltsm"], "did you mean 'lstm'?"),
        (["--cells", ","], "names no cell"),
        (["--cells", "ngram,lstm"], "requires held-out text, and this short text is memorized"),
        (["--cells", "ngram,lstm", "--lines", "--validation", "0"], "and nothing is held out"),
        (["--head", "none", "--match", "parameters"], "--match hidden"),
        (["--seeds", "0"], "range"),
        (["--tie-weights", "--embedding-size", "3"], "--embedding-size 128"),
    ],
)
def test_a_mistake_is_reported_before_training_starts(
    charseq: Command, arguments: list[str], said: str
) -> None:
    from pathlib import Path

    result = charseq("compare", "--text", "hihello", *arguments)
    assert result.status == 2
    assert said in result.errors
    assert not Path("runs").exists()

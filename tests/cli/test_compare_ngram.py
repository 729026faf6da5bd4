"""The n-gram model among the cells of `charseq compare`."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command
from tests.support.processes import start, wait_for_handler
from tests.support.training import LONG

TINY = ("--epochs", "1", "--hidden-size", "4")
NAMES = "".join(f"name{i * i}\n" for i in range(120))


def compared(charseq: Command, *arguments: str, text: str = LONG) -> list[dict[str, Any]]:
    """Return the trials of a comparison."""
    result = charseq("compare", "--file", "-", *TINY, *arguments, "--json", stdin=text.encode())
    assert result.status == 0, result.errors
    return [record for record in result.records if record["event"] == "trial"]


def cells(trials: list[dict[str, Any]]) -> list[str]:
    return [trial["cell"] for trial in trials]


def test_an_n_gram_model_is_the_first_row_where_text_is_held_out(charseq: Command) -> None:
    assert cells(compared(charseq)) == ["ngram", "rnn", "lstm", "gru"]
    assert cells(compared(charseq, "--lines", text=NAMES))[0] == "ngram"
    assert cells(compared(charseq, "--cells", "all"))[0] == "ngram"
    assert cells(compared(charseq, text="hihello")) == ["rnn", "lstm", "gru"]
    assert cells(compared(charseq, "--validation", "0")) == ["rnn", "lstm", "gru"]


def test_among_named_cells_it_is_first_if_it_is_named(charseq: Command) -> None:
    assert cells(compared(charseq, "--cells", "rnn")) == ["rnn"]
    assert cells(compared(charseq, "--cells", "rnn,ngram")) == ["ngram", "rnn"]


@pytest.mark.parametrize("text", [("--file", "-"), ("--file", "-", "--lines")])
def test_its_numbers_are_those_of_the_n_gram_model_of_a_run_with_the_same_seed(
    charseq: Command, text: tuple[str, ...]
) -> None:
    for seed in ("3", "4"):
        ngram, rnn = compared(charseq, *text[2:], "--cells", "ngram,rnn", "--seed", seed)
        run = charseq("train", *text, *TINY, "--cell", "rnn", "--seed", seed, "--json", stdin=LONG.encode())
        begin, end = run.records[0], run.records[-1]
        assert (ngram["order"], ngram["parameters"]) == (begin["ngram"], begin["ngrams"])
        assert ngram["validation_loss"] == pytest.approx(end["ngram_validation_loss"])
        assert rnn["validation_loss"] == pytest.approx(end["network_validation_loss"], rel=1e-3)


def test_it_has_null_for_what_only_a_network_has(charseq: Command) -> None:
    ngram, rnn = compared(charseq, "--cells", "ngram,rnn")
    assert {name for name, value in ngram.items() if value is None} == {
        "hidden_size", "layers", "epochs", "loss", "accuracy", "first_right_epoch", "characters_per_second",
        "model",
    }  # fmt: skip
    assert (ngram["status"], ngram["seed"], rnn["order"]) == ("completed", 0, None)
    assert ngram["seconds"] > 0
    assert rnn.keys() == ngram.keys()


def test_each_seed_has_an_n_gram_model_of_its_own_split(charseq: Command) -> None:
    arguments = ("compare", "--file", "-", *TINY, "--cells", "ngram,rnn", "--seeds", "2", "--lines", "--json")
    records = charseq(*arguments, stdin=NAMES.encode()).records
    assert records[0]["cells"] == ["ngram", "rnn"]
    first, _, second, _ = (record for record in records if record["event"] == "trial")
    assert (first["cell"], first["seed"], second["cell"], second["seed"]) == ("ngram", 0, "ngram", 1)
    losses = [first["validation_loss"], second["validation_loss"]]
    assert losses[0] != losses[1]
    summary = records[-2]
    assert (summary["cell"], summary["seeds"], summary["hidden_size"]) == ("ngram", 2, None)
    assert summary["validation_loss"]["mean"] == pytest.approx(sum(losses) / 2)
    assert summary["parameters"] == round((first["parameters"] + second["parameters"]) / 2)
    assert summary["order"]["low"] == min(first["order"], second["order"])


def test_networks_are_compared_without_it_unless_asked(charseq: Command) -> None:
    alone = compared(charseq, "--cells", "rnn")[0]
    assert "ngram.symbols" not in shown(charseq, alone)["tensors"]
    for order in ("auto", "3"):
        ngram, rnn = compared(charseq, "--cells", "ngram,rnn", "--ngram", order)
        assert order in ("auto", str(ngram["order"]))
        assert shown(charseq, rnn)["ngram_order"] == ngram["order"]
        assert rnn["validation_loss"] < alone["validation_loss"]
    ngram, rnn = compared(charseq, "--cells", "ngram,rnn", "--ngram", "0")
    assert ngram["order"] > 1
    assert rnn["validation_loss"] == alone["validation_loss"]


def shown(charseq: Command, trial: dict[str, Any]) -> dict[str, Any]:
    """Return the contents of the model of a trial."""
    return charseq("runs", "show", trial["model"], "--json").records[0]


def test_other_cells_match_the_parameters_of_the_first_network(charseq: Command) -> None:
    _, rnn, lstm = compared(charseq, "--cells", "ngram,rnn,lstm", "--match", "parameters")
    assert rnn["hidden_size"] == 4
    assert lstm["hidden_size"] < 4


def test_it_makes_no_run_and_predict_uses_a_network(charseq: Command) -> None:
    compared(charseq, "--cells", "ngram")
    assert not Path("runs").exists()
    compared(charseq, "--cells", "ngram,rnn,gru")
    runs = [record["run"] for record in charseq("runs", "--json").records]
    assert runs == ["runs/0001-compare/0001-rnn", "runs/0001-compare/0002-gru"]
    assert "the best of 2 compared runs" in charseq("predict").errors


@pytest.mark.parametrize("seeds", ["1", "2"])
def test_the_table_shows_its_order_and_its_size_within_80_columns(charseq: Command, seeds: str) -> None:
    arguments = ("compare", "--file", "-", *TINY, "--cells", "ngram,rnn", "--seeds", seeds, "--ngram", "4")
    result = charseq(*arguments, "--format", "table", stdin=LONG.encode())
    head, ngram, *rest = result.output.splitlines()
    assert head.split()[:4] == ["cell", "parameters", "validation", "correct"]
    assert ngram.startswith("ngram, order 4 ")
    if seeds == "1":
        assert head.split()[4:] == ["chars/s", "time"]
        assert ngram.split()[5:7] == ["-", "-"]
        assert ngram.endswith(" s")
    assert [line.split()[0] for line in rest if line.split()[0].isalpha()] == ["rnn"]
    assert max(map(len, result.output.splitlines())) <= 80
    assert "n-gram model: order 4, counted on the training text\n" in result.errors
    assert "networks: 1 cell, 1 layer of 4 hidden units, mixed with an n-gram model\n" in result.errors


def test_a_plain_row_has_dashes(charseq: Command) -> None:
    result = charseq("compare", "--file", "-", *TINY, "--cells", "ngram", stdin=LONG.encode())
    header, row = (line.split("\t") for line in result.output.splitlines())
    values = dict(zip(header, row, strict=True))
    assert (values["cell"], values["epochs"], values["loss"], values["model"]) == ("ngram", "-", "-", "-")
    assert float(values["validation_loss"]) > 0
    assert "networks" not in result.errors
    assert "order chosen by measurement, counted on the training text; seed 0" in result.errors


def test_with_a_time_limit_it_is_counted_too(charseq: Command) -> None:
    ngram, rnn = compared(charseq, "--cells", "ngram,rnn", "--time-limit", "1s")
    assert ngram["seconds"] < 1
    assert rnn["status"] == "completed"


def test_where_all_networks_diverge_the_comparison_fails(charseq: Command) -> None:
    arguments = ("compare", "--file", "-", *TINY, "--cells", "ngram,rnn", "--learning-rate", "1e30", "--json")
    result = charseq(*arguments, stdin=LONG.encode())
    assert result.status == 1
    assert [r["status"] for r in result.records if r["event"] == "trial"] == ["completed", "diverged"]


def test_where_equal_lines_leave_nothing_to_hold_out_it_has_no_loss(charseq: Command) -> None:
    (ngram,) = compared(charseq, "--cells", "ngram", "--lines", text="aba\n" * 500)
    assert ngram["validation_loss"] is None


def test_few_characters_have_the_smallest_order(charseq: Command) -> None:
    (ngram,) = compared(charseq, "--cells", "ngram", "--validation", "0.3", text="abcabcabcab")
    assert ngram["order"] == 2


def test_an_interrupt_while_n_grams_are_counted_ends_the_process_at_once() -> None:
    Path("long.txt").write_text("".join(f"{i} squared is {i * i}.\n" for i in range(150_000)))
    process = start("compare", "--file", "long.txt", "--cells", "ngram", "--seeds", "100", "--json")
    wait_for_handler(process, signal.SIGINT)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "start"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert b"stopped before training started; nothing was saved" in errors

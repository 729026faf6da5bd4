"""The seed in use is always printed, in every format."""

import pytest

from tests.support.command import Command

SEVEN = ["--seed", "7"]


@pytest.mark.parametrize("form", ["table", "plain", "json"])
@pytest.mark.parametrize(
    "command", [["inspect-shapes", "hello"], ["inspect-gradients", "hello", "--cells", "rnn"]], ids="".join
)
def test_the_seed_of_fresh_weights_is_on_standard_error(
    charseq: Command, command: list[str], form: str
) -> None:
    for seed in (["--seed", "7"], []):
        result = charseq(*command, *seed, "--format", form)
        assert result.status == 0
        assert f"weights, seed {seed[-1] if seed else 0}\n" in result.errors


def test_the_records_of_inspect_gradients_have_the_seed(charseq: Command) -> None:
    (record,) = charseq("inspect-gradients", "hello", "--cells", "rnn", *SEVEN, "--json").records
    assert record["seed"] == 7


def test_the_records_of_inspect_shapes_are_tensors_only(charseq: Command) -> None:
    records = charseq("inspect-shapes", "hello", *SEVEN, "--json").records
    assert all(record.keys() == {"name", "layer", "step", "axes", "shape"} for record in records)


def test_training_and_sampling_report_the_seed(charseq: Command) -> None:
    trained = charseq("train", "--text", "hihello", "--epochs", "1", *SEVEN)
    assert "seed 7" in trained.errors
    assert "seed 7" in charseq("predict", "--temperature", "1", *SEVEN).errors
    assert charseq("predict", "--temperature", "1", *SEVEN, "--json").records[0]["seed"] == 7
    assert charseq.train("--text", "ab", "--epochs", "1", *SEVEN)[0]["seed"] == 7
    compared = charseq("compare", "--text", "ab", "--epochs", "1", "--cells", "rnn", *SEVEN)
    assert "seed 7" in compared.errors


def test_a_trained_model_uses_no_seed(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "1", "--hidden-size", "3")
    for command in ("inspect-shapes", "inspect-gradients"):
        result = charseq(command, "--model", "runs/0001-gru", "--json")
        assert result.status == 0
        assert "seed" not in result.errors
    assert result.records[0]["seed"] is None

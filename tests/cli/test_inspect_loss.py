"""charseq inspect-loss: by hand, of texts, and with every mistake that can be made."""

import pytest

from tests.support.command import Command

LOGITS = "[[0.2, 0.7], [0.6, 0.2], [0.2, 0.9]]"
TWO = "[[0.2, 0.7], [0.6, 0.2]]"


def test_the_lessons_example_is_shown_position_by_position(charseq: Command) -> None:
    result = charseq("inspect-loss", "--logits", LOGITS, "--targets", "1 1 1")
    rows = [line.split("\t") for line in result.output.splitlines()]
    assert rows[0] == ["row", "position", "logits", "softmax", "target", "cross-entropy", "weight"]
    assert rows[2] == ["0", "1", "0.600000 0.200000", "0.598688 0.401312", "1", "0.913015", "1.000000"]
    assert rows[-1] == ["mean", "-", "-", "-", "-", "0.596759", "3.000000"]
    table = charseq("inspect-loss", "--logits", LOGITS, "--targets", "1,1,1", "--format", "table").output
    assert table.endswith("     = 1.790278 / 3.000000 = 0.596759 nats\n")
    assert result.errors == ""


def test_a_masked_position_has_no_influence_and_weights_count(charseq: Command) -> None:
    def loss(*arguments: str) -> float:
        return float(charseq("inspect-loss", "--json", *arguments).records[0]["loss"])

    first = loss("--logits", "[[0.2, 0.7]]", "--targets", "1")
    assert loss("--logits", TWO, "--targets", "1 0", "--weights", "1 0") == pytest.approx(first)
    mixed = loss("--logits", TWO, "--targets", "1 1", "--weights", "3 1")
    assert mixed == pytest.approx((3 * 0.474077 + 0.913015) / 4, abs=1e-6)
    batch = loss("--logits", f"[{TWO}, {TWO}]", "--targets", "1 1; 0 0", "--weights", "3 1; 0 0")
    assert batch == mixed
    assert loss("--logits", f"[{TWO}, {TWO}]", "--targets", "[[1, 1], [1, 1]]") == loss(
        "--logits", TWO, "--targets", "[1, 1]"
    )


def test_texts_are_one_padded_batch_whose_padding_has_weight_0(charseq: Command) -> None:
    (record,) = charseq("inspect-loss", "hello", "eol", "--cell", "lstm", "--json").records
    rows = record["positions"]
    assert [(row["text"], row["input"], row["target"], row["weight"]) for row in rows[3:8]] == [
        (0, "l", "o", 1), (0, "o", None, 0), (1, "e", "o", 1), (1, "o", "l", 1), (1, "l", None, 0),
    ]  # fmt: skip
    assert (rows[-1]["input"], rows[-1]["probability"], rows[-1]["weight"]) == (None, None, 0)
    weighted = [row["cross_entropy"] for row in rows if row["weight"]]
    assert record["loss"] == pytest.approx(sum(weighted) / len(weighted))
    assert record["total_weight"] == len(weighted) == 6


def test_the_loss_is_that_of_inspect_shapes_with_a_head(charseq: Command) -> None:
    (record,) = charseq("inspect-loss", "hello", "eol", "--seed", "3", "--json").records
    shapes = ("inspect-shapes", "hello", "eol", "--seed", "3", "--head", "linear", "--values", "--json")
    assert record["loss"] == charseq(*shapes).records[-1]["values"]


def test_a_trained_models_loss_is_its_training_loss(charseq: Command) -> None:
    end = charseq.train("--text", "hihello", "--epochs", "20")[-1]
    (record,) = charseq("inspect-loss", "--model", "0001-gru", "--json").records
    assert record["loss"] == pytest.approx(end["loss"], rel=1e-4)
    table = charseq("inspect-loss", "hihe", "--model", "0001-gru", "--format", "table").output
    assert table.splitlines()[1].split()[:3] == ["position", "input", "target"]
    assert "U+007A" in charseq("inspect-loss", "hiz", "--model", "0001-gru").errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--logits", "[[1, 2], [1]]", "--targets", "0 0"], "position 1 has 1 value, but position 0 has 2"),
        (["--logits", "[[[1, 2]], [[1, 2], [3, 4]]]", "--targets", "0"], "matrix 1 has 2 positions"),
        (["--logits", "[[1, NaN]]", "--targets", "0"], "--logits: the value at position 0 is NaN"),
        (["--logits", "[[1, 1e999]]", "--targets", "0"], "the value at position 0 is infinite"),
        (["--logits", "[[1, true]]", "--targets", "0"], "'true' at position 0 is not a number"),
        (["--logits", f"[[1, 1{'0' * 400}]]", "--targets", "0"], "the value at position 0 is infinite"),
        (["--logits", "[[1, 2]", "--targets", "0"], "'[[1, 2]' is not JSON"),
        (["--logits", "[" * 100_000, "--targets", "0"], "too deeply nested"),
        (["--logits", "[]", "--targets", "0"], "'[]' is not a list of rows of numbers"),
        (["--logits", "[[]]", "--targets", "0"], "position 0 is empty"),
        (["--logits", "[[-1e308, 1e308]]", "--targets", "0"], "the loss overflows"),
        (["--logits", TWO], "--logits requires --targets"),
        (["--logits", TWO, "--targets", "0 2"], "2 is not a class from 0 to 1"),
        (["--logits", TWO, "--targets", "0 0.5"], "0.5 is not a class"),
        (["--logits", TWO, "--targets", "0"], "--targets has 1 value, but --logits has 2 positions"),
        (["--logits", TWO, "--targets", "0 0; 1 1"], "--targets has 2 rows, but --logits has 1"),
        (["--logits", TWO, "--targets", "0 x"], "'x' is not a number"),
        (["--logits", TWO, "--targets", "0 0", "--weights", "0 0"], "all weights are 0"),
        (["--logits", TWO, "--targets", "0 0", "--weights", "1 -2"], "-2 is negative"),
        (["--logits", TWO, "--targets", "0 0", "--weights", "1 nan"], "the value nan is NaN"),
        (["--logits", TWO, "--targets", "0 0", "hello"], "--logits cannot be combined with TEXT"),
        (["--logits", TWO, "--targets", "0 0", "--cell", "gru"], "cannot be combined with --cell"),
        (["hello", "--weights", "1"], "--weights requires --logits"),
        (["hello", "--label", "x"], "--label requires a trained model"),
        (["h"], "the text has 1 character, and none after it to predict"),
        ([""], "one of the texts is empty"),
        ([], "no text was given"),
    ],
)
def test_a_mistake_is_named(charseq: Command, arguments: list[str], message: str) -> None:
    result = charseq("inspect-loss", *arguments)
    assert result.status == 2
    assert message in result.errors
    assert result.output == ""


def test_hostile_text_and_many_classes_are_shown_safely(charseq: Command) -> None:
    for form in ("table", "plain", "json"):
        result = charseq("inspect-loss", "\x1b[2J[red]\u202e대한 🎉-", "--format", form)
        assert result.status == 0
        assert "\x1b" not in result.output
        assert "\u202e" not in result.output
    wide = f"[[{', '.join(['0.5'] * 13)}]]"
    table = charseq("inspect-loss", "--logits", wide, "--targets", "12", "--format", "table").output
    assert table.splitlines()[0].split() == ["position", "target", "cross-entropy", "weight"]

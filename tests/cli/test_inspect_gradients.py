import itertools
from typing import NamedTuple

import numpy as np
import pytest

from charseq.cells import CELLS
from charseq.inspection.gradient_flow import GradientFlow
from charseq.model.network import Network, Weights
from charseq.model.numpy_ops import NUMPY, SeededDraw, log_softmax
from charseq.text.vocabulary import Ids, Vocabulary
from charseq.training.gradient_flow import loss_and_norms, textbook_weights
from tests.support.command import Command
from tests.support.training import LONG

PANGRAM = "the quick brown fox jumps over the lazy dog"


def test_the_gradient_vanishes_in_rnn_and_not_in_lstm_on_any_string(charseq: Command) -> None:
    for text in (PANGRAM, "a" * 40 + "b", "대한민국 만세 대한독립 " * 3):
        for seed in ("0", "1", "2"):
            rnn, lstm = charseq(
                "inspect-gradients", text, "--cells", "rnn,lstm", "--seed", seed, "--json"
            ).records
            kept = [record["norms"][0] / record["norms"][-1] for record in (rnn, lstm)]
            assert kept[0] < 1e-4
            assert kept[1] > 1e-2


def test_a_cell_without_recurrence_passes_nothing_back(charseq: Command) -> None:
    (none,) = charseq("inspect-gradients", "hihello", "--cells", "none", "--json").records
    assert none["norms"][-1] > 0
    assert none["norms"][:-1] == [0.0] * 5


def test_orthogonal_first_weights_let_the_gradient_of_rnn_through(charseq: Command) -> None:
    arguments = ("inspect-gradients", PANGRAM, "--cells", "rnn", "--json")
    (textbook,) = charseq(*arguments).records
    (own,) = charseq(*arguments, "--first-weights", "charseq").records
    assert textbook["norms"][0] < 1e-4 < own["norms"][0]


class Push(NamedTuple):
    """One element of a state, and by how much it is moved."""

    layer: int
    field: str
    element: int
    by: float


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_norms_equal_what_a_small_push_of_the_state_does_to_the_loss(cell: str, layers: int) -> None:
    """The norm is measured anew by finite differences, one element of the state after the other."""
    vocabulary = Vocabulary.of(["hihello"])
    network = Network(cell, len(vocabulary), 3, layers)
    arrays = textbook_weights(network, SeededDraw(0, steps=7))
    ids = vocabulary.encode("hihello")
    _, norms = loss_and_norms(network, arrays, ids)
    assert len(norms) == 6
    w = network.arrange({n: a.astype(np.float64) for n, a in arrays.items()})
    sizes = {f: v.size for f, v in network.initial_states(NUMPY, w, 1)[0]._asdict().items()}
    for step in (2, 5):
        slopes = []
        for layer, (field, size) in itertools.product(range(layers), sizes.items()):
            for element in range(size):
                up, down = (
                    last_loss(network, w, ids, step, Push(layer, field, element, by)) for by in (1e-5, -1e-5)
                )
                slopes.append((up - down) / 2e-5)
        assert norms[step] == pytest.approx(np.linalg.norm(slopes), rel=1e-4, abs=1e-9)


def last_loss(network: Network, w: Weights, ids: Ids, at: int, push: Push) -> float:
    """The loss of the last character where one element of a state was pushed after step `at`."""
    states = list(network.initial_states(NUMPY, w, 1))
    for t, i in enumerate(ids[:-1]):
        x = network.embed(NUMPY, w, np.array([[i]]))[:, 0]
        for layer, weights in enumerate(w.layers):
            states[layer] = network.cell.step(NUMPY, weights, x, states[layer])
            if (t, layer) == (at, push.layer):
                pushed = getattr(states[layer], push.field).copy()
                pushed.flat[push.element] += push.by
                states[layer] = states[layer]._replace(**{push.field: pushed})
            x = states[layer].h
    return -float(log_softmax(network.read_out(w, x[:, None]))[0, 0, ids[-1]])


def test_plain_lines_name_every_step_and_its_input(charseq: Command) -> None:
    lines = charseq("inspect-gradients", "hihello", "--cells", "rnn").output.splitlines()
    assert lines[0] == "cell\tstep\tcharacter\tnorm"
    assert [line.split("\t")[:3] for line in lines[1:]] == [
        ["rnn", str(i), c] for i, c in enumerate("hihell")
    ]


def test_the_chart_falls_to_the_left_and_fits_the_screen(charseq: Command) -> None:
    result = charseq("inspect-gradients", PANGRAM, "--cells", "rnn", "--format", "table")
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    bars = lines[2:7]
    heights = [sum(row[7 + t] != " " for row in bars) for t in range(len(PANGRAM) - 1)]
    assert heights == sorted(heights)
    assert heights[0] == 1 < heights[-1] == 5
    assert lines[7][7:].rstrip() == PANGRAM[:-1]
    assert "of the last step's gradient reaches the first step" in lines[1]


def test_a_long_text_shares_columns(charseq: Command) -> None:
    result = charseq("inspect-gradients", "ab" * 150, "--cells", "rnn", "--format", "table")
    assert "299 steps; each bar is the maximum of 5 steps" in result.output
    assert max(map(len, result.output.splitlines())) <= 80


def test_a_trained_model_is_inspected_over_its_training_text(charseq: Command) -> None:
    end = charseq.train("--text", "hihello", "--cell", "lstm", "--hidden-size", "8")[-1]
    (record,) = charseq("inspect-gradients", "--model", "runs/0001-lstm", "--json").records
    assert (record["cell"], record["text"], len(record["norms"])) == ("lstm", "hihello", 6)
    assert record["loss"] < 5 * end["loss"] + 0.1
    refused = charseq("inspect-gradients", "--model", "runs/0001-lstm", "--cells", "rnn")
    assert refused.status == 2
    assert "--model cannot be combined with --cells" in refused.errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no text was given"),
        (["h"], "the text has 1 symbol;"),
        (["hello", "--text", "hi"], "one text, not 2"),
        (["hello", "--cells", "lmst"], "did you mean"),
    ],
)
def test_a_mistake_is_answered_with_the_remedy(charseq: Command, arguments: list[str], said: str) -> None:
    result = charseq("inspect-gradients", *arguments)
    assert result.status == 2
    assert said in result.errors


def test_hostile_text_is_shown_and_never_obeyed(charseq: Command) -> None:
    for form in ("table", "plain", "json"):
        output = charseq("inspect-gradients", "\x1b[2J[red]\u202e", "--format", form).output
        assert "\x1b" not in output
        assert "\u202e" not in output


def test_the_part_that_arrives_is_the_first_norm_over_the_last() -> None:
    assert GradientFlow("rnn", "", ("a", "b", "c"), 1.0, (0.25, 0.5)).share_at_first_step == 0.5
    assert GradientFlow("none", "", ("a", "b", "c"), 1.0, (0.0, 0.0)).share_at_first_step == 0


@pytest.mark.parametrize("command", ["inspect-shapes", "inspect-gradients"])
def test_that_a_network_is_inspected_without_its_n_gram_model_is_said(charseq: Command, command: str) -> None:
    said = "runs/0001-gru/model.safetensors: the network alone, without its n-gram model"
    for ngram in ("3", "0"):
        options = ("--epochs", "1", "--hidden-size", "4", "--cell", "gru", "--ngram", ngram)
        charseq.train("--text", LONG, *options, "--out", "runs/0001-gru", "--force")
        result = charseq(command, "12", "--model", "runs/0001-gru", "--json")
        assert result.status == 0
        assert result.errors.splitlines() == ([said] if ngram == "3" else [])

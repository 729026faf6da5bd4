import numpy as np
import pytest

from charseq.cli.interactive import handle_key
from charseq.errors import UnknownCharacter
from charseq.inference.explorer import Explorer, Output
from charseq.inference.scoring import score_texts
from charseq.render.explorer import screen
from charseq.text.units import Unknown
from tests.support.models import cycling_model, gru_model


def output(explorer: Explorer) -> Output:
    assert explorer.output is not None
    return explorer.output


def shown(explorer: Explorer, *, width: int = 80, height: int = 24, ascii_only: bool = False) -> list[str]:
    lines = screen(explorer, "a model", "said", width=width, height=height, ascii_only=ascii_only)
    return [line.plain for line in lines]


def test_the_next_symbol_is_predicted_after_every_key() -> None:
    explorer = Explorer(cycling_model())
    for typed, expected in (("a", "b"), ("b", "c"), ("c", "a")):
        explorer.add(typed)
        probabilities = output(explorer).probabilities
        assert probabilities[0][0] == expected
        assert sum(p for _, p in probabilities) == pytest.approx(1)


def test_the_explorer_predicts_what_a_score_measures() -> None:
    of = gru_model()
    explorer = Explorer(of)
    explorer.write("abcab")
    assert explorer.output is not None
    before = dict(explorer.output.probabilities)
    (found,) = score_texts(of, [of.vocabulary.encode("abcabf")])
    assert -np.log(before["f"]) == pytest.approx(found.nats[-1], abs=1e-6)


def test_backspace_removes_the_last_character() -> None:
    explorer = Explorer(gru_model())
    explorer.write("ab")
    once = output(explorer)
    explorer.add("f")
    explorer.shorten()
    assert explorer.text == "ab"
    assert output(explorer).probabilities == once.probabilities
    assert np.array_equal(output(explorer).h, once.h)
    for _ in range(4):
        explorer.shorten()
    assert explorer.text == ""
    assert explorer.output is None


def test_an_unknown_character_changes_nothing() -> None:
    explorer = Explorer(gru_model())
    explorer.write("ab")
    once = explorer.output
    with pytest.raises(UnknownCharacter):
        explorer.add("z")
    assert (explorer.text, explorer.output) == ("ab", once)


@pytest.mark.parametrize(
    ("unknown", "text", "message"),
    [
        ("error", "ab", "'z' (U+007A) is not in the model's vocabulary"),
        ("skip", "ab", "'z' (U+007A) is unknown: skipped"),
        ("replace", "aba", "'z' (U+007A) is unknown: read as 'a'"),
    ],
)
def test_an_unknown_key_is_treated_by_the_policy(unknown: Unknown, text: str, message: str) -> None:
    explorer = Explorer(cycling_model())
    explorer.write("ab")
    assert handle_key(explorer, "z", unknown) == message
    assert explorer.text == text


def test_the_most_probable_symbol_is_accepted_and_a_line_end_begins_a_line() -> None:
    explorer = Explorer(cycling_model())
    assert explorer.accept()
    explorer.write("a")
    assert explorer.accept()
    assert explorer.text == "ab"
    lined = Explorer(gru_model(boundary=True))
    assert lined.output is not None
    for _ in range(500):
        if not lined.accept():
            break
    assert lined.text == "" or len(lined.text) == 500


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 12), (20, 5), (200, 60)])
def test_the_screen_fits(width: int, height: int) -> None:
    explorer = Explorer(gru_model("abcdefgh가 \n"))
    explorer.write("abc가\nd" * 60)
    found = screen(explorer, "m" * 300, "t" * 300, width=width, height=height)
    assert len(found) == height
    assert found[0].plain.endswith("m…")
    assert max(line.cell_len for line in found) <= width


def test_the_screen_has_the_text_the_ten_most_probable_symbols_and_every_neuron() -> None:
    explorer = Explorer(cycling_model())
    explorer.write("ab")
    lines = shown(explorer)
    assert "ab▏" in lines
    assert any(line.startswith(" c  0.99") and "█" * 40 in line for line in lines)
    heading = next(i for i, line in enumerate(lines) if "3 units" in line)
    assert len(lines[heading + 1].strip()) == 3


def test_a_plain_screen_is_ascii() -> None:
    explorer = Explorer(gru_model())
    explorer.write("abc")
    assert "".join(shown(explorer, ascii_only=True)).isascii()


def test_invisible_symbols_have_names() -> None:
    explorer = Explorer(gru_model("a \x1b\n", boundary=True))
    text = "\n".join(shown(explorer))
    for name in ("end of line", "space", r"\x1b", r"\n"):
        assert name in text
    assert "\x1b" not in text

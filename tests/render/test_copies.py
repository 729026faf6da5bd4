"""Copies on a terminal: underlined characters, in texts and in heat maps."""

import io
from functools import partial

import pyte
import pytest

from charseq.inference.copies import Copies, Span, TotalCopies
from charseq.inference.requests import Answer, Request, Step
from charseq.inference.scoring import ScoredText, score_texts
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.render.copies import copies_record, copies_sentence, copy_fields, too_short_sentence
from charseq.render.predictions import prediction_view
from charseq.render.scores import score_view
from charseq.text.units import Unit, Unknown
from charseq.text.vocabulary import Vocabulary


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm-256color")


def model_of(text: str, unit: Unit = "character") -> Model:
    vocabulary = Vocabulary.of([text], unit=unit)
    network = Network("gru", len(vocabulary), 3)
    return Model(network, vocabulary, network.draw(SeededDraw(5)), opening="a")


def copied(characters: int, *places: tuple[int, int]) -> Copies:
    spans = tuple(Span(start, end, "a.txt", 1, start, 1) for start, end in places)
    return Copies(characters, sum(end - start for start, end in places), spans, 2)


def underlined(written: str) -> list[str]:
    """Return the lines on a screen: the underlined characters, and a dot for each other one."""
    screen = pyte.Screen(80, 24)
    pyte.Stream(screen).feed(written.replace("\n", "\r\n"))
    lines = []
    for number, line in enumerate(screen.display):
        cells = [screen.buffer[number][column] for column in range(80)]
        shown = [cell.data if cell.underscore else "." for cell in cells if cell.data]
        lines.append("".join(shown)[: len(line.rstrip())])
    return lines


def predicted(text: str, copies: Copies, unit: Unit = "character", **options: bool) -> str:
    model = model_of(text + "a", unit)
    symbols = [model.vocabulary.symbols[i] for i in model.vocabulary.encode(text)]
    steps = [Step(symbol, 0.5, ()) for symbol in symbols]
    view = prediction_view(model, only_new=False, copies=True, **options)
    output = Terminal()
    with view.table(output) as renderer:
        renderer.show(Answer(Request("a", ids=(1,)), steps, copies=copies))
    return output.getvalue()


def test_the_copies_in_a_generated_text_are_underlined() -> None:
    assert underlined(predicted("bcdefghi", copied(8, (1, 3), (5, 8))))[0] == "..cd..ghi"
    assert underlined(predicted("bcd", copied(3)))[0] == "...."


def test_the_prompt_is_not_underlined_and_control_characters_are_escaped() -> None:
    written = predicted("\x1b[31mb", copied(6, (0, 6)))
    assert "\x1b[31m" not in written
    assert underlined(written)[0] == r".\x1b[31mb"


def test_escaped_lines_are_underlined() -> None:
    assert underlined(predicted("b\nc\\", copied(4, (1, 4)), escapes=True))[0] == "..\\nc\\\\"


def test_a_character_is_underlined_if_all_its_bytes_are_copied() -> None:
    assert underlined(predicted("가나b", copied(7, (0, 5)), "byte"))[0] == ".가.."


def test_a_heat_map_of_probabilities_underlines_copies() -> None:
    lines = underlined(predicted("bcdefg", copied(6, (2, 5)), probabilities=True))
    assert lines[1] == "...def."
    lines = underlined(predicted("가나b", copied(7, (3, 7)), "byte", probabilities=True))
    assert lines[1] == "..나b"


@pytest.mark.parametrize(
    ("unknown", "text", "spans", "shown"),
    [
        ("error", "abcdefg", [(0, 2), (4, 6)], "ab..ef."),
        ("skip", "a?bc?de", [(1, 3), (5, 7)], ".b.de"),
        ("replace", "a?bc?de", [(1, 3), (5, 7)], ".�b..de"),
    ],
)
def test_a_heat_map_of_scores_underlines_the_characters_that_it_shows(
    unknown: Unknown, text: str, spans: list[tuple[int, int]], shown: str
) -> None:
    model = model_of("abcdefg")
    targets = model.vocabulary.encode_text(text, unknown=unknown).targets
    scored = ScoredText("", 1, lambda: [text], partial(score_texts, model, [targets]))
    scored.copies = copied(len(text), *spans)
    output = Terminal()
    with score_view(model, lines=False, per_character=False, unknown=unknown).table(output) as renderer:
        renderer.show(scored)
    assert underlined(output.getvalue())[1] == shown
    assert "copied: " in output.getvalue()


def test_a_sentence_has_the_share_the_spans_and_the_longest() -> None:
    total = TotalCopies.of(copied(211, (0, 5), (7, 43)))
    assert copies_sentence(total, 2, "character") == (
        "copied: 19.4% in 2 spans of 2 characters or more; the longest has 36 characters and occurs in "
        "a.txt, line 1"
    )
    total.add(copied(1))
    assert copies_sentence(total, 2, "byte").startswith("copied: 19.3% of 2 texts in 2 spans of 2 bytes")
    assert not total.too_short


def test_names_of_files_are_shown_as_visible_characters() -> None:
    copies = Copies(3, 3, (Span(0, 3, "\x1b[31m.txt", 1, 0, 1_009),), 3)
    assert copy_fields(copies) == ["1.0000", "3", r"\x1b[31m.txt:1009"]
    assert copies_sentence(TotalCopies.of(copies), 3, "character").endswith(r"\x1b[31m.txt, line 1,009")


def test_standard_input_and_strings_are_named_in_words() -> None:
    for source, named in (("-", "standard input, line 5"), ("", "string 3 of the training text, line 5")):
        total = TotalCopies.of(Copies(2, 2, (Span(0, 2, source, 3, 0, 5),), 2))
        assert copies_sentence(total, 2, "character").endswith(f"occurs in {named}")
    assert copies_record(copied(2, (0, 2)))["spans"][0]["source"] == "a.txt"


def test_texts_that_are_too_short_are_described() -> None:
    total = TotalCopies.of(copied(1))
    assert (
        too_short_sentence(total, 2, "byte") == "copied: too short to tell: the text has fewer than 2 bytes"
    )

"""The page of a model as it looks: bytes as characters, and labels that fit, at several widths."""

from dataclasses import replace
from pathlib import Path

import pytest

from charseq.model.model_file import Model
from charseq.model.numpy_ops import SeededDraw
from charseq.text.vocabulary import Vocabulary
from tests.support.browser import Page
from tests.support.model_pages import generated, idle, opened
from tests.support.models import cycling_model, gru_model

TEXT = ".written.text"


CLIPPED = """
const pen = document.createElement('canvas').getContext('2d');
return [...document.querySelectorAll('input[placeholder]')].filter((field) => {
  const style = getComputedStyle(field), arrows = 20;
  pen.font = style.font;
  const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - arrows;
  return pen.measureText(field.placeholder).width > room;
}).map((field) => field.placeholder);
"""
"""The placeholders that are wider than their fields."""
LEGEND = """
const scale = document.querySelector('.write .scale').getBoundingClientRect();
return [...document.querySelector('.write .scale').parentElement.children].map((each) => {
  const box = each.getBoundingClientRect();
  const isBeside = box.top < scale.bottom && scale.top < box.bottom && box.height < 25;
  return isBeside && box.right <= innerWidth && box.width > 30;
});
"""
"""Whether each label of the color scale is beside it."""


def test_bytes_are_appended_one_by_one_and_shown_as_text(web_page: Page, tmp_path: Path) -> None:
    model = gru_model("abcdefgh")
    vocabulary = Vocabulary.of(["aé"], unit="byte")
    network = replace(model.network, vocabulary_size=len(vocabulary))
    bytes_model = Model(network, vocabulary, network.draw(SeededDraw(3)), opening="\udcc3")
    opened(web_page, bytes_model, tmp_path / "page.html")
    assert web_page.text(TEXT) == r"\xc3"
    web_page.set_value("#prompt", "aé")
    assert idle(web_page).text(TEXT) == "aé"
    click = "const bars = [...document.querySelectorAll('.bar')];"
    click += "bars.find((bar) => bar.textContent.startsWith(arguments[0])).click()"
    web_page.run(click, r"\xc3")
    assert idle(web_page).text(TEXT) == r"aé\xc3"
    assert web_page.run("return document.querySelector('#prompt').value") == "aé\ufffd"
    assert web_page.text("#note") == ""
    web_page.set_value("#prompt", "aéÿZ")
    assert idle(web_page).text("#note").startswith(r"‘\xbf’, ‘Z’ are not in the vocabulary")
    web_page.set_value("#prompt", "aé")
    web_page.run(click, r"\xc3")
    web_page.run(click, r"\xa9")
    assert idle(web_page).text(TEXT) == "aéé"
    assert web_page.run("return document.querySelector('#prompt').value") == "aéé"
    assert web_page.errors == []


def test_complete_characters_of_a_model_of_bytes_are_decoded(web_page: Page, tmp_path: Path) -> None:
    model = gru_model("abcdefgh")
    text = "aé한😀\u0301\ufeff"
    vocabulary = Vocabulary.of([text], unit="byte")
    network = replace(model.network, vocabulary_size=len(vocabulary))
    bytes_model = Model(network, vocabulary, network.draw(SeededDraw(3)), opening="a")
    opened(web_page, bytes_model, tmp_path / "page.html")
    web_page.set_value("#prompt", text)
    assert idle(web_page).text(TEXT) == "aé한😀◌\u0301U+FEFF"
    assert web_page.count(".written .symbol") == len(text)
    assert web_page.point_at(".written .symbol", 3).startswith("‘😀’, byte 10surprisal ")
    web_page.run("document.querySelectorAll('.written .symbol')[2].click()")
    assert web_page.text("#write h3") == "The byte after ‘한’, byte 6"
    assert web_page.text(".written .chosen") == "한"
    ids = [[*vocabulary.symbols].index(chr(byte)) for byte in text.encode()]
    read = """
    const { Reader, surprisalScale, data } = charseqPage, reader = new Reader(data.network, data.vocabulary);
    const bits = arguments[0].map((id) => reader.read(id).bits);
    const own = document.querySelectorAll('.written .symbol')[1].style;
    const before = own.backgroundColor;
    own.backgroundColor = surprisalScale()(bits[1] + bits[2]);
    return [before, own.backgroundColor];
    """
    color, expected = web_page.run(read, ids)
    assert color == expected
    generated(web_page, prompt="é", length=211, temperature=2, seed=5)
    shown = web_page.text(TEXT)
    web_page.element(".written ~ .legend input").click()
    assert [c for c in shown if c in "é한"] == [c for c in web_page.text("pre.written") if c in "é한"]
    assert r"\x" in shown
    assert web_page.errors == []


@pytest.mark.parametrize("width", [1100, 500, 360])
def test_placeholders_are_whole_and_the_labels_of_the_colors_are_beside_them(
    web_page: Page, tmp_path: Path, width: int
) -> None:
    opened(web_page, cycling_model("abcab"), tmp_path / "page.html", width=width)
    assert web_page.count("input[placeholder]") == 2
    assert web_page.run(CLIPPED) == []
    assert web_page.run(LEGEND) == [True, True, True]
    assert web_page.run("return document.documentElement.scrollWidth") == width

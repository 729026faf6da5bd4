"""The page of a model in a browser: typing, generating, stopping, and nothing requested or executed."""

from dataclasses import replace
from pathlib import Path

import pytest

from charseq.inference.continuation import continuation
from charseq.inference.requests import Request
from charseq.inference.sampling import SamplingParams
from charseq.model.model_file import Model
from charseq.model.numpy_ops import SeededDraw
from charseq.text.vocabulary import Vocabulary
from tests.support.browser import Page
from tests.support.labeled import labeled_model
from tests.support.model_pages import idle, mixed_model, opened
from tests.support.models import cycling_model, gru_model, text_record
from tests.support.reported import HOSTILE, MARKUP, STREAM

STATUS = "#status"
TEXT = ".written.text"
STOP = "document.querySelector('#stop').click()"
ESCAPE = "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))"
IN_THE_SECOND_FRAME = """
document.querySelector('#generate').click();
return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
  done(document.documentElement.dataset.state);
  SCRIPT;
})));
"""
"""Generates, runs a script in the second frame, and returns the state of the page before."""


@pytest.fixture(scope="module")
def stream() -> Model:
    return mixed_model([STREAM])


@pytest.fixture
def page(web_page: Page, tmp_path: Path, stream: Model) -> Page:
    """Return the browser with the page of a model of running text."""
    return opened(web_page, stream, tmp_path / "page.html")


def generated(page: Page, **fields: object) -> str:
    """Set fields by their names, click the button, and return the text."""
    for name, value in fields.items():
        page.set_value(f"#{name}", value)
    page.element("#generate").click()
    return idle(page).text(TEXT)


def test_the_page_is_ready_without_messages_and_requests(page: Page, tmp_path: Path) -> None:
    assert page.text(TEXT) == STREAM[0]  # an empty prompt begins with the first symbol of the text
    assert page.count(".bar") == 10
    assert page.requests == [(tmp_path / "page.html").as_uri()]
    assert page.errors == []


def test_typing_changes_the_distribution_and_colors_the_text(page: Page) -> None:
    before = page.text(".bars")
    page.element("#prompt").send_keys("12 and")
    assert idle(page).text(TEXT) == "12 and"
    assert page.text(".bars") != before
    colors = page.run("return [...document.querySelectorAll('.symbol')].map((s) => s.style.backgroundColor)")
    assert colors[0] == ""
    assert len(set(colors)) > 3
    page.element("#prompt").send_keys("Zß\t")
    assert "does not know ‘Z’, ‘ß’" in idle(page).text("#note")
    assert page.errors == []


def test_the_same_seed_gives_the_same_text_and_a_random_one_is_shown(page: Page) -> None:
    first = generated(page, prompt="1", seed=7, length=97)
    assert len(first) == 98
    assert first.startswith("1")
    assert "97 characters generated" in page.text(STATUS)
    assert "Seed 7." in page.text(STATUS)
    assert generated(page, seed=7) == first
    assert generated(page, seed=8) != first
    random = generated(page, seed="")
    seed = page.text(STATUS).split("Seed ")[1].rstrip(".")
    assert generated(page, seed=seed) == random


def test_without_randomness_the_text_is_that_of_predict(page: Page, stream: Model) -> None:
    steps = [*continuation(stream, "3", SamplingParams(0), length=61)]
    assert generated(page, prompt="3", temperature=0, length=61) == "3" + text_record(steps)
    assert "Seed" not in page.text(STATUS)


def test_continue_adds_to_the_text(page: Page) -> None:
    first = generated(page, length=31, seed=3)
    page.element("#more").click()
    assert idle(page).text(TEXT).startswith(first)
    assert len(page.text(TEXT)) == 1 + 2 * 31
    page.element("#clear").click()
    assert idle(page).text(TEXT) == STREAM[0]


def test_draws_follow_the_distribution_at_the_temperature(page: Page) -> None:
    script = """
    const p = [0.5, 0.2, 0, 0.3], random = charseqPage.generator(arguments[0]), counts = [0, 0, 0, 0];
    const q = charseqPage.atTemperature(p, arguments[1], new Float64Array(4));
    for (let i = 0; i < 20000; i++) counts[charseqPage.drawn(q, random())]++;
    return counts.map((count) => count / 20000);
    """
    for temperature in (1, 0.5, 2):
        powers = [p ** (1 / temperature) for p in (0.5, 0.2, 0, 0.3)]
        found = page.run(script, 5, temperature)
        assert found == pytest.approx([power / sum(powers) for power in powers], abs=0.015)
        assert found[2] == 0
    assert page.run(script, 5, 0) == [1, 0, 0, 0]


def test_generation_can_be_stopped_and_never_freezes_the_page(page: Page) -> None:
    page.set_value("#length", 10000)
    assert page.run(IN_THE_SECOND_FRAME.replace("SCRIPT", STOP)) == "running"
    length = len(idle(page).text(TEXT))
    assert 3 < length < 10000
    page.set_value("#length", "")
    page.element("#generate").click()
    assert len(idle(page).text(TEXT)) == 201


def test_keys_generate_and_stop_and_move_through_the_text(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    page.element("#prompt").send_keys("4", Keys.CONTROL + Keys.ENTER)
    assert len(idle(page).text(TEXT)) == 201
    page.run("document.querySelector('.written .symbol').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert "bits, probability" in page.text("#tooltip")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert page.text("#write h3").endswith(", number 3")
    page.set_value("#length", 10000)
    assert page.run(IN_THE_SECOND_FRAME.replace("SCRIPT", ESCAPE)) == "running"
    assert len(idle(page).text(TEXT)) < 10000


def test_a_symbol_shows_its_distribution_and_a_bar_appends_to_it(page: Page) -> None:
    generated(page, prompt="12", length=13, seed=3)
    start = page.text(TEXT)[:5]
    page.run("document.querySelectorAll('.written .symbol')[4].click()")
    assert page.count(".written .chosen") == 1
    name = page.run("return document.querySelector('.bar .name').textContent")
    page.element(".bar").click()
    assert idle(page).text(TEXT) == start + name.replace("·", " ")
    assert page.run("return document.querySelector('#prompt').value") == page.text(TEXT)


@pytest.mark.parametrize(
    ("texts", "prompt", "text"),
    [
        (["abcab"], "", "abcab"),
        (["abcab"], "abc", "abcab"),
        (["ab", "abcab"], "a", "abcab"),
        (["bca"], "a", "abc"),
        (["abc"], "abc", "abc"),
    ],
)
def test_a_memorized_text_ends_where_predict_ends_it(
    web_page: Page, tmp_path: Path, texts: list[str], prompt: str, text: str
) -> None:
    model = cycling_model(*texts)
    request = Request(prompt or "a")
    assert request.prompt + text_record([*continuation(model, request.prompt, SamplingParams(0))]) == text
    opened(web_page, model, tmp_path / "page.html")
    assert generated(web_page, prompt=prompt) == text
    assert web_page.run("return document.querySelector('#temperature').value") == "0"
    if text in texts:
        assert "The memorized text ends here" in web_page.text(STATUS)
    web_page.set_value("#length", 7)
    web_page.element("#more").click()
    assert len(idle(web_page).text(TEXT)) == len(text) + 7


def test_a_line_ends_and_another_one_begins(web_page: Page, tmp_path: Path) -> None:
    model = mixed_model([f"{i}{i}" for i in range(97)], of_lines=True)
    opened(web_page, model, tmp_path / "page.html")
    generated(web_page, prompt="7", seed=5)
    assert "The line ends here." in web_page.text(STATUS)
    assert web_page.text("#more") == "Another line"
    for lines in (2, 3):
        web_page.element("#more").click()
        assert idle(web_page).count(".written .line") == lines
    web_page.element(".written ~ .legend input").click()
    rows = web_page.text("pre.written").split("\n")
    assert len(rows) == 3
    assert all(row.startswith("7") for row in rows)
    web_page.element("#prompt").send_keys("1")
    idle(web_page)
    assert web_page.text("pre.written") == "71"


def test_a_label_is_chosen_and_never_generated(web_page: Page, tmp_path: Path) -> None:
    model = labeled_model()
    opened(web_page, model, tmp_path / "page.html")
    names = model.vocabulary.label_names
    most = names[max(range(len(names)), key=lambda i: model.label_counts[i])]
    assert web_page.text(".written .label-symbol") == most
    before = web_page.text(".bars")
    web_page.set_value("select", (names.index(most) + 1) % len(names))
    assert idle(web_page).text(".bars") != before
    assert web_page.text(".written .label-symbol") != most
    generated(web_page, temperature=2, seed=3)
    for _ in range(5):
        web_page.element("#more").click()
        idle(web_page)
    assert web_page.count(".written .label-symbol") == web_page.count(".written .line") > 1


def test_hostile_text_is_shown_and_never_executed(web_page: Page, tmp_path: Path) -> None:
    model = gru_model(HOSTILE + "\ud800")
    path = tmp_path / "page.html"
    opened(web_page, model, path)
    generated(web_page, prompt=MARKUP, temperature=2, length=503, seed=3)
    web_page.element(".legend input").click()
    web_page.element(".bar").click()
    shown = "return document.querySelector('pre.written').textContent.startsWith(arguments[0])"
    assert idle(web_page).run(shown, MARKUP)
    assert web_page.count("img, iframe, object, embed, link") == 0
    assert web_page.requests == [path.as_uri()]
    assert web_page.errors == []


def test_bytes_are_appended_one_by_one_and_shown_as_text(web_page: Page, tmp_path: Path) -> None:
    model = gru_model("abcdefgh")
    vocabulary = Vocabulary.of(["aé"], unit="byte")
    network = replace(model.network, vocabulary_size=len(vocabulary))
    bytes_model = Model(network, vocabulary, network.draw(SeededDraw(3)), opening="\udcc3")
    opened(web_page, bytes_model, tmp_path / "page.html")
    assert web_page.text(TEXT) == r"\xc3"
    web_page.set_value("#prompt", "aé")
    assert idle(web_page).text(TEXT) == r"a\xc3\xa9"
    click = "const bars = [...document.querySelectorAll('.bar')];"
    click += "bars.find((bar) => bar.textContent.startsWith(arguments[0])).click()"
    web_page.run(click, r"\xc3")
    assert idle(web_page).text(TEXT) == r"a\xc3\xa9\xc3"
    assert web_page.run("return document.querySelector('#prompt').value") == "aé\ufffd"
    assert web_page.text("#note") == ""
    web_page.run(click, r"\xa9")
    assert web_page.run("return document.querySelector('#prompt').value") == "aéé"
    assert web_page.errors == []


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_phone_scrolls_only_down(web_page: Page, tmp_path: Path, stream: Model, dark: bool) -> None:
    opened(web_page, stream, tmp_path / "page.html", width=360, dark=dark, touch=True)
    generated(web_page, prompt="x" * 3 + STREAM[:50], length=307)
    web_page.run("for (const each of document.querySelectorAll('details')) each.open = true")
    assert web_page.run("return document.documentElement.scrollWidth") == 360
    assert web_page.errors == []


def test_a_dark_page_is_printed_light_with_the_whole_text(
    web_page: Page, tmp_path: Path, stream: Model
) -> None:
    opened(web_page, stream, tmp_path / "page.html", dark=True)
    generated(web_page, length=2003)
    background = "return getComputedStyle(document.querySelectorAll('.written .symbol')[5]).backgroundColor"
    dark = web_page.run(background)
    web_page.run("dispatchEvent(new Event('beforeprint'))")
    assert web_page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert web_page.run(background) != dark
    web_page.run("dispatchEvent(new Event('afterprint'))")
    assert web_page.run(background) == dark
    web_page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    hidden = web_page.run(
        "const b = document.querySelector('.written'); return b.scrollHeight - b.clientHeight"
    )
    web_page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert hidden == 0

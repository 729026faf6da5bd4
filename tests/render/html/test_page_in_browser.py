"""A page in a browser: every chart draws, every control works, and nothing is requested or executed."""

from pathlib import Path

import pytest

from tests.support.browser import Page
from tests.support.reported import HOSTILE, MARKUP, STREAM, trained, written

SECTIONS = ["live", "learning", "evolution", "surprisal", "units", "gradients", "settings"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def memorized(folder: Path) -> Path:
    return written(trained(folder / "memorized", ["hihello", "abcab"], layers=2))


@pytest.fixture
def page(web_page: Page, memorized: Path) -> Page:
    """Return the browser with the page of a memorized text, which must leave no message in the console."""
    web_page.open(memorized)
    return web_page


def test_every_section_draws_in_order_without_messages_and_requests(page: Page, memorized: Path) -> None:
    assert page.run("return [...document.querySelectorAll('section')].map((each) => each.id)") == SECTIONS
    assert page.count("#learning canvas") == 2
    assert page.count("#live canvas.cells") == 2 * 4  # r, z, n, h of two layers
    assert page.count("#surprisal .symbol") == 7 + 5
    assert page.count("#units .symbol") == 7 + 5
    assert page.count("#gradients .column") == 6
    painted = (
        "const c = document.querySelector(arguments[0]), d = c.getContext('2d').getImageData(0, 0, c.width,"
    )
    painted += " c.height).data; return new Set(d).size"
    assert page.run(painted, "#learning canvas") > 2
    assert page.run(painted, "#live canvas.cells") > 2
    assert page.requests == [memorized.as_uri()]
    assert page.errors == []


def test_typing_changes_the_next_characters_and_the_units(page: Page) -> None:
    before = page.text("#live .bars"), page.run("return document.querySelector('canvas.cells').ariaLabel")
    field = page.element("#typed")
    field.clear()
    field.send_keys("abc")
    after = page.text("#live .bars"), page.run("return document.querySelector('canvas.cells').ariaLabel")
    assert page.text("#live .text") == "abc"
    assert before[0] != after[0]
    assert before[1] != after[1]
    page.element("#live .bar").click()
    assert len(page.text("#live .text")) == 4
    field.send_keys("?")
    assert "‘?’ is not in the vocabulary and was left out." in page.text("#live .note")
    page.set_value("#live input[type=range]", 1)
    assert page.text("#live h3") == "The next symbol after 2 steps"
    assert page.errors == []


def test_the_slider_and_the_play_button_move_through_the_epochs(page: Page) -> None:
    page.set_value("#evolution input[type=range]", 0)
    assert page.text("#evolution .output").startswith("epoch 1:")
    assert page.count("#evolution .row.later") == 19
    page.element("#play").click()
    assert page.text("#play") == "Pause"
    page.run("return new Promise((done) => setTimeout(done, 500))")
    page.element("#play").click()
    assert page.text("#play") == "Play"
    assert 0 < page.count("#evolution .row.later") < 19
    page.set_value("#evolution select", 1)
    assert page.text("#evolution .row.head") == "epochbcab"
    assert page.errors == []


def test_pointing_shows_values_with_their_units(page: Page) -> None:
    assert "probability" in page.point_at("#surprisal .symbol", 2)
    assert "position 2: " in page.point_at("#evolution .row:last-child .symbol", 1)
    assert "norm" in page.point_at("#gradients .column", 3)
    assert "unit" in page.point_at("#units .symbol", 2)
    assert "unit" in page.point_at("#live canvas.cells")
    page.point_at("#learning .u-over")
    assert "nats" in page.text("#learning .u-legend")
    page.set_value("#learning select", 1)
    page.point_at("#learning .u-over")
    assert "bits" in page.text("#learning .u-legend")


def test_the_arrow_keys_move_through_a_figure(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    page.run("document.querySelector('#surprisal .symbol').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.text("#tooltip").startswith("‘h’: ")
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert page.run("return document.querySelector('#tooltip').hidden")
    page.run("document.querySelector('#live canvas').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert "unit 1: " in page.text("#tooltip")
    page.run("document.querySelector('#learning .chart').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.text("#learning .u-legend .u-value") == "2"


def test_another_unit_colors_the_text_differently(page: Page) -> None:
    colors = (
        "return [...document.querySelectorAll('#units .symbol')].map((each) => each.style.backgroundColor)"
    )
    before = page.run(colors)
    page.set_value("#unit", 3)
    chosen = page.run(colors)
    page.set_value("#units select", 5)
    assert before != chosen != page.run(colors) != before
    assert "layer 1" in page.text("#units .note:last-of-type")


def test_another_position_shows_other_gradients(page: Page) -> None:
    page.set_value("#gradients input[type=range]", 1)
    heights = page.run(
        "return [...document.querySelectorAll('.column span')].map((each) => each.style.height)"
    )
    assert heights[2:] == ["0px"] * 4
    assert "100%" in heights[:2]
    assert page.text("#gradients .target") == "h"


def test_the_button_changes_the_colors_of_everything(page: Page) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    heat = "return document.querySelector('#units .symbol').style.backgroundColor"
    light = page.run(background), page.run(heat)
    page.element("#theme").click()
    dark = page.run(background), page.run(heat)
    page.element("#theme").click()
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    assert (page.run(background), page.run(heat)) == light


def test_dragging_zooms_into_a_chart_and_the_button_shows_all(page: Page) -> None:
    from selenium.webdriver import ActionChains

    def first_epoch() -> str:
        page.run("arguments[0].scrollIntoView({block: 'center'})", over)
        left = -over.size["width"] // 2 + 3
        ActionChains(page.driver, duration=0).move_to_element_with_offset(over, left, 0).perform()
        return page.text("#learning .u-legend .u-value")

    over = page.element("#learning .u-over")
    assert first_epoch() == "1"
    drag = ActionChains(page.driver, duration=0).move_to_element(over).click_and_hold()
    drag.move_by_offset(over.size["width"] // 4, 0).release().perform()
    assert int(first_epoch()) > 8
    page.element("#show-all").click()
    assert first_epoch() == "1"


def test_touching_a_chart_shows_its_values(page: Page) -> None:
    touch = "const over = document.querySelector('#learning .u-over'), box = over.getBoundingClientRect();"
    touch += "over.dispatchEvent(new PointerEvent('pointerdown', {pointerType: 'touch', bubbles: true,"
    touch += " clientX: box.right - 2, clientY: box.top + 9}))"
    page.run(touch)
    assert page.text("#learning .u-legend .u-value") == "20"


def test_reduced_motion_replaces_playing_by_single_steps(web_page: Page, memorized: Path) -> None:
    web_page.open(memorized, still=True)
    assert web_page.text("#play") == "Next epoch"
    web_page.element("#play").click()
    web_page.element("#play").click()
    assert web_page.text("#evolution .output").startswith("epoch 2:")


def test_a_dark_page_is_printed_light(web_page: Page, memorized: Path) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    web_page.open(memorized, dark=True)
    dark = web_page.run(background)
    web_page.run("dispatchEvent(new Event('beforeprint'))")
    assert web_page.run(background) == "rgb(255, 255, 255)" != dark
    web_page.run("dispatchEvent(new Event('afterprint'))")
    assert web_page.run(background) == dark


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_scrolls_only_down(web_page: Page, memorized: Path, dark: bool) -> None:
    web_page.open(memorized, width=390, dark=dark, touch=True)
    assert web_page.count("details") == 3
    web_page.run("for (const each of document.querySelectorAll('details')) each.open = true")
    assert web_page.run("return document.documentElement.scrollWidth") == 390
    assert web_page.errors == []


def test_hostile_text_is_shown_and_never_executed(web_page: Page, folder: Path) -> None:
    run = trained(folder / "'<script>alert(9)<", [HOSTILE], epochs=2)
    path = written(run)
    web_page.open(path)
    assert web_page.run("return document.documentElement.dataset.ready") is not None
    assert web_page.errors == []
    assert web_page.requests == [path.as_uri()]
    assert web_page.count("img, iframe, object, embed, link") == 0
    assert web_page.text("#surprisal .text").startswith(MARKUP[:34])
    assert web_page.text("#surprisal .text").endswith("◌\u0301e◌\u0301👩U+200D🚀")
    field = web_page.element("#typed")
    field.send_keys("<script>alert(1)</script>")
    assert web_page.text("#live .text").endswith("<script>alert(1)</script>")
    assert web_page.errors == []


def test_bytes_that_are_not_utf8_are_shown_by_their_numbers(web_page: Page, folder: Path) -> None:
    run = trained(folder / "bytes", ["a\udcff\udc80é"], epochs=2, unit="byte")
    web_page.open(written(run))
    assert web_page.text("#surprisal .text") == r"a\xff\x80\xc3\xa9"
    web_page.element("#typed").send_keys("é")
    assert web_page.text("#live .text").endswith(r"\xc3\xa9")
    web_page.element("#live .bar").click()
    assert web_page.errors == []


def test_a_mixture_shows_the_surprisal_of_its_parts(web_page: Page, folder: Path) -> None:
    run = trained(folder / "stream", STREAM, cell="rnn-norm", epochs=1, ngram=3)
    web_page.open(written(run))
    colors = "return [...document.querySelectorAll('#surprisal .symbol')].map((s) => s.style.backgroundColor)"
    mixture = web_page.run(colors)
    web_page.set_value("#surprisal select", 2)
    assert mixture != web_page.run(colors)
    assert "network alone" in web_page.text("#live .caption")
    assert "n-grams alone" in web_page.point_at("#surprisal .symbol", 3)
    assert web_page.errors == []


LEFT = "return [...document.querySelectorAll(arguments[0])].map((e) => e.getBoundingClientRect().left)"


def test_bars_and_symbols_are_aligned_and_the_chosen_position_is_in_view(
    web_page: Page, folder: Path
) -> None:
    run = trained(folder / "wide", "hi\x00\x1b\xff hello \x1b\x00" * 3, unit="byte", epochs=2)
    web_page.open(written(run), width=390, touch=True)
    assert web_page.count("#live .bar") == 10
    assert len(set(web_page.run(LEFT, "#live .bar .track"))) == 1
    bars, symbols = (web_page.run(LEFT, f"#gradients {name}") for name in (".column", ".under .symbol"))
    assert len(bars) > 30
    assert bars == symbols[: len(bars)]
    assert 0 < web_page.run(LEFT, "#gradients .target")[0] < 390
    web_page.set_value("#gradients input[type=range]", 20)
    assert 100 < web_page.run(LEFT, "#gradients .target")[0] < 290
    heights = web_page.run(
        "return [...document.querySelectorAll('#live .append button')].map((e) => e.offsetTop)"
    )
    assert len(set(heights)) == 1


def test_a_chart_shows_its_last_values_without_a_cursor(page: Page) -> None:
    shown = page.text("#learning .u-legend")
    assert "20" in shown
    assert "nats" in shown
    assert "–" not in shown


def test_no_line_ends_within_an_option_or_a_command(page: Page) -> None:
    split = "return charseqPage.prose(arguments[0]).map((part) => part.textContent ?? null)"
    text = "Write it with --max-weights 3 to include it. ‘charseq report --file PATH’ shows it."
    assert page.run(split, text) == [None, "--max-weights 3", None, "‘charseq report --file PATH’", None]
    assert page.text("#surprisal .unbroken") == "‘charseq report --file PATH’"


def test_labels_have_frames_and_samples_no_escapes(web_page: Page, folder: Path) -> None:
    lines = [f"{'it' if i % 2 else 'en'}\tRossi{i}" for i in range(97)]
    web_page.open(written(trained(folder / "labels", lines, labels=True, epochs=2)))
    assert web_page.count("#gradients .under .label-symbol") == 1
    assert web_page.count("#learning .sample .label-symbol") > 0
    assert "\\t" not in web_page.text("body main")
    assert web_page.errors == []


@pytest.mark.long
def test_the_page_of_a_text_of_1_mb_is_small_and_ready_within_2_seconds(web_page: Page, folder: Path) -> None:
    text = "".join(f"{i} and {i * i % 9973}; " for i in range(67_000))[:1_000_000]
    run = trained(folder / "large", text, cell="gru", hidden_size=320, epochs=1, time_limit=20)
    path = written(run)
    assert path.stat().st_size < 5_000_000
    web_page.open(path)
    assert web_page.run("return Number(document.documentElement.dataset.ready)") < 2000
    assert web_page.count("#live canvas.cells") == 4
    assert web_page.errors == []

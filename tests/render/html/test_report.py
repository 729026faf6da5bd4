"""The page as text: its policy, its size, and data that cannot become markup."""

import base64
import hashlib
import html
import json
import math
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from charseq.inspection.reported_run import ReportedRun, load, texts_of
from charseq.render.html import about, reading, report
from charseq.render.html.assembly import asset, condensed
from charseq.render.html.learning import thinned
from charseq.render.html.symbols import symbol_sign
from charseq.runs.run_log import RunLog
from tests.support.models import gru_model
from tests.support.reported import HOSTILE, STREAM, data_in, page_of, trained

MAX_SIZE = 200_000
"""Bytes of a page beyond its data."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def empty_page() -> str:
    """Return the page of a run that has neither a log nor a model."""
    *_, page = report.page(ReportedRun(Path("none"), RunLog({}, (), {}), None))
    assert isinstance(page, str)
    return page


def test_the_policy_allows_exactly_the_blocks_of_the_page(empty_page: str) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', empty_page)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for name, tag in (("style-src", "style"), ("script-src", "script")):
        (sources,) = re.findall(rf"{name} ([^;]*)", policy)
        blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", empty_page, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(block.encode()).digest()).decode() for block in blocks]
        assert sources.split() == [f"'sha256-{digest}'" for digest in digests]


def test_a_page_has_at_most_200_kb_beyond_its_data(empty_page: str) -> None:
    assert len(empty_page.encode()) - len(json.dumps(data_in(empty_page))) < MAX_SIZE


def test_a_page_loads_nothing(empty_page: str) -> None:
    assert not re.search(r"(src|href)\s*=|@import|url\(|fetch\(|XMLHttpRequest|import\(", empty_page)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", empty_page)


def test_the_scripts_are_short_files_with_short_lines() -> None:
    for name in (*report.SCRIPTS, *report.STYLES):
        lines = asset(name).splitlines()
        if not name.startswith("uPlot"):
            assert max(map(len, lines)) <= 120, name
            assert len(lines) < 300 or name.endswith(".css"), name


def test_condensing_removes_comments_and_indentation_only() -> None:
    script = "// A comment\nif (a) {\n  f('//b'); // c\n\n  g(`${a}://`);\n}\n"
    assert condensed(script) == "if (a) {\nf('//b');\ng(`${a}://`);\n}"
    style = "/* A comment */\na,\nb {\n  color: red;\n}\n"
    assert condensed(style, "") == "a,b {color: red;}"
    for path in (resources.files("charseq.render.html") / "assets").iterdir():
        if path.name.endswith(".js") and not path.name.startswith("uPlot"):
            lines = path.read_text(encoding="utf-8").splitlines()
            assert [line for line in lines if line.count("`") % 2] == [], path.name


def test_a_page_names_the_license_of_the_charts(empty_page: str) -> None:
    assert "© Leon Sorokin, MIT license" in empty_page
    assert "Permission is hereby granted" in asset("uPlot-LICENSE.txt")


def test_every_section_of_a_run_without_anything_says_why_it_is_left_out(empty_page: str) -> None:
    data = data_in(empty_page)
    for name in ("network", "learning", "evolution", "surprisal", "units", "gradients"):
        assert data[name]["left_out"].endswith(".")


def test_no_text_of_a_run_is_markup_in_the_page(folder: Path) -> None:
    run = trained(folder / "'<script>alert(9)<", [HOSTILE], epochs=2)
    page = page_of(run)
    block = page[page.index('id="data">') + 10 :]
    block = block[: block.index("</script>")]
    assert block.isascii()
    assert not set("<>&") & set(block)
    assert json.loads(block)["vocabulary"]["raw"] == sorted(set(HOSTILE))
    assert page.count("<script") == page.count("</script>") == len(report.SCRIPTS) + 1
    (title,) = re.findall("<title>(.*?)</title>", page, re.DOTALL)
    assert html.unescape(title) == json.loads(block)["title"]
    assert "<" not in title


def test_a_large_network_is_left_out_with_what_to_do(folder: Path) -> None:
    run = trained(folder / "large", hidden_size=709, epochs=1)
    left_out = data_in(page_of(run))["network"]["left_out"]
    assert left_out.startswith("The network is left out: its weights take 6.1 MB, and the limit is 2 MB. ")
    assert "with --max-weights 7 to include it." in left_out
    *_, page = report.page(load(str(run)), max_weights=7)
    assert len(data_in(str(page))["network"]["weights"]) > 8_000_000


def test_the_cell_of_another_package_is_left_out_with_its_name() -> None:
    section = reading.network(gru_model(), (), 2.0, known_cell=False)
    assert section == {"left_out": "The page cannot run the cell gru, which another package adds."}
    architecture = gru_model().network
    assert about.is_own_cell(architecture)


def test_held_out_text_and_the_last_sample_are_read_where_a_text_is_long(folder: Path) -> None:
    data = data_in(page_of(trained(folder / "stream", STREAM, cell="rnn-norm", epochs=2, ngram=3)))
    first, second = data["surprisal"]["texts"]
    assert "held-out" in first["origin"]
    assert first["ids"] == data["evolution"]["targets"][0]
    assert "generated" in second["origin"]
    assert len(first["bits"]) == len(first["network"]) == len(first["ngram"]) == len(first["ids"]) - 1
    assert [curve["name"] for curve in data["learning"]["losses"]][-1] == "training"
    assert len(data["learning"]["losses"]) == 4
    assert data["learning"]["samples"]


def test_the_title_quotes_the_text_and_has_the_digits_of_the_page(folder: Path) -> None:
    run = load(str(trained(folder / "two", ["hihello", "abcab"], epochs=1)))
    end = {**run.log.end, "loss": 0.15456 * math.log(2)}
    title = about.title(replace(run, log=replace(run.log, end=end)))
    assert title.endswith("trained on “hihello” and 1 more: loss 0.155 bits (0.107 nats) per character")


def test_a_sample_is_named_by_its_epoch(folder: Path) -> None:
    run = load(str(trained(folder / "sampled", STREAM, epochs=1)))
    event = {"event": "report", "passes": 22.4, "sample": "1 and 1; "}
    texts, _ = texts_of(replace(run, log=replace(run.log, evaluations=(*run.log.evaluations, event))))
    assert texts[-1].origin == "text generated after 22.4 epochs"
    event["passes"] = 22.0
    texts, _ = texts_of(replace(run, log=replace(run.log, evaluations=(*run.log.evaluations, event))))
    assert texts[-1].origin == "text generated after epoch 22"


def test_the_first_text_of_the_field_ends_with_a_whole_grapheme(folder: Path) -> None:
    run = trained(folder / "emoji", ["ab👩\u200d🚀c\x1bd"], unit="grapheme", epochs=1)
    assert data_in(page_of(run))["network"]["text"] == "ab👩\u200d🚀c"


def test_labels_begin_the_lines_that_are_read(folder: Path) -> None:
    lines = [f"{'odd' if i % 2 else 'even'}\t{i}{i}" for i in range(97)]
    run = trained(folder / "labeled", lines, labels=True, epochs=1, cell="gru")
    data = data_in(page_of(run, "22"))
    (label, *rest) = data["surprisal"]["texts"][0]["ids"]
    assert label in data["vocabulary"]["labels"]
    assert [data["symbols"][i] for i in rest] == ["2", "2", "⏎"]
    assert {"even", "odd"} <= set(data["symbols"])


@pytest.mark.parametrize(
    ("symbol", "unit", "sign"),
    [
        (" ", "character", "·"),
        ("\n", "character", "⏎"),
        ("", "character", "⏎"),
        ("\t", "character", "TAB"),
        ("\x1b", "character", "ESC"),
        ("\x85", "character", "U+0085"),
        ("\u202e", "character", "U+202E"),
        ("\u0301", "character", "◌\u0301"),
        ("é", "character", "é"),
        ("\xe9", "byte", r"\xe9"),
        ("e\u0301", "grapheme", "e\u0301"),
        ("👩\u200d🚀", "grapheme", "👩\u200d🚀"),
    ],
)
def test_every_symbol_is_visible(symbol: str, unit: str, sign: str) -> None:
    assert symbol_sign(symbol, unit) == sign


def test_thinned_rows_keep_the_first_the_last_and_the_chosen_ones() -> None:
    rows = thinned(range(1000), 7, keep=[501])
    assert rows[0] == 0
    assert rows[-1] == 999
    assert 501 in rows
    assert len(rows) == 8
    assert thinned(range(7), 7) == [*range(7)]

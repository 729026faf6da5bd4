"""The page of a model as text: its policy and size, what rounding changes, and data that is no markup."""

import base64
import hashlib
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from charseq.errors import UsageError
from charseq.export import html_page
from charseq.export.rounding import FEWEST, compared
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.render.html.assembly import asset
from charseq.render.html.weights import WeightType, encoded
from charseq.runs.run_log import RunLog
from charseq.text.vocabulary import Vocabulary
from tests.support.command import Command
from tests.support.labeled import labeled_model
from tests.support.model_pages import data_of, mixed_model, page_of, run_of
from tests.support.models import cycling_model, gru_model
from tests.support.reported import HOSTILE, STREAM, data_in

KINDS: tuple[WeightType, ...] = ("float32", "float16", "int8")
LARGEST = 60_000
"""Bytes of a page beside its weights."""


def notes_of(model: Model, **options: object) -> str:
    """Return the notes of an export."""
    return "\n".join(html_page.export(run_of(model), model, **options).notes)  # type: ignore[arg-type]


def test_a_page_of_100_symbols_has_less_than_60_kb_beside_its_weights() -> None:
    text = "".join(map(chr, range(0x400, 0x400 + 100))) * 7
    model = mixed_model([text], "mlstm")
    assert len(model.vocabulary) == 100
    page = page_of(model)
    assert 0 < len(page.encode()) - html_page.weight_bytes(data_in(page)) < LARGEST


def test_the_policy_allows_exactly_the_blocks_of_the_page() -> None:
    page = page_of(gru_model())
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for name, tag in (("style-src", "style"), ("script-src", "script")):
        (sources,) = re.findall(rf"{name} ([^;]*)", policy)
        blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(block.encode()).digest()).decode() for block in blocks]
        assert sources.split() == [f"'sha256-{digest}'" for digest in digests]


def test_a_page_loads_nothing_and_never_makes_markup_of_text() -> None:
    page = page_of(gru_model())
    assert not re.search(r"(src|href)\s*=|@import|url\(|fetch\(|XMLHttpRequest|import\(", page)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write\b|\beval\(", page)


def test_the_scripts_are_short_files_with_short_lines() -> None:
    for name in html_page.SCRIPTS:
        lines = asset(name).splitlines()
        assert max(map(len, lines)) <= 120, name
        assert len(lines) < 300, name


def test_no_text_of_a_model_is_markup_in_the_page() -> None:
    model = gru_model(HOSTILE + "\ud800")
    page = page_of(replace(model, opening="<"))
    block = page[page.index('id="data">') + 10 :]
    block = block[: block.index("</script>")]
    assert block.isascii()
    assert not set("<>&") & set(block)
    assert json.loads(block)["vocabulary"]["raw"] == list(model.vocabulary.symbols)
    assert page.count("<script") == page.count("</script>") == len(html_page.SCRIPTS) + 1
    (title,) = re.findall("<title>(.*?)</title>", page, re.DOTALL)
    assert html.unescape(title) == json.loads(block)["title"]


def test_the_same_model_gives_the_same_page() -> None:
    model = mixed_model([STREAM])
    assert page_of(model) == page_of(model)


def test_a_cell_of_another_package_is_refused_with_the_other_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.render.html.about.CELLS", {})
    with pytest.raises(UsageError, match="cannot run the cell gru, which another package adds") as caught:
        page_of(gru_model())
    assert caught.value.hint == "choose another --format: safetensors, torch, onnx"


def test_the_loss_of_rounding_is_stated_in_the_page_and_in_the_notes() -> None:
    model = mixed_model([STREAM])
    exported = html_page.export(run_of(model), model, "int8")
    (page,) = exported.files.values()
    (stated,) = [note for note in exported.notes if "rounding changes the loss by" in note]
    pattern = (
        "On [0-9,]+ characters of text that the model generated at temperature 1, rounding changes the loss "
        "by [+-]0[.][0-9]{6} nats per character, from [0-9.]+, and the most probable character at [0-9]+ pos"
    )
    assert re.match(pattern, stated)
    assert stated in data_in(page.decode())["notes"]
    assert "The weights are those of the model file, in float32." in notes_of(model, weights="float32")


def test_the_command_writes_a_page_that_stands_alone(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--cell", "gru", "--epochs", "2", "--hidden-size", "7")
    result = charseq("export", "--format", "html")
    assert (result.status, result.output) == (0, "0001-gru.html\n")
    assert "rounding changes the loss by" in result.errors
    data = data_in(Path("0001-gru.html").read_text(encoding="utf-8"))
    assert data["run"] == "0001-gru"
    assert len(data["network"]["memorized"]) == 1


def test_the_more_is_rounded_the_more_the_loss_changes() -> None:
    model = mixed_model([STREAM], "lstm")
    names = list(model.network.parameter_specs())
    differences = []
    for kind in KINDS:
        decoded = encoded(model.arrays, names, kind).decoded
        (found,) = compared(run_of(model), model, decoded)
        assert found.characters >= 1900
        differences.append(abs(found.rounded - found.exact))
    assert differences[0] == 0 < differences[1] < differences[2] < 0.1


def test_a_memorized_text_is_what_rounding_is_measured_on() -> None:
    model = cycling_model("abcabca", "bc")
    (found,) = compared(run_of(model), model, dict(model.arrays))
    assert found[:2] == ("the memorized text", 6 + 1)
    wrong = {**model.arrays, "head.W": -model.arrays["head.W"]}
    (found,) = compared(run_of(model), model, wrong)
    assert found.changed == 7
    assert found.rounded > found.exact + 1


def test_a_long_memorized_text_is_measured_in_part_and_is_no_part_of_the_page() -> None:
    long = replace(cycling_model("abc" * 5003), training={"settings": {"sequence_length": 7, "stride": 3}})
    (found,) = compared(run_of(long), long, dict(long.arrays))
    assert found.characters == 10_000 - 1
    data = data_of(long)
    assert data["network"]["memorized"] == []
    assert any("has 15,009 characters, and the page does not contain it." in note for note in data["notes"])
    assert len(data_of(cycling_model("abcab", "b"))["network"]["memorized"]) == 2


def test_held_out_text_in_the_log_is_measured_too() -> None:
    model = mixed_model([STREAM])
    targets = model.vocabulary.encode(STREAM[: FEWEST + 7]).tolist()
    generated = "text that the model generated at temperature 1"
    held_out = "held-out text (not trained on)"
    for length, origins in ((FEWEST + 7, [held_out, generated]), (5, [generated])):
        log = RunLog({}, ({"event": "epoch", "target_ids": [targets[:length]]},), {})
        run = replace(run_of(model), log=log)
        found = [each.origin for each in compared(run, model, dict(model.arrays))]
        assert found == origins


@pytest.mark.parametrize("model", [labeled_model(), gru_model(boundary=True)], ids=["labels", "lines"])
def test_lines_that_the_model_generates_are_measured_with_their_ends(model: Model) -> None:
    (found,) = compared(run_of(model), model, dict(model.arrays))
    assert found.characters > 1000
    assert found.exact == found.rounded


def test_weights_beyond_float16_stay_float32_and_are_named() -> None:
    model = gru_model()
    large = model.arrays["layers.0.W_h"].copy()
    large[0, 0] = 70_000
    notes = notes_of(replace(model, arrays={**model.arrays, "layers.0.W_h": large}))
    assert "These matrices stay float32, because float16 has no value above 65,504: layers.0.W_h." in notes
    assert "stay float32, because" not in notes_of(model)


def test_the_size_is_stated_and_a_large_page_names_what_makes_it_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = mixed_model([STREAM])
    assert re.search(r"The page has [0-9.]+ kB, [0-9.]+ kB of it for the n-gram model\.", notes_of(model))
    assert "makes it smaller" not in notes_of(model)
    monkeypatch.setattr(html_page, "LARGE_PAGE", 1000)
    assert "--weights int8 or a model trained with --ngram 0 makes it smaller." in notes_of(model)
    assert "--weights" not in notes_of(model, weights="int8").splitlines()[-1]
    assert "makes it smaller" not in notes_of(gru_model(), weights="int8")


def test_int8_takes_a_quarter_of_float32_and_float16_the_half() -> None:
    network = Network("gru", 65, 127)
    vocabulary = Vocabulary.of(["".join(map(chr, range(33, 98)))])
    model = Model(network, vocabulary, network.draw(SeededDraw(3)), opening="!")
    sizes = [html_page.weight_bytes(data_of(model, kind)) for kind in KINDS]
    assert sizes[1] / sizes[0] == pytest.approx(1 / 2, abs=0.01)
    assert sizes[2] / sizes[0] == pytest.approx(1 / 4, abs=0.03)


def test_a_model_of_windows_has_no_ngrams_in_its_page_as_predict_uses_none() -> None:
    model = mixed_model([STREAM])
    windows = replace(model, training={"settings": {"sequence_length": 7, "stride": 3}})
    assert data_of(model)["network"]["ngram"] is not None
    data = data_of(windows)
    assert data["network"]["ngram"] is None
    assert data["network"]["window"] == [7, 3]
    assert any(note.startswith("The network reads windows of 7 symbols, 3 apart") for note in data["notes"])

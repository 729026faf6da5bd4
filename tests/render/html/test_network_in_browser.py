"""The network that runs in a page: equal to NumPy for every cell."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charseq.cells import CELLS
from charseq.inspection.reported_run import ReportedRun
from charseq.inspection.tracing import TraceInput, trace
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.model.stepper import Reader
from charseq.render.html.reading import network
from charseq.render.html.report import page
from charseq.runs.run_log import RunLog
from charseq.text.vocabulary import Vocabulary
from tests.support.browser import Page

SYMBOLS = "abcde"
IDS = [0, 3, 1, 4, 4, 2, 0, 1, 3, 2, 1]
EVERYTHING = {"layers": 2, "residual": True, "layer_norm": True, "embedding_size": 7, "tie_weights": True}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {"hidden_size": 7},
    "no head": {"hidden_size": 5, "head": "none"},
    "embedded": {"hidden_size": 7, "layers": 3, "embedding_size": 3},
    "everything": {"hidden_size": 7, **EVERYTHING},
}
SCRIPT = """
const [description, ids] = arguments, page = charseqPage;
const network = new page.Network(description, page.bytes(description.weights));
return ids.map((id) => {
  const tensors = {};
  const tap = (layer, name, vector) => { tensors[`${layer} ${name}`] = Array.from(vector); };
  return { logits: Array.from(network.read(id, tap)), tensors };
});
"""


def model(cell: str, variant: dict[str, Any]) -> Model:
    """Return a network with large weights, so that gates are not all alike."""
    learned: dict[str, Any] = (
        {"initial_state": "learned"} if cell != "none" and variant.get("residual") else {}
    )
    architecture = Network(cell, len(SYMBOLS), **variant, **learned)
    draw = np.random.default_rng(3)
    arrays = architecture.draw(SeededDraw(3))
    arrays = {
        name: (array * 2 + draw.normal(0, 0.3, array.shape)).astype(np.float32)
        for name, array in arrays.items()
    }
    return Model(architecture, Vocabulary.of([SYMBOLS]), arrays, memorized=(SYMBOLS,), opening="a")


def section_of(tested: Model) -> dict[str, Any]:
    """Return what a page contains of a network."""
    return network(tested, (), 1.0, known_cell=True)


@pytest.fixture(scope="module")
def blank(web_page: Page, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Return the browser with a page whose functions the tests call."""
    run = ReportedRun(Path("none"), RunLog({}, (), {}), model("rnn", VARIANTS["plain"]))
    *_, html = page(run)
    path = tmp_path_factory.mktemp("blank") / "page.html"
    path.write_text(str(html), encoding="utf-8")
    web_page.open(path)
    return web_page


@pytest.mark.parametrize("cell", CELLS)
def test_the_network_in_the_page_equals_numpy_within_1e_4(blank: Page, cell: str) -> None:
    for variant in VARIANTS.values():
        tested = model(cell, variant)
        steps = blank.run(SCRIPT, section_of(tested), IDS)
        inputs = TraceInput(
            tested.network, tested.vocabulary, tested.arrays, (np.array(IDS),), (np.array(IDS[1:]),)
        )
        compared = 0
        for tensor in trace(inputs, read_out=True):
            if tensor.name == "logits":
                logits = np.array([step["logits"] for step in steps])
                np.testing.assert_allclose(logits, tensor.values[0], rtol=1e-4, atol=1e-4)
            elif tensor.step is not None and tensor.name not in ("C", "sum", "normalized"):
                values = steps[tensor.step]["tensors"][f"{tensor.layer} {tensor.name}"]
                np.testing.assert_allclose(
                    values, tensor.values.ravel(), rtol=1e-4, atol=1e-4, err_msg=tensor.name
                )
                compared += 1
        assert compared >= len(IDS) * tested.network.layers


STEPS = """
const [description, ids] = arguments, page = charseqPage;
const network = new page.Network(description, page.bytes(description.weights));
return ids.map((id) => Array.from(network.read(id)));
"""


@pytest.mark.parametrize("cell", CELLS)
def test_logits_equal_those_of_predict_within_1e_4_over_1000_carried_steps(blank: Page, cell: str) -> None:
    architecture = Network(cell, len(SYMBOLS), 37, layers=2)
    drawn = architecture.draw(SeededDraw(7))
    arrays = {name: array if name.endswith("W_h") else 4 * array for name, array in drawn.items()}
    tested = Model(architecture, Vocabulary.of([SYMBOLS]), arrays, opening="a")
    ids = np.random.default_rng(7).integers(0, len(SYMBOLS), 1000)
    logits = np.array(blank.run(STEPS, section_of(tested), ids.tolist()))
    expected = Reader(tested.network, tested.weights).read_sequence(ids[:, None])[:, 0]
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)
    assert np.ptp(expected, 0).min() > 0.01


def test_a_tested_network_depends_on_what_it_has_read(blank: Page) -> None:
    tested = model("mlstm", VARIANTS["everything"])
    steps = blank.run(SCRIPT, section_of(tested), IDS)
    same = [step["logits"] for step, id in zip(steps, IDS, strict=True) if id == 1]
    assert not np.allclose(same[0], same[1], atol=1e-3)


def test_other_weights_give_another_network(blank: Page) -> None:
    tested = model("lstm", VARIANTS["plain"])
    changed = replace(tested, arrays={**tested.arrays, "layers.0.W_h": tested.arrays["layers.0.W_h"] + 0.01})
    first, second = (blank.run(SCRIPT, section_of(each), IDS) for each in (tested, changed))
    assert first[0]["logits"] == second[0]["logits"]  # the state was zero
    assert not np.allclose(first[-1]["logits"], second[-1]["logits"], atol=1e-4)


def test_typed_text_is_segmented_as_in_python(blank: Page) -> None:
    def encode(text: str, **vocabulary: Any) -> Any:
        details = {"unit": "character", "normalization": "none", "labels": [], **vocabulary}
        return blank.run("return charseqPage.encode(arguments[0], arguments[1])", text, details)

    assert encode("b🚀x", raw=["a", "b", "🚀"]) == {"ids": [1, 2], "unknown": ["x"]}
    assert encode("é", raw=["\xa9", "\xc3"], unit="byte")["ids"] == [1, 0]
    assert encode("é", raw=["é", "e\u0301"], normalization="nfd", unit="grapheme")["ids"] == [1]
    assert encode("ab", raw=["", "a", "b", "a"], labels=[3])["ids"] == [1, 2]

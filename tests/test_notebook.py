"""The Python interface in a notebook, which is executed."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import charseq as package
from charseq.events import End
from tests.support.command import Command

CELLS = [
    "import charseq",
    'end = charseq.watch(charseq.train("hihello", cell="gru", hidden_size=7))\nend.status',
    "model = charseq.load()\nmodel.score('hihello')",
    "model.predict('h')",
    "model.predict('h', temperature=1.0, seed=3, until=['l'])",
]
LINES = ("ada", "grace", "<b>bold</b>")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """Return the outputs of the cells."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    import nbformat

    v4: Any = nbformat.v4
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in CELLS])
    folder = str(tmp_path_factory.mktemp("notebook"))
    nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": folder}}
    ).execute()
    return [cell["outputs"] for cell in notebook["cells"]]


def html_of(outputs: list[Any]) -> str:
    (page,) = [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    return str(page)


def text_of(page: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", page))


def test_watch_shows_a_table_that_is_updated_in_place(outputs: list[list[Any]]) -> None:
    page = html_of(outputs[1])
    assert page.count("<table>") == 1
    assert {"epoch", "loss", "accuracy", "prediction"} <= {*re.findall("<th>(.*?)</th>", page)}
    assert text_of(page).count("ihello") > 2
    assert re.search("<th[^>]*>target</th>", page)
    assert "epochs in" in text_of(page)
    assert "<progress" not in page
    assert [output["data"]["text/plain"] for output in outputs[1]][-1] == "'completed'"


def test_a_score_is_a_text_with_its_surprisal(outputs: list[list[Any]]) -> None:
    page = html_of(outputs[2])
    assert "hihello" in text_of(page)
    assert len(re.findall(r'title="[\d.]+ bits, rank \d+; most probable: .', page)) == 6
    assert "6 characters: " in page


def test_a_prediction_is_a_colored_text(outputs: list[list[Any]]) -> None:
    for cell in (3, 4):
        page = html_of(outputs[cell])
        assert text_of(page).startswith("h")
        assert "most probable: " in page
        assert "generated characters" in page


def test_a_hostile_text_stays_text(charseq_lines: package.TrainedModel) -> None:
    page = charseq_lines.score("<b>bold</b>")._repr_html_()
    assert "<b>" not in page
    assert text_of(page).startswith("<b>bold</b>⏎")
    opacities = [float(number) for number in re.findall(r"rgba\(230, 119, 0, ([\d.]+)\)", page)]
    assert 0 < max(opacities) <= 0.55
    page = charseq_lines.predict("<b")._repr_html_()
    assert "<b" not in page
    assert text_of(page).startswith("<b")


@pytest.fixture
def charseq_lines(charseq: Command) -> "package.TrainedModel":
    Path("names.txt").write_text("\n".join(LINES * 5))
    charseq.train("--file", "names.txt", "--lines", "--validation", "0", "--epochs", "2", "--cell", "gru")
    return package.load()


def test_elsewhere_watch_prints_what_the_command_prints(
    charseq: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    end = package.watch(package.train("hihello", cell="gru", hidden_size=7, epochs=3, out="run"))
    assert isinstance(end, End)
    output, errors = capsys.readouterr()
    expected = charseq("train", "--text", "hihello", "--cell", "gru", "--hidden-size", "7", "--epochs", "3")
    assert output == expected.output
    assert "done after 3 epochs" in errors
    assert package.watch([]) is None


def test_every_name_of_the_package_exists() -> None:
    for name in package.__all__:
        assert getattr(package, name)

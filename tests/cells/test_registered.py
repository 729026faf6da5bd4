"""Cells of other packages, found by their entry points; tests/example_package is one."""

import sys
from pathlib import Path

import pytest

from charseq.cells import CELLS
from tests.support.command import Command, in_process
from tests.support.registered import install_example, installed


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages with the example package installed."""
    return install_example(tmp_path / "site", monkeypatch)


@pytest.mark.usefixtures("site")
def test_a_registered_cell_is_trained_saved_and_used_like_any_other(charseq: Command) -> None:
    start, *_, end = charseq.train("--text", "hihello", "--cell", "leaky")
    assert (start["cell"], start["path"]) == ("leaky", "stepped")
    assert end["accuracy"] == 1
    assert charseq("predict", "h").output == "hihello\n"
    assert charseq("inspect-shapes", "--model", "runs/0001-leaky").status == 0


@pytest.mark.usefixtures("site")
def test_a_registered_cell_is_inspected_like_any_other(charseq: Command) -> None:
    records = charseq("inspect-shapes", "h", "--cell", "leaky", "--explain", "--json").records
    by_name = {record["name"]: record for record in records}
    assert by_name["leak"]["axes"] == ["hidden"]
    assert by_name["h"]["equation"] == "(1 - leak) * h[t-1] + leak * n"


@pytest.mark.usefixtures("site")
def test_the_list_ends_with_the_cells_of_other_packages(charseq: Command) -> None:
    names = [line.split("\t")[0] for line in charseq("cells").output.splitlines()]
    assert names == ["name", *CELLS, "leaky"]


def test_the_error_for_a_model_names_the_cell_that_is_no_longer_installed(
    charseq: Command, site: Path
) -> None:
    charseq.train("--text", "hihello", "--cell", "leaky", "--epochs", "1")
    sys.path.remove(str(site))
    result = charseq("predict", "h")
    assert result.status == 2
    assert "unknown cell 'leaky'" in result.errors
    assert "install the package" in result.errors


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("raise RuntimeError('out of order')", "RuntimeError: out of order"),
        ("BAD = 7", "is not a charseq Cell"),
        ("from charseq.cells import GRU as BAD", "is not a charseq Cell of that name"),
    ],
)
def test_the_error_for_a_cell_that_cannot_be_loaded_names_its_package(
    charseq: Command, site: Path, monkeypatch: pytest.MonkeyPatch, module: str, message: str
) -> None:
    installed(site, {"bad": "bad_cells:BAD"}, name="bad-cells")
    (site / "bad_cells.py").write_text(module)
    monkeypatch.delitem(sys.modules, "bad_cells", raising=False)
    result = charseq("train", "--text", "hihello", "--cell", "bad")
    assert result.status == 2
    assert "'bad' of the package bad-cells" in result.errors
    assert message in result.errors
    listed = charseq("cells")
    assert listed.status == 0
    assert "leaky\t" in listed.output
    assert "left out: cell 'bad'" in listed.errors


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("H(x @ w['W_x'])", "ValueError"),
        ("H(state.h[:, :1])", "returned h of shape (1, 1), where it is [B H], (1, 2)"),
        ("7", "AttributeError"),
    ],
)
def test_the_error_for_a_failing_step_names_its_package(
    charseq: Command, site: Path, monkeypatch: pytest.MonkeyPatch, step: str, message: str
) -> None:
    installed(site, {"bad": "bad_cells:BAD"}, name="bad-cells")
    (site / "bad_cells.py").write_text(
        "from charseq.cells.cell import Cell, H, Param\n"
        f"def step(ops, w, x, state, tap=None):\n    return {step}\n"
        "BAD = Cell('bad', H, {'W_x': Param('H I')}, step, 'a mistake', 'nobody')\n"
    )
    monkeypatch.delitem(sys.modules, "bad_cells", raising=False)
    result = charseq("inspect-shapes", "hello", "--cell", "bad")
    assert result.status == 2
    assert "cell 'bad' of the package bad-cells" in result.errors
    assert message in result.errors


def test_a_registered_cell_cannot_replace_a_cell_of_charseq(charseq: Command, site: Path) -> None:
    installed(site, {"gru": "charseq_example_cells:LEAKY"}, name="usurper")
    assert charseq("inspect-shapes", "h", "--json").records[2]["name"] == "x_gates"


def test_the_installed_command_finds_a_registered_cell(tmp_path: Path, site: Path) -> None:
    ended = in_process("cells", cwd=tmp_path, environment={"PYTHONPATH": str(site)})
    assert b"leaky\t" in ended.stdout

"""Installed packages with cells: tests/example_package is one."""

import sys
import tomllib
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "example_package"


def installed(folder: Path, cells: dict[str, str], name: str = "charseq-example-cells") -> None:
    """Write the metadata that pip writes for a package."""
    info = folder / f"{name.replace('-', '_')}-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    points = "\n".join(f"{cell} = {where}" for cell, where in cells.items())
    (info / "entry_points.txt").write_text(f"[charseq.cells]\n{points}\n")


def install_example(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the example package in a folder of packages, and return the folder."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    installed(folder, project["entry-points"]["charseq.cells"], project["name"])
    (folder / "charseq_example_cells.py").write_text((EXAMPLE / "charseq_example_cells.py").read_text())
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "charseq_example_cells", raising=False)
    return folder

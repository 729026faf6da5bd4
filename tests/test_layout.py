"""The import order of the folders, and what each command may load."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import charseq

PACKAGE = Path(charseq.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

ORDER = [
    "_version", "errors", "suggestions", "system", "text", "cells", "native", "settings", "model", "runs",
    "inference", "inspection", "events", "comparison", "training", "export", "api", "render", "cli",
]  # fmt: skip
"""Data flows one way: a folder imports only from folders above it in this list, or from itself."""


def imported(path: Path, *, everywhere: bool = True) -> set[str]:
    """The modules that a file imports, anywhere in it or at its top only."""
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def folder_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_imports_only_from_folders_above_its_own(path: Path) -> None:
    if folder_of(path) in ("__init__", "__main__"):
        return
    mine = ORDER.index(folder_of(path))
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "charseq" and len(parts) > 1 and parts[1] in ORDER:
            assert ORDER.index(parts[1]) <= mine, f"{path} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_libraries_stay_in_their_folders(path: Path) -> None:
    libraries = {name.split(".")[0] for name in imported(path)}
    if folder_of(path) != "training":
        assert "torch" not in libraries
    if folder_of(path) == "cells":
        assert "numpy" not in libraries
    if folder_of(path) not in ("render", "cli"):
        assert "rich" not in libraries
    if folder_of(path) != "cli":
        assert "typer" not in libraries
    assert "click" not in libraries
    assert "pickle" not in libraries


@pytest.mark.parametrize("path", FILES, ids=str)
def test_training_is_imported_in_the_body_of_a_command_only(path: Path) -> None:
    if folder_of(path) != "training":
        assert not [name for name in imported(path, everywhere=False) if name.startswith("charseq.training")]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_text_becomes_ids_by_encode_text_alone(path: Path) -> None:
    if folder_of(path) == "text":
        return
    lookup = {"charseq.text.units.segments", "charseq.text.units.normalized"}
    if path.name != "line_digests.py":  # it normalizes lines, and needs no ids
        assert not lookup & imported(path)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("encode_lines", "_look_up"), f"{path}:{node.lineno}"
        if isinstance(node, ast.IfExp):
            boundary = ast.unparse(node.test).endswith(".boundary") and ast.unparse(node.body) == "[0]"
            assert not boundary, f"{path}:{node.lineno} adds a boundary symbol by itself"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_past_300_lines_is_two_files(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    command = [sys.executable, "-m", "charseq", "train", "--text", "hihello", "--epochs", "2"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return folder


@pytest.mark.parametrize(
    ("command", "absent"),
    [
        (["--version"], {"torch", "numpy", "safetensors"}),
        (["--help"], {"torch", "numpy", "safetensors"}),
        (["train", "--help"], {"torch", "numpy", "safetensors"}),
        (["predict", "h"], {"torch"}),
        (["predict", "h", "--json"], {"torch", "rich.table"}),
        (["predict", "h", "--beam", "3", "--show-probabilities"], {"torch"}),
        (["score", "hello"], {"torch", "rich.console"}),
        (["score", "hello", "--json"], {"torch", "rich.console"}),
        (["config", "show"], {"torch", "numpy", "safetensors"}),
        (["runs"], {"torch", "numpy", "safetensors"}),
        (["runs", "show", "--verify"], {"torch", "rich.table"}),
        (["completion", "bash"], {"torch", "numpy", "safetensors"}),
        (["inspect-shapes", "hello"], {"torch"}),
        (["train", "--text", "h"], {"torch"}),
        (["train", "--cell", "ltsm", "--text", "hihello"], {"torch"}),
    ],
)
def test_a_command_loads_nothing_that_it_does_not_need(
    trained: Path, command: list[str], absent: set[str]
) -> None:
    code = (
        "import sys; from charseq.cli.app import run; status = run(sys.argv[1:]); "
        "print(status, *sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *command], cwd=trained, capture_output=True, text=True, timeout=60
    )
    loaded = set(ended.stderr.splitlines()[-1].split())
    assert "charseq.cli.app" in loaded
    assert not absent & loaded


def test_no_socket_is_opened_and_nothing_is_unpickled(trained: Path) -> None:
    code = (
        "import sys\n"
        "seen = []\n"
        "refused = ('socket.', 'pickle.')\n"
        "sys.addaudithook(lambda event, _: seen.append(event) if event.startswith(refused) else None)\n"
        "from charseq.cli.app import run\n"
        "assert run(['train', '--text', 'hihello', '--epochs', '3', '--json']) == 0\n"
        "assert run(['predict', 'h', '--json']) == 0\n"
        "assert run(['inspect-shapes', 'hello', '--json']) == 0\n"
        "assert run(['score', 'hello', '--json']) == 0\n"
        "assert not seen, seen\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=trained, check=True, capture_output=True, timeout=120)


def test_no_test_imports_another() -> None:
    tests = Path(__file__).parent
    for path in tests.rglob("*.py"):
        for name in imported(path):
            assert not re.match(r"tests\.(.+\.)?test_", name), (
                f"{path} imports {name}: move it to tests/support"
            )

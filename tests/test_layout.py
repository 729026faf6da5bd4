"""The import order of the folders, and what each command may load."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

import charseq
from charseq.model.model_file import read
from tests.support.exports import exported

PACKAGE = Path(charseq.__file__).parent
TESTS = Path(__file__).parent

ORDER = [
    "_version", "errors", "suggestions", "system", "text", "cells", "native", "settings", "events", "model",
    "runs", "inference", "inspection", "comparison", "training", "render", "export", "arguments", "api",
    "serving", "cli",
]  # fmt: skip
"""Data flows one way: a folder imports only from folders above it in this list, or from itself."""


@functools.cache
def imports(folder: Path, *, everywhere: bool = True) -> list[tuple[str, str]]:
    """List the files of a folder with each module that they import, anywhere in them or at their top only."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree) if everywhere else tree.body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            found += [(str(path.relative_to(folder)), name) for name in names]
    return found


def folder_of(file: str) -> str:
    return file.partition("/")[0].removesuffix(".py")


def test_a_folder_imports_only_from_folders_above_it() -> None:
    checked = [
        (ORDER.index(folder), ORDER.index(imported), file, name)
        for file, name in imports(PACKAGE)
        for folder, imported in [(folder_of(file), name.removeprefix("charseq.").partition(".")[0])]
        if folder in ORDER and imported in ORDER and name.startswith("charseq.")
    ]
    assert len(checked) > 100
    assert [(file, name) for folder, imported, file, name in checked if imported > folder] == []


FOLDERS_OF = {
    "torch": {"training"},
    "numpy": set(ORDER) - {"cells"},
    "rich": {"render", "cli"},
    "typer": {"cli"},
    "click": set(),
    "pickle": set(),
    "socket": {"serving", "training"},
    "starlette": {"serving"},
    "uvicorn": {"serving"},
}
"""The only folders that may import a library."""


def test_libraries_stay_in_their_folders() -> None:
    checked = [(file, name) for file, name in imports(PACKAGE) if name.partition(".")[0] in FOLDERS_OF]
    assert checked
    assert [pair for pair in checked if folder_of(pair[0]) not in FOLDERS_OF[pair[1].partition(".")[0]]] == []


def test_training_is_imported_in_the_body_of_a_command_only() -> None:
    at_the_top = [
        pair for pair in imports(PACKAGE, everywhere=False) if pair[1].startswith("charseq.training")
    ]
    assert at_the_top
    assert [pair for pair in at_the_top if folder_of(pair[0]) != "training"] == []


def test_text_becomes_ids_by_encode_text_alone() -> None:
    lookup = ("charseq.text.units.segments", "charseq.text.units.normalized")
    others = [
        pair
        for pair in imports(PACKAGE)
        if pair[1] in lookup and folder_of(pair[0]) != "text" and not pair[0].endswith("line_digests.py")
    ]  # line_digests normalizes lines, and needs no ids
    assert others == []
    for path in PACKAGE.rglob("*.py"):
        if folder_of(str(path.relative_to(PACKAGE))) == "text":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("encode_lines", "_look_up"), f"{path}:{node.lineno}"
            if isinstance(node, ast.IfExp):
                boundary = ast.unparse(node.test).endswith(".boundary") and ast.unparse(node.body) == "[0]"
                assert not boundary, f"{path}:{node.lineno} adds a boundary symbol by itself"


def test_no_test_imports_another() -> None:
    assert [pair for pair in imports(TESTS) if re.match(r"tests\.(.+\.)?test_", pair[1])] == []


def test_the_body_of_a_command_has_fewer_than_30_lines() -> None:
    lengths = {}
    for path in sorted((PACKAGE / "cli").glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and "config" in {
                argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)
            }:
                first, last = node.body[1], node.body[-1]  # the docstring is first
                lengths[node.name] = (last.end_lineno or 0) - first.lineno + 1
    assert len(lengths) > 8
    assert {name: length for name, length in lengths.items() if length >= 30} == {}


def test_no_file_has_more_than_300_lines() -> None:
    files = [*PACKAGE.rglob("*.py"), *TESTS.rglob("*.py")]
    assert [path for path in files if len(path.read_text().splitlines()) > 300] == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    list(charseq.train("hihello", cell="gru", epochs=2, out=str(folder / "runs/0001-gru")))
    exported(read(folder / "runs/0001-gru/model.safetensors"), folder / "shared")
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
        (["serve", "--help"], {"torch", "numpy", "safetensors", "starlette", "uvicorn"}),
        (["serve", "--host", "999.1.1.1"], {"torch", "rich.console"}),
        (["runs"], {"torch", "numpy", "safetensors"}),
        (["plot"], {"torch", "numpy", "safetensors", "matplotlib", "plotille", "rich.console"}),
        (["plot", "--format", "table"], {"torch", "numpy", "safetensors", "matplotlib"}),
        (["plot", "--save", "a.png"], {"torch", "matplotlib.pyplot", "plotille"}),
        (["replay"], {"torch", "safetensors", "rich.console"}),
        (["replay", "--json"], {"torch", "safetensors", "rich.console"}),
        (["runs", "remove", "0001-gru"], {"torch", "numpy", "safetensors"}),
        (["runs", "show", "--verify"], {"torch", "rich.table"}),
        (["completion", "bash"], {"torch", "numpy", "safetensors"}),
        (["report"], {"torch", "rich.console"}),
        (["export", "--help"], {"torch", "numpy", "safetensors"}),
        (["export"], {"torch", "onnx", "rich.console"}),
        (["export", "--format", "torch"], {"torch", "onnx", "rich.console"}),
        (["export", "--format", "onnx"], {"torch", "rich.console"}),
        (["export", "--format", "html"], {"torch", "onnx", "rich.console"}),
        (["import", "--help"], {"torch", "numpy", "safetensors"}),
        (["import", "shared"], {"torch", "onnx", "rich.console"}),
        (["inspect-shapes", "hello"], {"torch"}),
        (["inspect-loss", "hello"], {"torch"}),
        (["inspect-loss", "--logits", "[[1, 2]]", "--targets", "0"], {"torch", "rich.table"}),
        (["inspect-neurons"], {"torch", "rich.table"}),
        (["train", "--text", "h"], {"torch"}),
        (["train", "--cell", "ltsm", "--text", "hihello"], {"torch"}),
    ],
)
def test_a_command_loads_nothing_that_it_does_not_need(
    light_python: str, trained: Path, command: list[str], absent: set[str]
) -> None:
    code = (
        "import sys; from charseq.cli.app import run; status = run(sys.argv[1:]); "
        "print(status, *sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run(
        [light_python, "-c", code, *command], cwd=trained, capture_output=True, text=True, timeout=60
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
        "assert run(['report', '-o', 'page.html']) == 0\n"
        "assert run(['export', '-o', 'audited']) == 0\n"
        "assert run(['import', 'audited', '--out', 'audited-run']) == 0\n"
        "assert not seen, seen\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=trained, check=True, capture_output=True, timeout=120)

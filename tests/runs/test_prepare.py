"""A run is prepared once for the command line and the Python interface, with the cheapest checks first."""

import os
import subprocess
from pathlib import Path

import pytest

from charseq import api
from charseq.errors import UsageError
from charseq.runs.prepare import prepare
from charseq.text.sources import TextSource
from tests.support.command import Command

PREPARED_WITHOUT_TORCH = """
import sys, charseq
from charseq.errors import UsageError
try:
    next(charseq.train("hihello", **eval(sys.argv[1])))
except UsageError as error:
    print(error.message)
print("torch" in sys.modules)
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"out": "occupied"}, "already contains a run"),
        ({"out": "new", "resume": "occupied"}, "--resume cannot be combined with --out"),
        ({"force": True}, "--out is missing"),
        ({"head": "none", "hidden_size": 3}, "--head none"),
        ({"text_that_is_no_setting": 1}, "no such setting"),
    ],
)
def test_the_python_interface_refuses_a_run_before_pytorch_is_loaded(
    light_python: str, arguments: dict[str, object], message: str
) -> None:
    Path("occupied").mkdir()
    Path("occupied/model.safetensors").touch()
    program = [light_python, "-c", PREPARED_WITHOUT_TORCH, repr(arguments)]
    output = subprocess.run(program, capture_output=True, text=True, check=True, timeout=60).stdout
    assert message in output
    assert output.splitlines()[-1] == "False"


def test_the_python_interface_limits_the_spinning_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    with pytest.raises(UsageError):
        next(iter(api.train("hihello", cell="ltsm")))
    assert os.environ.pop("GOMP_SPINCOUNT") == "3000"


def test_the_command_and_the_python_interface_train_the_same_model(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--cell", "lstm", "--epochs", "3", "--out", "command")
    list(api.train("hihello", cell="lstm", epochs=3, out="python"))
    models = [Path(name, "model.safetensors").read_bytes() for name in ("command", "python")]
    assert models[0] == models[1]


def test_a_plan_holds_all_that_is_known_before_training() -> None:
    with prepare(TextSource(("hihello",)), {"cell": "lstm", "layers": 2}) as plan:
        assert plan.corpus.strings == 1
        assert "".join(plan.vocabulary.symbols) == "ehilo"
        assert (plan.network.cell_name, plan.network.layers) == ("lstm", 2)
        assert plan.network.hidden_size == plan.settings.hidden_size
        assert plan.resumed is None
    assert not Path("runs").exists()

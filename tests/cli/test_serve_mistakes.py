"""The help of charseq serve, and what it refuses before anything listens."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from charseq.cli.serve import EXAMPLES
from charseq.inference.continuation import DEFAULT_TEMPERATURE as PREDICT_TEMPERATURE
from charseq.inference.stopping import DEFAULT_LENGTH
from charseq.serving.completion import DEFAULT_MAX_TOKENS, DEFAULT_TEMPERATURE
from charseq.serving.parameters import PARAMETERS
from tests.support.command import Command
from tests.support.processes import CHARSEQ
from tests.support.serving import cycling_run


@pytest.fixture
def run(empty_folder: Path) -> Path:
    """Return the folder of a run with a model."""
    return cycling_run(empty_folder)


def test_the_help_names_the_defaults_and_the_fields_of_charseq(charseq: Command) -> None:
    shown = " ".join(charseq("serve", "--help").output.split())
    assert f"max_tokens {DEFAULT_MAX_TOKENS} and temperature {DEFAULT_TEMPERATURE:g}" in shown
    assert f"{DEFAULT_LENGTH} characters and temperature {PREDICT_TEMPERATURE:g}" in shown
    for name, meaning in PARAMETERS.items():
        if meaning.startswith("of charseq"):
            assert name in shown
    assert EXAMPLES[-1] in shown


@pytest.mark.usefixtures("run")
def test_a_port_in_use_is_an_error_in_two_lines(charseq: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = charseq("serve", "--port", str(port))
    assert result.status == 1
    message, hint = result.errors.splitlines()
    assert message == f"charseq: cannot listen on 127.0.0.1 port {port}: address already in use"
    assert "0 selects a free port" in hint


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "65536"], "65536 is out of range; it must be from 0 to 65,535"),
        (["--port", "http"], "'http' is not a whole number"),
        (["--timeout", "0"], "'0' must be greater than zero"),
        (["--model", "runs/0002"], "there is no model 'runs/0002'"),
        (["--batch-size", "0"], "0 is out of range"),
        (["--host", ""], "the value is empty"),
    ],
)
def test_nonsense_is_refused_before_anything_listens(
    charseq: Command, options: list[str], message: str
) -> None:
    result = charseq("serve", *options)
    assert result.status == 2
    assert message in result.errors


@pytest.mark.usefixtures("run")
def test_a_host_that_does_not_exist_is_an_error(charseq: Command) -> None:
    result = charseq("serve", "--host", "999.999.1.1")
    assert result.status == 1
    assert result.errors.startswith("charseq: cannot listen on 999.999.1.1 port 8000: ")


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ({"uvicorn"}, "charseq serve requires the package uvicorn\n  pip install uvicorn\n"),
        (
            {"starlette", "uvicorn"},
            "charseq serve requires the packages starlette and uvicorn\n  pip install starlette uvicorn\n",
        ),
    ],
)
def test_a_missing_package_is_named_with_its_command(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, missing: set[str], message: str
) -> None:
    from importlib.util import find_spec

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in missing else find_spec(name))
    result = charseq("serve")
    assert (result.status, result.errors) == (2, f"charseq: {message}")


def test_without_a_model_the_message_says_how_to_train_one(charseq: Command) -> None:
    result = charseq("serve")
    assert result.status == 2
    assert "train one" in result.errors


def test_the_port_can_come_from_the_environment(run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        environment = {**os.environ, "CHARSEQ_PORT": port, "CHARSEQ_MODEL": str(run)}
        refused = subprocess.run([*CHARSEQ, "serve"], env=environment, capture_output=True, timeout=60)
    assert f"port {port}" in refused.stderr.decode()
    assert refused.returncode == 1

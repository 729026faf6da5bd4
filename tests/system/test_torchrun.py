import os

import pytest

from charseq.errors import UsageError
from charseq.system.torchrun import Place, follows, place, prefix

TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "5",
    "LOCAL_RANK": "1",
    "MASTER_ADDR": "first",
    "MASTER_PORT": "29501",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "TORCHELASTIC_RUN_ID": "job",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TORCHRUN:
        monkeypatch.delenv(name, raising=False)


def start(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> None:
    """Set the environment of torchrun, with changes; None removes a variable."""
    for name, value in {**TORCHRUN, **changes}.items():
        if value is not None:
            monkeypatch.setenv(name, value)


def test_a_process_that_nobody_numbered_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert place() == Place()
    assert (prefix(), follows()) == ("", False)
    monkeypatch.setenv("RANK", "")  # as good as unset
    assert place() == Place()


def test_the_place_of_a_process_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    start(monkeypatch)
    assert place() == Place(3, 5, 1, "first", 29501, True, f"job {os.getppid()}")
    assert (prefix(), follows()) == ("process 3 of 5: ", True)


def test_a_world_of_one_process_needs_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert place() == Place()
    start(monkeypatch, RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", TORCHELASTIC_RUN_ID="none")
    assert place() == Place(job=f"none {os.getppid()}")
    assert prefix() == ""


@pytest.mark.parametrize("missing", ["RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"])
def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    start(monkeypatch, **{missing: None})
    with pytest.raises(UsageError, match=rf"the environment has \w+ but not {missing}\b") as raised:
        place()
    assert "torchrun --nproc-per-node" in raised.value.hint
    assert (prefix(), follows()) == ("", False)


@pytest.mark.parametrize(
    ("name", "value", "range_"),
    [
        ("WORLD_SIZE", "0", "from 1 to"),
        ("WORLD_SIZE", "two", "from 1 to"),
        ("RANK", "5", "from 0 to 4"),
        ("RANK", "-1", "from 0 to 4"),
        ("LOCAL_RANK", "4", "from 0 to 3"),
        ("MASTER_PORT", "65536", "from 1 to 65535"),
        ("RANK", "\N{ARABIC-INDIC DIGIT ONE}", "from 0 to 4"),
    ],
)
def test_an_invalid_number_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, range_: str
) -> None:
    start(monkeypatch, **{name: value})
    with pytest.raises(UsageError, match=f"{name} is '{value}', not a whole number {range_}"):
        place()

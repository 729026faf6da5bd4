"""Messages between the processes of a comparison."""

import errno
import math
from pathlib import Path

import pytest

from charseq.cli.app import _described
from charseq.cli.job_messages import (
    FromWorker,
    Measured,
    Opened,
    Order,
    Request,
    ToWorker,
    decoded,
    decoded_order,
    encoded,
    encoded_order,
)
from charseq.comparison import NgramResult, Result, Trial
from charseq.errors import CharseqError, TextError, UnknownCharacter
from charseq.events import End, Progress
from charseq.settings.train_settings import TrainSettings

END = End(
    "completed", "runs/a\udcff/model.safetensors", 3, 5, 1 / 3, 0.1 + 0.2, None, 7.0, outliers=[{"text": "é"}]
)
TRIAL = Trial(TrainSettings(cell="rnn", seed=11), 13)


@pytest.mark.parametrize("order", [0, 13, Path("runs/0001-compare"), Path("a\udcffé"), *Order])
def test_an_order_arrives_as_it_was_sent(order: ToWorker) -> None:
    assert decoded_order(encoded_order(order)) == order


@pytest.mark.parametrize(
    "message",
    [
        *Request,
        Opened("runs/0001-compare/0002-lstm"),
        Progress(2, 0.3, 1 / 7, 17.0, 5.0, passes=1.5),
        Measured(END, 3, [1 / 3, 5e-324, 1.7976931348623157e308], None),
        Measured(END, None, [], NgramResult(5, 7, 1 / 11, 0.25)),
    ],
)
def test_a_message_arrives_as_it_was_sent(message: FromWorker) -> None:
    assert decoded(encoded(message)) == message


def test_the_result_of_a_trial_is_that_of_its_events() -> None:
    result = Result(TRIAL, END, 3, [math.pi])
    assert Measured.of(result, END).of_trial(TRIAL) == result


@pytest.mark.parametrize("kind", [CharseqError, TextError, UnknownCharacter])
def test_an_error_of_charseq_keeps_its_type_and_hint(kind: type[CharseqError]) -> None:
    error = decoded(encoded(kind("no\nspace", hint="make some")))
    assert type(error) is kind
    assert (error.message, error.hint) == ("no\nspace", "make some")


def test_an_error_of_the_system_is_described_as_in_one_process() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "a/b")
    other = decoded(encoded(error))
    assert isinstance(other, OSError)
    assert _described(other) == _described(error)


def test_another_error_keeps_its_name_its_message_and_its_traceback() -> None:
    class OddError(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(f"{one} is not {two}")

    try:
        raise OddError(1, 2)
    except OddError as odd:
        error = decoded(encoded(odd))
    assert isinstance(error, RuntimeError)
    assert (type(error).__name__, str(error)) == ("OddError", "1 is not 2")
    assert "raise OddError(1, 2)" in error.__notes__[0]
    assert isinstance(decoded(encoded(MemoryError())), MemoryError)

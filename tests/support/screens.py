"""Events of a training run, and the table that shows them."""

import io
from typing import Any

from rich.console import Console

from charseq.events import Epoch, Start
from charseq.render.training_table import TrainingTable
from charseq.settings.train_settings import TrainSettings

START = Start(
    settings=TrainSettings(cell="lstm", hidden_size=5, learning_rate=0.1, epochs=50, sequence_length=6),
    vocabulary_size=5, parameters=270, device="cpu", path="fused", kernel="torch",
    run="runs/0001-lstm", characters=7,
    sequences=1, unit="character", normalization="none", symbols=("e", "h", "i", "l", "o"),
)  # fmt: skip


def epoch(number: int, predicted: list[int], target: list[int], symbols: tuple[str, ...]) -> Epoch:
    """Return the event of an epoch with these predictions."""
    right = sum(a == b for a, b in zip(predicted, target, strict=True)) / len(target)
    return Epoch(
        epoch=number, loss=1 / number, accuracy=right,
        prediction="".join(symbols[i] for i in predicted), target="".join(symbols[i] for i in target),
        predicted_ids=[predicted], target_ids=[target], validation_loss=None, validation_accuracy=None,
        characters_per_second=100.0, learning_rate=0.1, seconds=1.0, done=0.5, passes=number,
    )  # fmt: skip


def screen_of(*events: Any, width: int = 80, color: bool = False) -> str:
    """Return all that the table of a training run writes for these events."""
    output = io.StringIO()
    console = Console(
        file=output,
        width=width,
        height=24,
        force_terminal=color,
        no_color=not color,
        _environ={"TERM": "xterm"},
    )
    with TrainingTable(console) as table:
        for event in events:
            table.show(event)
    return output.getvalue()

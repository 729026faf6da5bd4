"""What saving costs: the part of a training's time that goes into writing the model and what resuming takes.

python -m tests.benchmarks.saving --seconds 60

Trains through charseq itself on a text made here, each size twice, in turn: saved as seldom as by default,
and as often as it may be (--save-every 0.1s), where the limit of 2 % is what holds.  The save at the end is
left out, for every training has it.  Run it alone on the machine.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from charseq import native
from charseq.events import End
from charseq.training.best_model import BestModel

TEXT = "".join(f"{i} times {i + 1} is {i * (i + 1)}.\n" for i in range(40_000))


def trained(hidden: int, layers: int, seconds: float, save_every: float) -> tuple[float, int, float]:
    """Seconds in saves, how many there were, and seconds in all."""
    import charseq

    took: list[float] = []
    save = BestModel.save

    def timed(*arguments: Any, **options: Any) -> None:
        began = time.perf_counter()
        save(*arguments, **options)
        took.append(time.perf_counter() - began)

    BestModel.save = timed  # type: ignore[method-assign]
    try:
        size = {"hidden_size": hidden, "layers": layers}
        plan: dict[str, Any] = {"cell": "gru", "time_limit": seconds, "average": 0.99, **size}
        *_, end = charseq.train(TEXT, out="run", force=True, save_every=save_every, **plan)
    finally:
        BestModel.save = save  # type: ignore[method-assign]
    assert isinstance(end, End)
    return sum(took[:-1]), len(took) - 1, end.seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--sizes", default="128x1,512x1,1024x2")
    arguments = parser.parse_args()
    native.share_cores()
    table = Table(title=f"Saving, {arguments.seconds:g} s of training")
    for heading in (
        "gru",
        "MB a save",
        "ms a save",
        "saves",
        "part of the time",
        "by default: saves",
        "part",
    ):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for size in arguments.sizes.split(","):
            hidden, layers = map(int, size.split("x"))
            often = trained(hidden, layers, arguments.seconds, 0.1)
            usual = trained(hidden, layers, arguments.seconds, 60.0)
            megabytes = Path("run/model.safetensors").stat().st_size / 1e6
            table.add_row(
                size,
                f"{megabytes:.1f}",
                f"{1000 * often[0] / max(often[1], 1):.1f}",
                str(often[1]),
                f"{often[0] / often[2]:.2%}",
                str(usual[1]),
                f"{usual[0] / usual[2]:.2%}",
            )
        os.chdir("/")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()

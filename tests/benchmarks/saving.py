"""Measure the share of the training time that saving the model and the state to resume takes.

python -m tests.benchmarks.saving --seconds 60

Train on a generated text, twice for each size: with the default --save-every, and with 0.1s, where the limit
of 2 % determines how often a run saves.  The save at the end does not count, because every training has it.
Run it alone on the machine.
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
    """Return the seconds spent in saves, the number of saves, and the duration of the run."""
    import charseq

    durations: list[float] = []
    save = BestModel.save

    def timed(*arguments: Any, **options: Any) -> None:
        began = time.perf_counter()
        save(*arguments, **options)
        durations.append(time.perf_counter() - began)

    BestModel.save = timed  # type: ignore[method-assign]
    try:
        size = {"hidden_size": hidden, "layers": layers}
        plan: dict[str, Any] = {"cell": "gru", "time_limit": seconds, "average": 0.99, **size}
        *_, end = charseq.train(TEXT, out="run", force=True, save_every=save_every, **plan)
    finally:
        BestModel.save = save  # type: ignore[method-assign]
    assert isinstance(end, End)
    return sum(durations[:-1]), len(durations) - 1, end.seconds


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each training")
    parser.add_argument("--sizes", default="128x1,512x1,1024x2", help="hidden size x layers, ...")
    arguments = parser.parse_args()
    native.share_cores()
    table = Table(title=f"Saving, {arguments.seconds:g} s of training")
    for heading in (
        "gru",
        "MB per save",
        "ms per save",
        "saves",
        "share of the time",
        "by default: saves",
        "share",
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

"""What the fast path of every cell gains over its step: characters a second, forward and backward.

python -m tests.benchmarks.fast_paths --rounds 5

The two are measured in turn, in one process; a ratio is that of one round.  The input is one-hot of 65
symbols.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from charseq.arrays import SeededDraw
from charseq.cells import CELLS
from charseq.cells.cell import Cell, unroll
from charseq.network import Network
from charseq.training.fused import path_for
from charseq.training.ops import TORCH

SYMBOLS = 65


def trainer(cell: Cell, way: Any, hidden: int, batch: int, steps: int, device: str) -> Callable[[], None]:
    """One pass forward and back through a layer with first weights."""
    network = Network(cell.name, SYMBOLS, hidden)
    w: dict[str, Tensor] = {
        name.removeprefix("layers.0."): torch.from_numpy(array).to(device).requires_grad_()
        for name, array in network.draw(SeededDraw(0)).items()
        if name.startswith("layers.")
    }
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, SYMBOLS, (batch, steps))).to(device)
    xs = TORCH.one_hot(ids, SYMBOLS, w["W_x"].detach())
    start = cell.start(TORCH, batch, hidden, w["W_x"].detach())

    def run() -> None:
        hs, _ = way(cell, TORCH, w, xs, start)
        torch.autograd.grad(hs.square().mean(), list(w.values()))
        if device != "cpu":
            torch.cuda.synchronize()

    return run


def seconds(run: Callable[[], None], at_least: float) -> float:
    """The time of one pass, over as many as take `at_least` seconds."""
    run()
    started, passes = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < at_least:
        run()
        passes += 1
    return elapsed / passes


def main() -> None:
    """Measure every cell at every size, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="of each measurement")
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--sizes", default="128,32,32 256,32,32 512,64,64", help="hidden,batch,steps ...")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    table = Table("cell", "H, B, T", "step", "fast path", "ratio (min to max)", title="characters a second")
    for size in options.sizes.split():
        hidden, batch, steps = map(int, size.split(","))
        for name in options.cells.split(","):
            cell = CELLS[name]
            ways = [
                trainer(cell, way, hidden, batch, steps, options.device)
                for way in (unroll, path_for(cell)[1])
            ]
            rounds = [[seconds(run, options.seconds) for run in ways] for _ in range(options.rounds)]
            rates = [batch * steps / statistics.median(column) for column in zip(*rounds, strict=True)]
            ratios = [stepped / fast for stepped, fast in rounds]
            if options.json:
                row = {"cell": name, "size": [hidden, batch, steps], "rates": rates, "ratios": ratios}
                print(json.dumps(row), flush=True)
                continue
            spread = f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
            table.add_row(name, f"{hidden}, {batch}, {steps}", *(f"{rate:,.0f}" for rate in rates), spread)
    if not options.json:
        Console().print(table)


if __name__ == "__main__":
    main()

"""Measure sampling in characters per second: one text and 64 in parallel, against plain PyTorch.

python -m tests.benchmarks.sampling --rounds 5

Temperature 0.8, networks with initial weights, 65 symbols.  Plain PyTorch is a loop over one step of
torch.nn.RNN, LSTM or GRU, a linear head, softmax and multinomial; for a cell that torch.nn lacks, over its
step function.  Both are measured in turn in one process; a ratio compares the two within one round.  Run it
alone on the machine.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional

from charseq import native
from charseq.cells import CELLS
from charseq.inference.continuation import continuations
from charseq.inference.requests import Request
from charseq.inference.sampling import SamplingParams
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.native import loader
from charseq.text.vocabulary import Vocabulary
from charseq.training.kernels.torch_ops import TORCH

VOCABULARY = Vocabulary.of(["".join(map(chr, range(33, 98)))])
SYMBOLS = len(VOCABULARY)
TEMPERATURE = 0.8

Generate = Callable[[int], None]
"""Generates this number of characters in each row."""


def plain_pytorch(cell: str, hidden: int, rows: int) -> Generate:
    """Return a sampling loop in plain PyTorch."""
    kinds: dict[str, Any] = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
    head = torch.nn.Linear(hidden, SYMBOLS)
    advance: Callable[[Tensor, Any], tuple[Tensor, Any]]
    if cell in kinds or cell == "rnn-relu":
        options = {"nonlinearity": "relu"} if cell == "rnn-relu" else {}
        module = kinds.get(cell, torch.nn.RNN)(SYMBOLS, hidden, batch_first=True, **options)

        def advance(x: Tensor, state: Any) -> tuple[Tensor, Any]:
            hs, state = module(x[:, None], state)
            return hs[:, 0], state
    else:
        step = CELLS[cell].step
        drawn = Network(cell, SYMBOLS, hidden).draw(SeededDraw(0))
        w = {name.removeprefix("layers.0."): torch.from_numpy(array) for name, array in drawn.items()}

        def advance(x: Tensor, state: Any) -> tuple[Tensor, Any]:
            state = step(TORCH, w, x, state or CELLS[cell].start(TORCH, rows, hidden, w["W_x"]))
            return state.h, state

    @torch.no_grad()
    def generate(length: int) -> None:
        ids, state = torch.zeros(rows, dtype=torch.long), None
        for _ in range(length):
            h, state = advance(functional.one_hot(ids, SYMBOLS).float(), state)
            ids = torch.multinomial(torch.softmax(head(h) / TEMPERATURE, -1), 1)[:, 0]
            ids.tolist()

    return generate


def by_charseq(cell: str, hidden: int, rows: int) -> Generate:
    """Return the sampling loop of `charseq predict`."""
    network = Network(cell, SYMBOLS, hidden)
    model = Model(network, VOCABULARY, network.draw(SeededDraw(0)), opening="!")

    def generate(length: int) -> None:
        requests = [Request("!", sample=row, length=length) for row in range(rows)]
        for steps in continuations(model, requests, SamplingParams(TEMPERATURE), top=None):
            for _ in steps:
                pass

    return generate


def rate(generate: Generate, rows: int, at_least: float) -> float:
    """Return characters per second in all rows, measured for about `at_least` seconds."""
    generate(2)
    started, length = time.perf_counter(), 20
    generate(length)
    length = max(20, int(length * at_least / (time.perf_counter() - started)))
    started = time.perf_counter()
    generate(length)
    return rows * length / (time.perf_counter() - started)


def main() -> None:
    """Measure every cell at every size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="of each measurement")
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--hidden", default="128,256,512")
    parser.add_argument("--rows", default="1,64", help="texts in parallel")
    parser.add_argument("--numpy", action="store_true", help="without native kernels")
    parser.add_argument("--json", action="store_true", help="print one JSON object per row")
    options = parser.parse_args()
    if options.numpy:
        loader.BUILDS.clear()
    kernel = "native kernels" if native.library() else "NumPy"
    table = Table("cell", "H", "texts", "plain PyTorch", "charseq", "ratio (min to max)")
    table.title = f"characters per second in all texts, {kernel}"
    for cell in options.cells.split(","):
        for hidden in map(int, options.hidden.split(",")):
            for rows in map(int, options.rows.split(",")):
                loops = [make(cell, hidden, rows) for make in (plain_pytorch, by_charseq)]
                rounds = [
                    [rate(loop, rows, options.seconds) for loop in loops] for _ in range(options.rounds)
                ]
                plain, ours = (statistics.median(column) for column in zip(*rounds, strict=True))
                ratios = [ours / plain for plain, ours in rounds]
                if options.json:
                    row = {"cell": cell, "hidden": hidden, "rows": rows, "plain": plain, "charseq": ours}
                    print(json.dumps({**row, "ratios": ratios}), flush=True)
                    continue
                spread = f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
                table.add_row(cell, str(hidden), str(rows), f"{plain:,.0f}", f"{ours:,.0f}", spread)
    if not options.json:
        Console().print(table)


if __name__ == "__main__":
    main()

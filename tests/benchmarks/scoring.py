"""Measure scoring in characters per second, against plain PyTorch, and the cost of a pattern.

python -m tests.benchmarks.scoring --rounds 5

Networks with initial weights, 65 symbols.  Plain PyTorch is one-hot input, torch.nn.RNN, LSTM or GRU, a
linear head, log_softmax and gather in float64: one text in windows of 1,024 with the state carried, lines
padded in batches of 64 in their order.  Both are measured in turn in one process; a ratio compares the
two within one round.  Run it alone on the machine.
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
from torch.nn import functional

from charseq import native
from charseq.inference.constraint import Constraint
from charseq.inference.continuation import continuations
from charseq.inference.requests import Request
from charseq.inference.sampling import SamplingParams
from charseq.inference.scoring import score_stream, score_texts
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.native import loader
from charseq.text.batches import padded
from charseq.text.vocabulary import Ids, Vocabulary

VOCABULARY = Vocabulary.of(["".join(map(chr, range(33, 98)))])
SYMBOLS = len(VOCABULARY)
WINDOW, ROWS = 1024, 64


class Plain:
    """Scoring in plain PyTorch."""

    def __init__(self, cell: str, hidden: int) -> None:
        kinds: dict[str, Any] = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
        self.network = kinds[cell](SYMBOLS, hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, SYMBOLS)

    @torch.no_grad()
    def one(self, text: Ids) -> float:
        """Return the loss of one text, summed over its characters."""
        ids, state, total = torch.from_numpy(text.astype(np.int64))[None], None, 0.0
        for start in range(0, ids.shape[1] - 1, WINDOW):
            window = ids[:, start : start + WINDOW + 1]
            hs, state = self.network(functional.one_hot(window[:, :-1], SYMBOLS).float(), state)
            log_p = self.head(hs).double().log_softmax(-1)
            total -= float(log_p.gather(-1, window[:, 1:, None]).sum())
        return total

    @torch.no_grad()
    def many(self, texts: list[Ids]) -> list[float]:
        """Return the summed loss of each line."""
        losses: list[float] = []
        for start in range(0, len(texts), ROWS):
            array, lengths = padded(texts[start : start + ROWS])
            ids = torch.from_numpy(array)
            hs, _ = self.network(functional.one_hot(ids[:, :-1], SYMBOLS).float())
            log_p = self.head(hs).double().log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
            mask = torch.arange(ids.shape[1] - 1) < torch.from_numpy(lengths - 1)[:, None]
            losses += (-log_p * mask).sum(1).tolist()
        return losses


def seconds(work: Callable[[], object]) -> float:
    """Return the duration of a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rates_of(cell: str, hidden: int, options: argparse.Namespace) -> dict[str, list[tuple[float, float]]]:
    """Return, for each task, characters per second of charseq and of its reference in every round."""
    network = Network(cell, SYMBOLS, hidden)
    model = Model(network, VOCABULARY, network.draw(SeededDraw(0)), opening="!")
    plain = Plain(cell, hidden)
    random = np.random.default_rng(0)
    text = random.integers(0, SYMBOLS, options.characters).astype(np.uint8)
    cuts = np.cumsum(random.integers(20, 120, options.characters // 70))
    lines = [line for line in np.split(text, cuts[cuts < len(text)]) if len(line) > 1]
    digits = Constraint.of(VOCABULARY, pattern="([0-9]{3}-)*[0-9]{3}")
    requests = [Request("!", sample=row, length=199) for row in range(ROWS)]

    def generate(constraint: Constraint | None) -> None:
        params = SamplingParams(0.8)
        for steps in continuations(model, requests, params, constraint=constraint, top=None):
            list(steps)

    tasks: dict[str, tuple[Callable[[], object], Callable[[], object], int]] = {
        "one text": (lambda: list(score_stream(model, [text])), lambda: plain.one(text), len(text) - 1),
        "lines": (
            lambda: list(score_texts(model, lines)),
            lambda: plain.many(lines),
            sum(len(line) - 1 for line in lines),
        ),
        "64 texts with a pattern": (lambda: generate(digits), lambda: generate(None), 199 * ROWS),
    }
    assert len(list(score_texts(model, [VOCABULARY.encode("!")]))) == 1  # everything is loaded
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
    for _ in range(options.rounds):
        for name, (ours, other, count) in tasks.items():
            rates[name].append((count / seconds(ours), count / seconds(other)))
    return rates


def main() -> None:
    """Measure in rounds and print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cells", default="rnn,lstm,gru")
    parser.add_argument("--hidden", default="128,256,512")
    parser.add_argument("--characters", type=int, default=100_000)
    parser.add_argument("--numpy", action="store_true", help="without native kernels")
    parser.add_argument("--json", action="store_true", help="print one JSON object per row")
    options = parser.parse_args()
    torch.set_num_threads(2)
    if options.numpy:
        loader.BUILDS.clear()
    built = "native kernels" if native.library() else "NumPy"
    title = f"characters per second, {built}; reference: plain PyTorch, or 64 texts without a pattern"
    table = Table("cell", "H", "task", "charseq", "reference", "ratio", "(min to max)", title=title)
    for cell in options.cells.split(","):
        for hidden in map(int, options.hidden.split(",")):
            for name, measured in rates_of(cell, hidden, options).items():
                ratios = [ours / other for ours, other in measured]
                ours, other = (statistics.median(side) for side in zip(*measured, strict=True))
                if options.json:
                    print(json.dumps({"cell": cell, "hidden": hidden, "what": name, "rounds": measured}))
                table.add_row(
                    cell,
                    str(hidden),
                    name,
                    f"{ours:,.0f}",
                    f"{other:,.0f}",
                    f"{statistics.median(ratios):.2f}",
                    f"{min(ratios):.2f} to {max(ratios):.2f}",
                )
    if not options.json:
        Console().print(table)


if __name__ == "__main__":
    main()

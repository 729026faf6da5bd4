"""Measure training in characters per second, against plain PyTorch and the matrix products alone.

python -m tests.benchmarks.throughput --rounds 5

A whole update is measured: forward, loss, backward, clipping, Adam.  Plain PyTorch is one-hot input,
torch.nn.RNN, LSTM or GRU, a linear head, cross_entropy, clip_grad_norm_ and torch.optim.Adam(fused=True);
for a cell that torch.nn lacks, a loop over its step function.  Both are measured in turn in one process; a
ratio compares the two within one round.  The floor is the time of an update's matrix products, forward and
backward, at PyTorch's rate for the product of one step, with one-hot input as a look-up.  Run it alone on
the machine.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional

from charseq.cells import CELLS
from charseq.cells.cell import unroll
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.settings.train_settings import KernelChoice, Precision, TrainSettings
from charseq.text.batches import Batch
from charseq.training.kernels.select import select_path
from charseq.training.kernels.torch_ops import TORCH
from charseq.training.learner import Learner
from charseq.training.precision import choose_precision

SYMBOLS = 65
RATE = 3e-3

Update = Callable[[], None]


class Size(NamedTuple):
    """The size of one row of the table."""

    hidden: int
    batch: int
    steps: int
    layers: int

    @property
    def characters(self) -> int:
        """The number of characters per update."""
        return self.batch * self.steps


class Stepped(torch.nn.Module):
    """A cell that torch.nn lacks: a loop over its step function, layer by layer."""

    def __init__(self, cell: str, size: Size) -> None:
        super().__init__()
        self.cell = CELLS[cell]
        settings = TrainSettings(cell=cell, hidden_size=size.hidden, layers=size.layers, head="linear")
        self.network = Network.of(settings, SYMBOLS)
        drawn = self.network.draw(SeededDraw(0))
        self.names = [name for name in drawn if name.startswith("layers.")]
        self.values = torch.nn.ParameterList(torch.from_numpy(drawn[name]) for name in self.names)

    def forward(self, xs: Tensor) -> tuple[Tensor, None]:
        """Inputs [B T I] -> hs [B T H]."""
        named = dict(zip(self.names, self.values, strict=True))
        for layer in range(self.network.layers):
            w = {name: named[f"layers.{layer}.{name}"] for name in self.cell.params}
            start = self.cell.start(TORCH, len(xs), self.network.hidden_size, w["W_x"])
            xs, _ = unroll(self.cell, TORCH, w, xs, start)
        return xs, None


def plain_pytorch(cell: str, size: Size, ids: Tensor, device: str) -> Update:
    """Return an update in plain PyTorch."""
    kinds: dict[str, Any] = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
    options = {"num_layers": size.layers, "batch_first": True}
    if cell == "rnn-relu":
        cells: Any = torch.nn.RNN(SYMBOLS, size.hidden, nonlinearity="relu", **options)
    else:
        cells = kinds[cell](SYMBOLS, size.hidden, **options) if cell in kinds else Stepped(cell, size)
    head = torch.nn.Linear(size.hidden, SYMBOLS)
    cells, head = cells.to(device), head.to(device)
    parameters = [*cells.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=RATE, fused=True)

    def update() -> None:
        hs, _ = cells(functional.one_hot(ids[:, :-1], SYMBOLS).float())
        loss = functional.cross_entropy(head(hs).flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return update


def by_charseq(
    cell: str, size: Size, ids: Tensor, device: str, kernel: KernelChoice, precision: Precision = "auto"
) -> Update:
    """Return an update of charseq with the state carried."""
    settings = TrainSettings(
        cell=cell,
        hidden_size=size.hidden,
        layers=size.layers,
        batch_size=size.batch,
        sequence_length=size.steps,
        precision=precision,
        whole=False,
    )
    network = Network.of(settings, SYMBOLS)
    on = torch.device(device)
    path = select_path(network.cell, on, kernel)
    learner = Learner(
        network,
        network.draw(SeededDraw(0)),
        settings,
        path,
        on,
        precision=choose_precision(settings, on, path),
    )
    array = ids.cpu().numpy()
    batch = Batch(
        array[:, :-1],
        array[:, 1:],
        np.ones((size.batch, size.steps), np.float32),
        np.zeros(size.batch, np.bool_),
    )
    states = None

    def update() -> None:
        nonlocal states
        _, _, states = learner.update(batch, states, RATE)

    return update


def seconds(update: Update, at_least: float, device: str) -> float:
    """Return the duration of one update, averaged over at least this many seconds."""
    update()
    started, updates = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < at_least:
        update()
        if device != "cpu":
            torch.cuda.synchronize()
        updates += 1
    return elapsed / updates


def product_rate(size: Size, gates: int, at_least: float, device: str) -> float:
    """Return the floating-point operations per second of PyTorch in the product of one step."""
    h = torch.randn(size.batch, size.hidden, device=device)
    w = torch.randn(gates * size.hidden, size.hidden, device=device)
    out = torch.empty(size.batch, gates * size.hidden, device=device)

    def multiply() -> None:
        torch.mm(h, w.T, out=out)

    return 2 * h.numel() * len(w) / seconds(multiply, at_least, device)


def operations(cell: str, size: Size) -> int:
    """Return the operations of the products for one character, forward and backward, without look-ups."""
    specs = Network.of(
        TrainSettings(cell=cell, hidden_size=size.hidden, layers=size.layers), SYMBOLS
    ).parameter_specs()
    matrices = [math.prod(spec.shape) for name, spec in specs.items() if len(spec.shape) == 2]
    looked_up = sum(
        math.prod(specs[name].shape) for name in specs if name in ("layers.0.W_x", "layers.0.W_g")
    )
    return 6 * (sum(matrices) - looked_up)


def sizes(text: str, layers: str) -> list[Size]:
    """Parse sizes, and combine each with every number of layers."""
    parsed = []
    for count in layers.split(","):
        for size in text.split():
            hidden, batch, steps = map(int, size.split(","))
            parsed.append(Size(hidden, batch, steps, int(count)))
    return parsed


def main() -> None:
    """Measure every cell at every size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument(
        "--sizes", default="128,32,32 256,32,32 512,64,64", help="hidden,batch,steps of each size"
    )
    parser.add_argument("--layers", default="1,2")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--kernel", choices=["auto", "native", "torch"], default="auto")
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="float32")
    parser.add_argument("--json", action="store_true", help="print one JSON object per row")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    title = f"characters per second, {options.threads} threads"
    table = Table(
        "cell", "H, B, T, layers", "plain PyTorch", "charseq", "ratio (min to max)", "floor", title=title
    )
    ratios = []
    for size in sizes(options.sizes, options.layers):
        torch.manual_seed(0)
        ids = torch.randint(SYMBOLS, (size.batch, size.steps + 1), device=options.device)
        for cell in options.cells.split(","):
            updates = [
                plain_pytorch(cell, size, ids, options.device),
                by_charseq(cell, size, ids, options.device, options.kernel, options.precision),
            ]
            gates = max(int(CELLS[cell].params["W_x"].axes.split("H")[0] or 1), 1)
            rounds = []
            for _ in range(options.rounds):
                durations = [seconds(update, options.seconds, options.device) for update in updates]
                rounds.append([*durations, product_rate(size, gates, options.seconds / 5, options.device)])
            plain, ours, rate = (statistics.median(column) for column in zip(*rounds, strict=True))
            of_rounds = [plain / ours for plain, ours, _ in rounds]
            floor = rate / operations(cell, size)
            ratios.append(statistics.median(of_rounds))
            row = {
                "cell": cell,
                **size._asdict(),
                "plain": size.characters / plain,
                "charseq": size.characters / ours,
                "ratios": of_rounds,
                "floor": floor,
            }
            if options.json:
                print(json.dumps(row), flush=True)
                continue
            spread = f"{ratios[-1]:.2f} ({min(of_rounds):.2f} to {max(of_rounds):.2f})"
            shown = ", ".join(map(str, size))
            table.add_row(
                cell, shown, f"{row['plain']:,.0f}", f"{row['charseq']:,.0f}", spread, f"{floor:,.0f}"
            )
    if not options.json:
        Console().print(table)
        print(f"geometric mean of the ratios: {statistics.geometric_mean(ratios):.2f}")


if __name__ == "__main__":
    main()

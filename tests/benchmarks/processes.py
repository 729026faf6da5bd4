"""Measure training by several processes, and compute from it when several machines pay.

python -m tests.benchmarks.processes corpus.txt --seconds 120

Throughput: one process of two threads, one of one thread, and two of one thread each that exchange their
gradients over loopback; a whole update with the state carried.  The exchange is also measured alone.

Time to quality: `charseq train --time-limit` on the text by the same processes, with default settings.

On paper: an update takes the time that is measured, for each machine on its share of the rows, and then a
ring all-reduce of the gradients: 2 (M-1) steps, each of a latency and of 1/M of the bytes at the bandwidth
of the network.  With --sync-every K the weights, as many bytes, are exchanged every K updates.  Every update
also waits for an order of process 0, over a tree of connections, and for an answer.  Nothing overlaps, and
validation is not counted.  "same batch" divides the batch over the
machines; "growing batch" gives each machine a whole one.  Run it alone on the machine.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from charseq.system.torchrun import place
from tests.support.torchrun import environment, free_port

SYMBOLS = 65
RATE = 3e-3
MACHINES = (2, 8, 16, 32, 64)
NETWORKS = {"1 Gbit/s": (125e6, 50e-6), "25 Gbit/s": (3.125e9, 20e-6)}
"""Bytes per second, and seconds of latency, that are assumed of each network, without other traffic."""
WORTH = 0.9
"""The efficiency that a choice of K must reach."""
TEAMS = {"1 process, 2 threads": (1, 2), "1 process, 1 thread": (1, 1), "2 processes, 1 thread": (2, 1)}


class Size(NamedTuple):
    """A network, and the batches that it reads."""

    cell: str
    hidden: int
    batch: int
    steps: int
    layers: int


def measured(size: Size, seconds: float) -> dict[str, float]:
    """Measure updates, and exchanges alone, in this process with the others.  Returns seconds and bytes."""
    import torch

    from charseq.model.network import Network
    from charseq.model.numpy_ops import SeededDraw
    from charseq.settings.train_settings import TrainSettings
    from charseq.text.batches import Batch
    from charseq.training.distributed import ProcessGroup
    from charseq.training.kernels.select import select_path
    from charseq.training.learner import Learner
    from charseq.training.processes import ALONE, Processes

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    here = place()
    group: Processes = ALONE
    if here.processes > 1:
        group = ProcessGroup(here, lambda error, code: os._exit(1), lambda: 0, lambda number: None)
    settings = TrainSettings(
        cell=size.cell, hidden_size=size.hidden, layers=size.layers, batch_size=size.batch, head="linear"
    )
    network = Network.of(settings, SYMBOLS)
    device = torch.device("cpu")
    arrays = network.draw(SeededDraw(0))
    learner = Learner(network, arrays, settings, select_path(network.cell, device), device, group)
    ids = np.random.default_rng(0).integers(0, SYMBOLS, (size.batch, size.steps + 1))
    own = group.part.rows(size.batch)
    rows = own.stop - own.start
    batch = Batch(
        ids[own, :-1],
        ids[own, 1:],
        np.ones((rows, size.steps), np.float32),
        np.zeros(rows, np.bool_),
        first_row=own.start,
        other_rows=size.batch - rows,
        other_positions=(size.batch - rows) * size.steps,
    )
    states = None

    def update() -> None:
        nonlocal states
        group.broadcast(torch.zeros(7, dtype=torch.float64))  # the order
        _, _, states = learner.take_part(batch, states, RATE, ())

    timed = {"update": update, "exchange": lambda: group.sum(learner.parameters.buffer)}
    found = {name: _median_seconds(action, seconds, group) for name, action in timed.items()}
    if isinstance(group, ProcessGroup):
        if not group.leads:
            group.receive()  # the order to end
        group.leave(0)
    return {**found, "bytes": float(learner.parameters.buffer.nbytes)}


def _median_seconds(action: Any, seconds: float, group: Any) -> float:
    """Return the median duration of an action, which all processes repeat equally often."""
    import torch

    action()
    began, count = time.perf_counter(), 0
    durations: list[float] = []
    again = torch.ones(1)
    while again:
        started = time.perf_counter()
        action()
        durations.append(time.perf_counter() - started)
        count += 1
        again = torch.tensor([float(time.perf_counter() - began < seconds)])
        group.broadcast(again)
    return statistics.median(durations)


def run_team(size: Size, team: str, seconds: float) -> dict[str, float]:
    """Measure in as many new processes as a team has; returns the measurements of the first."""
    processes, threads = TEAMS[team]
    command = [sys.executable, "-m", "tests.benchmarks.processes", "--worker", json.dumps(size)]
    every = [
        subprocess.Popen(
            [*command, "--seconds", str(seconds)],
            env=_environment(rank, processes, threads, port),
            stdout=subprocess.PIPE,
            text=True,
        )
        for port in [free_port()]
        for rank in range(processes)
    ]
    outputs = [process.communicate()[0] for process in every]
    return dict(json.loads(outputs[0]))


def _environment(rank: int, processes: int, threads: int, port: int) -> dict[str, str]:
    several = environment(rank, processes, port) if processes > 1 else {**os.environ}
    return {**several, "OMP_NUM_THREADS": str(threads)}


def curve(file: str, team: str, seconds: float, seed: int) -> list[tuple[float, float]]:
    """Train with default settings, and return the validation loss over time."""
    processes, threads = TEAMS[team]
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    command = [sys.executable, "-m", *(launcher if processes > 1 else []), "charseq", "train", "--json"]
    command += ["--file", file, "--time-limit", f"{seconds:g}s", "--seed", str(seed)]
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(
            [*command, "--out", f"{folder}/run"],
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            capture_output=True,
            text=True,
            check=True,
        )
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    return [(e["seconds"], e["validation_loss"]) for e in events if e["event"] in ("report", "epoch")]


def exchange_seconds(machines: int, size: float, network: str) -> float:
    """Return the duration of a ring all-reduce."""
    bandwidth, latency = NETWORKS[network]
    return 2 * (machines - 1) * (latency + size / machines / bandwidth)


def paper_row(machines: int, network: str, update: float, size: float) -> dict[str, float]:
    """Return speedups over one machine, efficiency, and the smallest K that reaches WORTH."""
    exchange = exchange_seconds(machines, size, network)
    orders = (math.ceil(math.log2(machines)) + 1) * NETWORKS[network][1]
    row: dict[str, float] = {"exchange": exchange}
    for kind, compute in (("same", update / machines), ("growing", update)):
        row[f"{kind} speedup"] = machines * compute / (compute + exchange + orders)
        row[f"{kind} efficiency"] = compute / (compute + exchange + orders)
        left = compute / WORTH - compute - orders
        row[f"{kind} K"] = max(1, math.ceil(exchange / left)) if left > 0 else math.inf
    return row


def print_paper(size: Size, update: float, gradient: float, console: Console) -> None:
    """Print the table of several machines."""
    title = f"{size}: {1000 * update:.1f} ms and {gradient / 1e6:.2f} MB per update, on paper"
    table = Table("network", "machines", "exchange, ms", title=title)
    for kind in ("same batch", "growing batch"):
        for column in ("speedup", "efficiency", "K"):
            table.add_column(f"{kind}: {column}")
    for network in NETWORKS:
        for machines in MACHINES:
            row = paper_row(machines, network, update, gradient)
            cells = [network, str(machines), f"{1000 * row['exchange']:.1f}"]
            for kind in ("same", "growing"):
                k = row[f"{kind} K"]
                cells += [f"{row[f'{kind} speedup']:.1f}", f"{row[f'{kind} efficiency']:.0%}"]
                cells.append("none" if math.isinf(k) else f"{k:.0f}")
            table.add_row(*cells)
    console.print(table)


def print_quality(curves: Mapping[str, list[list[tuple[float, float]]]], console: Console) -> None:
    """Print the last losses, and the seconds to the worst of them."""
    goal = max(losses[-1][1] for several in curves.values() for losses in several)
    table = Table("processes", "final validation loss", f"seconds to {goal:.4f}", title="time to quality")
    for team, several in curves.items():
        finals = [losses[-1][1] for losses in several]
        reached = [next(second for second, loss in losses if loss <= goal) for losses in several]
        table.add_row(
            team,
            f"{statistics.median(finals):.4f} ({min(finals):.4f} to {max(finals):.4f})",
            f"{statistics.median(reached):.1f}",
        )
    console.print(table)


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", nargs="?", help="a text for the time to quality")
    parser.add_argument("--seconds", type=float, default=120.0, help="the time limit of a training")
    parser.add_argument("--update-seconds", type=float, default=10.0, help="of each measurement of updates")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", default="rnn-norm,512,64,64,1 rnn-norm,1024,64,64,1 gru,512,64,64,1")
    parser.add_argument("--quick", action="store_true", help="try it: small sizes, one round, a few seconds")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measured(Size(*json.loads(options.worker)), options.seconds)))
        return
    if options.quick:
        options.sizes, options.rounds, options.update_seconds = "rnn-norm,64,16,32,1", 1, 1.0
        options.seconds = min(options.seconds, 5.0)
    console = Console(width=140)
    for text in options.sizes.split():
        cell, *numbers = text.split(",")
        size = Size(cell, *map(int, numbers))
        table = Table("processes", "characters/s", "update, ms", "exchange, ms", "bytes", title=str(size))
        updates = {}
        for team in TEAMS:
            rounds = [run_team(size, team, options.update_seconds) for _ in range(options.rounds)]
            update, exchange = (statistics.median(r[name] for r in rounds) for name in ("update", "exchange"))
            updates[team] = update
            throughput = size.batch * size.steps / update
            cells = [f"{throughput:,.0f}", f"{1000 * update:.2f}", f"{1000 * exchange:.2f}"]
            table.add_row(team, *cells, f"{rounds[0]['bytes']:,.0f}")
        console.print(table)
        print_paper(size, updates["1 process, 2 threads"], rounds[0]["bytes"], console)
    if options.file:
        teams = {
            team: [curve(options.file, team, options.seconds, seed) for seed in range(options.rounds)]
            for team in TEAMS
        }
        print_quality(teams, console)


if __name__ == "__main__":
    main()

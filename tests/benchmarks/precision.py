"""Measure training in bfloat16 beside float32: updates per second, and validation loss.

python -m tests.benchmarks.precision
python -m tests.benchmarks.precision corpus.txt --epochs 1
python -m tests.benchmarks.precision corpus.txt --time-limits 30,120

Without a file, whole updates are measured in turn, and a ratio compares the two precisions within one round.
With one, both train on it in turn with each seed: for the same number of updates with fixed settings, or with
default settings for the same time, so that the faster one may get a larger network.  The loss is in nats per
character over the last tenth of the text, without an n-gram model.  Run it alone on the machine.
"""

import argparse
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from charseq.settings.train_settings import ChosenPrecision
from charseq.text.corpus import AnyCorpus
from charseq.text.sources import read_corpus
from tests.benchmarks.defaults import attempt
from tests.benchmarks.throughput import SYMBOLS, by_charseq, seconds, sizes

PRECISIONS: tuple[ChosenPrecision, ...] = ("float32", "bfloat16")
FIXED = {"hidden_size": 512, "layers": 1, "batch_size": 32, "sequence_length": 32, "dropout": 0.0}
"""Settings of the runs with the same number of updates."""


def rates(options: argparse.Namespace) -> Table:
    """Measure updates of every cell at every size, in both precisions in turn."""
    title = f"characters per second, {options.threads} threads"
    table = Table("cell", "H, B, T, layers", *PRECISIONS, "ratio (min to max)", title=title)
    for size in sizes(options.sizes, options.layers):
        ids = torch.randint(SYMBOLS, (size.batch, size.steps + 1))
        for cell in options.cells.split(","):
            updates = [by_charseq(cell, size, ids, "cpu", "native", precision) for precision in PRECISIONS]
            rounds = [
                [seconds(update, options.seconds, "cpu") for update in updates] for _ in range(options.rounds)
            ]
            medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
            ratios = [float32 / bfloat16 for float32, bfloat16 in rounds]
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            shown = [f"{size.characters / median:,.0f}" for median in medians]
            table.add_row(cell, ", ".join(map(str, size)), *shown, spread)
    return table


def losses(corpus: AnyCorpus, seed: int, settings: Mapping[str, Any]) -> tuple[list[str], list[float]]:
    """Train with a seed in both precisions; return the networks and the losses."""
    networks, by_precision = [], []
    for precision in PRECISIONS:
        start, _, end = attempt(corpus, {**settings, "precision": precision, "ngram": 0, "seed": seed})
        chosen = start.settings
        networks.append(f"{chosen.layers} x {chosen.hidden_size}")
        by_precision.append(end.validation_loss if end.validation_loss is not None else float("nan"))
    return networks, by_precision


def add_losses(table: Table, corpus: AnyCorpus, seeds: int, settings: dict[str, Any]) -> None:
    """Add a row for settings: the networks, the mean losses of all seeds, and their differences."""
    measured = [losses(corpus, seed, settings) for seed in range(seeds)]
    networks = measured[0][0]
    means = [statistics.fmean(column) for column in zip(*(pair for _, pair in measured), strict=True)]
    differences = [bfloat16 - float32 for _, (float32, bfloat16) in measured]
    shown = [f"{mean:.4f} ({network})" for mean, network in zip(means, networks, strict=True)]
    spread = f"{means[1] - means[0]:+.4f} ({min(differences):+.4f} to {max(differences):+.4f})"
    limit = settings.get("time_limit")
    table.add_row(
        settings.get("cell", "default"), f"{limit:g} s" if limit else "equal updates", *shown, spread
    )


def main() -> None:
    """Measure rates, or losses on a text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", nargs="?", help="a UTF-8 text")
    parser.add_argument("--cells", default="rnn,rnn-relu,rnn-norm,lstm,gru,slstm")
    parser.add_argument(
        "--sizes", default="512,32,32 512,64,32 1024,32,32 1024,64,32", help="hidden,batch,steps of each size"
    )
    parser.add_argument("--layers", default="1", help="numbers of layers, as in 1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seeds", type=int, default=3, help="runs in each precision")
    parser.add_argument("--epochs", type=int, default=1, help="of the runs with the same number of updates")
    parser.add_argument("--time-limits", default="", help="seconds, as in 30,120; default settings")
    parser.add_argument("--first", type=int, default=0, help="characters to read from the file; 0 reads all")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.file is None:
        Console().print(rates(options))
        return
    text = Path(options.file).read_text(encoding="utf-8")[: options.first or None]
    corpus = read_corpus([text], [], lines=False, unit="character", standard_input=sys.stdin.buffer)
    table = Table("cell", "training", *PRECISIONS, "difference (min to max)", title="validation loss")
    if options.time_limits:
        for limit in options.time_limits.split(","):
            add_losses(table, corpus, options.seeds, {"time_limit": float(limit)})
    else:
        for cell in options.cells.split(","):
            add_losses(table, corpus, options.seeds, {**FIXED, "cell": cell, "epochs": options.epochs})
    Console().print(table)


if __name__ == "__main__":
    main()

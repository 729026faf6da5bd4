"""Measure the validation loss over the training time: charseq's default settings against plain PyTorch.

python -m tests.benchmarks.time_to_quality corpus.txt --seconds 120

Plain PyTorch is one-hot input, torch.nn.GRU of 256, a linear head, cross_entropy, clip_grad_norm_, fused
Adam at 3e-3 with a cosine schedule over the same time, batches of 32 streams, 32 steps, the state carried.
Losses are in nats per character over the last tenth of the text, with the state carried.  The time limit
includes evaluation for charseq, but not for plain PyTorch.

charseq is the model as it is used.  "cross-validated" is the same with gates that are fitted to the other
half of the held-out text; the network and the n-grams alone are its parts.  --cold also scores the saved
model in windows of 256 characters that start without any context, as other tools report it.
"""

import argparse
import json
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

import charseq
from charseq.events import Epoch
from charseq.inference.scoring import score_texts
from charseq.model.model_file import Model, read
from charseq.runs.folder import MODEL
from charseq.text.vocabulary import Vocabulary

HIDDEN, ROWS, STEPS, RATE = 256, 32, 32, 3e-3
EVALUATION_ROWS = 64
COLD = 256
"""Characters of a window that starts without context."""
FIELDS = {
    "charseq": "validation_loss",
    "cross-validated": "cross_validation_loss",
    "network alone": "network_validation_loss",
    "n-grams alone": "ngram_validation_loss",
}
"""The fields of the epoch event with the losses of charseq's curves."""

Curve = list[tuple[float, float]]
"""Pairs of seconds and loss."""


def streams(ids: Tensor, rows: int) -> Tensor:
    """Split a text [N] into rows [B N/B], without the remainder."""
    return ids[: len(ids) // rows * rows].view(rows, -1)


class Plain(torch.nn.Module):
    """One-hot input, a GRU, a linear head."""

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.symbols = symbols
        self.gru = torch.nn.GRU(symbols, HIDDEN, batch_first=True)
        self.head = torch.nn.Linear(HIDDEN, symbols)

    def forward(self, ids: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Ids [B T] -> logits [B T V], final state."""
        hs, state = self.gru(functional.one_hot(ids, self.symbols).float(), state)
        return self.head(hs), state


@torch.no_grad()
def evaluate(model: Plain, held_out: Tensor) -> float:
    """Return the loss over the held-out text in nats per character."""
    rows, state, total, characters = streams(held_out, EVALUATION_ROWS), None, 0.0, 0
    for first in range(0, rows.shape[1] - 1, 256):
        window = rows[:, first : first + 257]
        logits, state = model(window[:, :-1], state)
        targets = window[:, 1:].flatten()
        total += float(functional.cross_entropy(logits.flatten(0, 1), targets, reduction="sum"))
        characters += targets.numel()
    return total / characters


def plain_pytorch(training: Tensor, held_out: Tensor, symbols: int, seconds: float, seed: int) -> Curve:
    """Train for this many seconds; evaluate after every epoch and at the end."""
    torch.manual_seed(seed)
    model = Plain(symbols)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    rows = streams(training, ROWS)
    curve: Curve = []
    spent, began = 0.0, time.perf_counter()
    while spent < seconds:
        state: Tensor | None = None
        for first in range(0, rows.shape[1] - 1 - STEPS, STEPS):
            spent_now = spent + time.perf_counter() - began
            if spent_now >= seconds:
                break
            optimizer.param_groups[0]["lr"] = RATE * (
                0.05 + 0.475 * (1 + math.cos(math.pi * spent_now / seconds))
            )
            window = rows[:, first : first + STEPS + 1]
            logits, state = model(window[:, :-1], state)
            loss = functional.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            state = state.detach()
        spent += time.perf_counter() - began
        curve.append((spent, evaluate(model, held_out)))
        began = time.perf_counter()
    return curve


def by_charseq(text: str, seconds: float, seed: int, *, cold: bool) -> dict[str, Curve]:
    """Train as `charseq train --time-limit` does; return a curve of the model and of each of its parts."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        limits: dict[str, Any] = {"time_limit": seconds, "validation_split": "tail"}
        events = [*charseq.train(text, out=out, seed=seed, **limits)]
        epochs = [event for event in events if isinstance(event, Epoch)]
        curves = {
            name: [(e.seconds, loss) for e in epochs if (loss := getattr(e, field)) is not None]
            for name, field in FIELDS.items()
        }
        if cold:
            curves["cold windows"] = [(epochs[-1].seconds, in_cold_windows(read(out / MODEL), text))]
    return {name: curve for name, curve in curves.items() if curve}


def in_cold_windows(model: Model, text: str) -> float:
    """Return the loss of the last tenth of a text in windows that start without context."""
    ids = model.vocabulary.encode(text)
    held_out = ids[len(ids) - round(len(ids) * 0.1) :]
    windows = [held_out[first : first + COLD + 1] for first in range(0, len(held_out) - COLD, COLD)]
    scored = score_texts(model, windows)
    return float(np.concatenate([surprisals.nats for surprisals in scored]).mean())


def main() -> None:
    """Train both in turn and print both curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", help="a UTF-8 text")
    parser.add_argument("--seconds", type=float, default=120, help="of each training")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each program")
    parser.add_argument("--cold", action="store_true", help="also score windows without context")
    parser.add_argument("--json", action="store_true", help="print one JSON object per training")
    options = parser.parse_args()
    text = Path(options.file).read_text(encoding="utf-8")
    vocabulary = Vocabulary.of([text])
    ids = torch.from_numpy(vocabulary.encode(text).astype(np.int64))
    cut = len(ids) - round(len(ids) * 0.1)
    last: dict[str, list[float]] = {}
    for seed in range(options.seeds):
        curves = {
            **by_charseq(text, options.seconds, seed, cold=options.cold),
            "plain PyTorch": plain_pytorch(ids[:cut], ids[cut:], len(vocabulary), options.seconds, seed),
        }
        for name, curve in curves.items():
            last.setdefault(name, []).append(curve[-1][1])
            if options.json:
                print(json.dumps({"program": name, "seed": seed, "curve": curve}), flush=True)
            else:
                shown = "  ".join(f"{at:.0f} s {loss:.3f}" for at, loss in curve)
                print(f"{name:15s} seed {seed}: {shown}", flush=True)
    if not options.json:
        for name, losses in last.items():
            spread = f"({min(losses):.4f} to {max(losses):.4f})"
            print(f"{name:15s} after {options.seconds:g} s: {statistics.fmean(losses):.4f} {spread}")


if __name__ == "__main__":
    main()
